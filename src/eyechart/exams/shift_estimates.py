"""Figures of the shift exam: pairs of one image are alike, so intervals resample whole images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.told import NO_PAIR, Make, Told
from eyechart.exams.shift_rows import Rows


def changes(rows: Rows, image_top1: Array, labels: Array, top: int) -> Iterator[Told]:
    """Changed answers, moved probabilities and jaggedness, over all images and over those right on the clean view."""
    known = labels >= 0
    groups = {"all": np.ones(len(labels), bool)}
    if known.any():
        groups["correct"] = (image_top1 == labels) & known
    changed = rows["top1_1"] != rows["top1_2"]
    for given, group in groups.items():
        counts = rows["valid"] & group[:, None]
        yield Told("p_top1_change", "share", {"given": given}, changed & counts, counts)
        moved = np.where(counts, rows["absolute_change"], 0.0)
        yield Told("mean_absolute_change", "probability", {"given": given}, moved, counts)
        if known.any():
            counts = counts & known[:, None]
            jagged = (rows["top5_1"] != rows["top5_2"]) & counts
            yield Told("jaggedness_top5", "share", {"given": given, "top": top}, jagged, counts)
    lost = ~(rows["top5_pred_2"] > 0) & rows["valid"]
    yield Told("jaggedness_top5_pred", "share", {"top": top}, lost, rows["valid"])


def context(rows: Rows, labels: Array) -> Iterator[Told]:
    """What keeps the reader honest: accuracy on the frames, the commonest answer, how far the frames really moved."""
    valid = rows["valid"]
    known = valid & (labels >= 0)[:, None]
    if "top1_1" in rows:
        if (labels >= 0).any():
            for frame in (1, 2):
                right = (rows[f"top1_{frame}"] == labels[:, None]) & known
                yield Told("accuracy", "share", {"frame": frame}, right, known)
        answers = rows["top1_1"][valid]
        most = np.bincount(answers).argmax() if len(answers) else 0
        yield Told("commonest_answer_share", "share", {}, (rows["top1_1"] == most) & valid, valid)
    yield Told("effective_shift", "pixels", {}, np.where(valid, rows["effective_shift"], 0.0), valid)
    if "fill_difference" in rows:
        filled = valid & np.isfinite(rows["fill_difference"])
        yield Told("fill_difference", "8-bit steps", {}, np.where(filled, rows["fill_difference"], 0.0), filled)


def counts(make: Make, rows: Rows, n: int, at: Mapping[str, Any]) -> Iterator[Estimate]:
    """Pairs that could not be drawn, and pictures that were made to fit."""
    for measure, pairs in (("skipped_pairs", ~rows["valid"]), ("capped_pairs", rows["capped"] > 0)):
        yield make(measure, unit="count", value=float(pairs.sum()), n=n, at=at)


def design_effect(make: Make, events: Array, pairs: Array, at: Mapping[str, Any]) -> Estimate:
    """Variance of the share over that of as many independent pairs; ``events`` and ``pairs`` are (n, pairs)."""
    y, m = events.sum(1).astype(float), pairs.sum(1).astype(float)
    images, total = int((m > 0).sum()), m.sum()
    p = y.sum() / total if total else 0.0
    if images < 2 or not 0 < p < 1:
        why = NO_PAIR if not total else "the answer changes in no pair, or in all, or there is one image"
        return make("design_effect", unit="ratio", value=None, n=images, at=at, reason=why)
    variance = images / (images - 1) * ((y - p * m) ** 2).sum() / total**2
    return make("design_effect", unit="ratio", value=float(variance / (p * (1 - p) / total)), n=images, at=at)
