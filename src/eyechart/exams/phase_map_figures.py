"""What the phase map counts: change by shift, and over all shifts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from eyechart.core.embeddings import cosine_distance, norm_distance
from eyechart.core.exam import Array
from eyechart.core.query import Answer
from eyechart.core.told import Told
from eyechart.exams.phase_map_shifts import Shifts


def answered(shown: Sequence[Answer]) -> Mapping[str, Array]:
    """Columns (n, m): top classes, and change of probability against the first."""
    return {
        "top1": np.stack([answer.top1 for answer in shown], 1).astype(np.int32),
        "absolute_change": np.stack([shown[0].absolute_change(answer) for answer in shown], 1).astype(np.float32),
    }


def embedded(shown: Sequence[Answer]) -> Mapping[str, Array]:
    """Columns (n, m): distances from the first embedding, and 1 - cosine."""
    first = shown[0].values
    return {
        name: np.stack([far(first, answer.values) for answer in shown], 1).astype(np.float32)
        for name, far in (("distance", norm_distance), ("cosine", cosine_distance))
    }


def changes(rows: Mapping[str, Array], labels: Array, right: Array, shifts: Shifts) -> Iterator[Told]:
    """Changed answers and moved probability shift by shift (the unshifted frame, which has none, included); then over shifts.

    Args:
        rows: ``top1`` and ``absolute_change``, see ``answered``.
        labels: (n,), -1 where unknown.
        right: (n,), the images right on the clean view.
    """
    changed = rows["top1"] != rows["top1"][:, :1]
    groups = {"all": np.ones(len(labels), bool)} | ({"correct": right} if (labels >= 0).any() else {})
    for given, group in groups.items():
        counts = np.broadcast_to(group[:, None], changed.shape)
        for at, column in zip(shifts.places, changed.T, strict=True):
            yield Told("p_top1_change", "share", {**at, "given": given}, (column & group)[:, None], group[:, None])
        inside = shifts.below(shifts.period)
        inside[0] = False
        if inside.any():
            at = {"every": shifts.every, "given": given}
            yield Told("mean_p_top1_change", "share", at, (changed & counts)[:, inside], counts[:, inside])
    for at, column in zip(shifts.places, rows["absolute_change"].T, strict=True):
        yield Told("mean_absolute_change", "probability", at, column[:, None], np.ones((len(column), 1), bool))
    yield from _nested(rows["top1"], changed, labels, shifts)


def significant(far: Array, shifts: Shifts) -> Iterator[Told]:
    """Shift by shift, then over shifts: ``far`` (n, m), which embeddings have moved like another image's."""
    each = np.ones(far.shape, bool)
    for at, column in zip(shifts.places, far.T, strict=True):
        yield Told("significant_change", "share", at, column[:, None], each[:, :1])
    inside = shifts.below(shifts.period)
    inside[0] = False
    if inside.any():
        yield Told("mean_significant_change", "share", {"every": shifts.every}, far[:, inside], each[:, inside])
    for edge in shifts.edges:
        ever = np.asarray(far[:, shifts.below(edge)].any(1))[:, None]
        yield Told("any_significant_change", "share", {"below": edge}, ever, each[:, :1])


def _nested(top1: Array, changed: Array, labels: Array, shifts: Shifts) -> Iterator[Told]:
    """Squares of shifts, each within the next."""
    known, each = (labels >= 0)[:, None], np.ones((len(labels), 1), bool)
    fine = (top1 == labels[:, None]) & known
    for edge in shifts.edges:
        at, square = {"below": edge}, shifts.below(edge)
        yield Told("any_change", "share", at, np.asarray(changed[:, square].any(1))[:, None], each)
        if known.any():
            yield Told("worst_accuracy", "share", at, np.asarray(fine[:, square].all(1))[:, None], known)
            yield Told("mean_accuracy", "share", at, fine[:, square], np.repeat(known, square.sum(), 1))
