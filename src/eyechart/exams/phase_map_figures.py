"""What the phase map counts: change by shift, over all shifts, and the scale of embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.core.exam import Array
from eyechart.exams.phase_map_shifts import Shifts
from eyechart.stats.intervals import Interval, means, ratios, wilson


@dataclass(frozen=True)
class Told:
    """A figure without its mode."""

    measure: str
    unit: str
    at: Mapping[str, Any]
    interval: Interval


def changes_by_shift(top1: Array, moved: Array, labels: Array, right: Array, shifts: Shifts) -> Iterator[Told]:
    """Changed answers (n, m) and moved probability, shift by shift; the unshifted frame, which has none, included."""
    changed = top1 != top1[:, :1]
    for given, group in _groups(labels, right).items():
        for at, count in zip(shifts.places, changed[group].sum(0).tolist(), strict=True):
            yield Told("p_top1_change", "share", {**at, "given": given}, wilson(count, int(group.sum())))
    for at, interval in zip(shifts.places, means(moved), strict=True):
        yield Told("mean_absolute_change", "probability", at, interval)


def overall(top1: Array, labels: Array, right: Array, shifts: Shifts) -> Iterator[Told]:
    """All shifts of less than a period, and nested squares of them."""
    changed = top1 != top1[:, :1]
    inside = shifts.below(shifts.period)
    inside[0] = False
    if inside.any():
        for given, group in _groups(labels, right).items():
            events = changed[group][:, inside].sum(1, keepdims=True)
            (interval,) = ratios(events, np.full_like(events, inside.sum()), share=True)
            yield Told("mean_p_top1_change", "share", {"given": given}, interval)
    known = labels >= 0
    fine = (top1 == labels[:, None])[known]
    for edge in shifts.edges:
        at, square = {"below": edge}, shifts.below(edge)
        yield Told("any_change", "share", at, wilson(int(changed[:, square].any(1).sum()), len(changed)))
        if known.any():
            yield Told("worst_accuracy", "share", at, wilson(int(fine[:, square].all(1).sum()), len(fine)))
            each = fine[:, square].sum(1, keepdims=True)
            (interval,) = ratios(each, np.full_like(each, square.sum()), share=True)
            yield Told("mean_accuracy", "share", at, interval)


def squares(embeddings: Array) -> dict[str, Array]:
    """What ``embedding_scale`` adds up of embeddings (n, k): columns (n, ...)."""
    values = embeddings.astype(np.float64)
    return {"embedding": values, "square": (values**2).sum(1), "images": np.ones(len(values))}


def embedding_scale(sums: Mapping[str, Array]) -> float:
    """Root mean square distance of two different images: 2 n / (n - 1) (mean |e|^2 - |mean e|^2), its root; 1 where it is 0."""
    n = sums["images"].sum()
    spread = sums["square"].sum() / n - ((sums["embedding"].sum(0) / n) ** 2).sum()
    distance = float(np.sqrt(max(0.0, 2 * n / max(1.0, n - 1) * spread)))
    return distance or 1.0


def _groups(labels: Array, right: Array) -> Mapping[str, Array]:
    every = {"all": np.ones(len(labels), bool)}
    return {**every, "correct": right} if (labels >= 0).any() else every
