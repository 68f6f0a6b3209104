"""What is reckoned from the probabilities and answers along paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.query import Answer
from eyechart.core.words import figure
from eyechart.stats.intervals import ratios

Say = Callable[..., Estimate]
FOLLOWED = {"true": "", "pred": "_pred"}  # the class followed -> end of the measures' names
VARIATION = "sum of changes of probability"
ROUNDING = 1e-5  # of probability: float32 wavers by as much where nothing changes


@dataclass(frozen=True)
class _Told:
    """One figure before its interval: the sum of ``events`` (n,) by that of ``weights`` (n,)."""

    measure: str
    unit: str
    at: Mapping[str, Any]
    events: Array
    weights: Array


def total_variation(p: Array) -> Array:
    """(n,) sum over t of |p[t+1] - p[t]| for (n, T); 0 where p wavers by less than float32 does.

    >>> total_variation(np.array([[0.0, 0.5, 1.0], [0.5, 1.0, 0.0], [0.5, 0.500001, 0.5]]))
    array([1. , 1.5, 0. ])
    """
    p = p.astype(np.float64)
    return np.where(np.ptp(p, axis=1) < ROUNDING, 0.0, np.abs(np.diff(p, axis=1)).sum(1))


def figures(say: Say, path: str, rows: Mapping[str, Array], labels: Array, top: int) -> Iterator[Estimate]:
    """All figures of one path."""
    mine = {name.removeprefix(f"{path}_"): column for name, column in rows.items() if name.startswith(f"{path}_")}
    told = [*_by_group(mine, rows["image_top1"], labels, top), *_context(mine, labels)]
    sums = [np.stack([getattr(one, part) for one in told], axis=1) for part in ("events", "weights")]
    for one, interval in zip(told, ratios(*sums, share=[one.unit == "share" for one in told]), strict=True):
        why = "" if interval.value is not None else _why(one.measure)
        yield say(one.measure, unit=one.unit, at={"path": path, **one.at}, **figure(interval, why))
    yield from counts(say, path, mine)


def drawn(frames: Sequence[Answer]) -> dict[str, Array]:
    """Columns (n,): whether all frames could be drawn, and whether the picture was made smaller still."""
    valid = np.logical_and.reduce([frame.valid for frame in frames])
    return {"valid": valid, "capped": frames[0].notes.get("capped", np.zeros(len(valid))) > 0}


def counts(say: Say, path: str, rows: Mapping[str, Array]) -> Iterator[Estimate]:
    """Images that could not be drawn, and those made smaller still."""
    for measure, images in (("skipped_images", ~rows["valid"]), ("capped_images", rows["capped"])):
        yield say(measure, unit="count", value=float(images.sum()), n=len(images), at={"path": path})


def _why(measure: str) -> str:
    if measure.startswith("variation_over_range"):
        return "the probability is constant on every image that counts here"
    return "no image could be drawn that counts here"


def _by_group(rows: Mapping[str, Array], image_top1: Array, labels: Array, top: int) -> Iterator[_Told]:
    """Turns of the answer and of the probability, over all images and over those right on the clean view."""
    known, steps = labels >= 0, rows["top1"].shape[1] - 1
    groups = {"all": np.ones(len(labels), bool)}
    if known.any():
        groups["correct"] = (image_top1 == labels) & known
    changed = np.diff(rows["top1"], axis=1) != 0
    for given, group in groups.items():
        at, counts = {"given": given}, rows["valid"] & group
        yield _Told("change_rate", "share", at, changed.sum(1) * counts, steps * counts)
        for followed, end in FOLLOWED.items():
            mine = counts & known if followed == "true" else counts
            if followed == "pred" or known.any():
                yield from _of_class(rows[f"in_top_{followed}"], rows[f"p_{followed}"], mine, at, top, end)


def _of_class(in_top: Array, p: Array, counts: Array, at: Mapping[str, Any], top: int, end: str) -> Iterator[_Told]:
    """Transitions and variation of the class followed."""
    transitions, steps = (in_top[:, 1:] != in_top[:, :-1]).sum(1), in_top.shape[1] - 1
    p = np.where(counts[:, None], p, 0.0)
    variation = total_variation(p)
    reach = np.where(variation > 0, np.ptp(p.astype(np.float64), axis=1), 0.0)
    of_top = {**at, "top": top}
    yield _Told(f"transitions_rate{end}", "share", of_top, transitions * counts, steps * counts)
    yield _Told(f"share_with_transition{end}", "share", of_top, (transitions > 0) & counts, counts)
    yield _Told(f"total_variation{end}", VARIATION, at, variation, counts)
    yield _Told(f"range{end}", "probability", at, reach, counts)
    yield _Told(f"variation_over_range{end}", "ratio", at, variation, reach)


def _context(rows: Mapping[str, Array], labels: Array) -> Iterator[_Told]:
    """What keeps the reader honest: accuracy on the frames, and the commonest answer."""
    known, frames = rows["valid"] & (labels >= 0), rows["top1"].shape[1]
    if (labels >= 0).any():
        yield _Told("accuracy", "share", {}, (rows["top1"] == labels[:, None]).sum(1) * known, frames * known)
    first = rows["top1"][:, 0]
    answers = first[rows["valid"]]
    most = np.bincount(answers).argmax() if len(answers) else 0
    yield _Told("commonest_answer_share", "share", {}, (first == most) & rows["valid"], rows["valid"])


def chosen_curves(p: Array, count: int) -> Sequence[int]:
    """Images of (n, T) at evenly spaced quantiles of total variation, the steadiest first; all if they are few."""
    order = np.lexsort((np.arange(len(p)), total_variation(p)))
    places = np.unique(np.linspace(0, len(p) - 1, min(count, len(p))).round().astype(int))
    return [int(order[k]) for k in places]
