"""What the consistency exam counts, before intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil

import numpy as np

from eyechart.core.embeddings import Scale, turns
from eyechart.core.exam import Array
from eyechart.core.query import Answer
from eyechart.core.told import Told

BINS = 8  # steps of distance in the room on one axis


def told(rows: Mapping[str, Array], image_top1: Array, labels: Array, room: int) -> Iterator[Told]:
    """All figures of a mode whose rows, without its name, are given; ``room``: pixels that places spread over on one axis."""
    groups = {"all": np.ones(len(labels), bool)}
    known = labels >= 0
    if known.any():
        groups["correct"] = (image_top1 == labels) & known
    valid, changed = rows["valid"], rows["top1_1"] != rows["top1_2"]
    for given, group in groups.items():
        counts = valid & group[:, None]
        yield Told("consistency", "share", {"given": given}, ~changed & counts, counts)
        yield Told("mean_absolute_change", "probability", {"given": given}, _moved(rows, counts), counts)
    if known.any():
        frames = np.concatenate([rows["top1_1"], rows["top1_2"]], axis=1)
        count = np.tile(valid & known[:, None], 2)
        yield Told("accuracy", "share", {}, (frames == labels[:, None]) & count, count)
    yield _commonest(rows)
    yield from _by_distance(rows, "distance_change", "share", changed, room)
    yield from _by_distance(rows, "distance_absolute_change", "probability", rows["absolute_change"], room)


def answered(first: Answer, second: Answer) -> dict[str, Array]:
    """Columns (n,) of one pair, of a model with classes."""
    return {
        "top1_1": first.top1.astype(np.int32),
        "top1_2": second.top1.astype(np.int32),
        "absolute_change": first.absolute_change(second).astype(np.float32),
    }


def moved(rows: Mapping[str, Array], scale: Scale | None, room: int) -> Iterator[Told]:
    """All figures of a mode of a model that embeds."""
    yield from turns(rows, scale)
    if scale:
        yield from _by_distance(
            rows, "distance_significant_change", "share", rows["cosine_distance"] > scale.significant, room
        )
    yield from _by_distance(rows, "distance_cosine_distance", "cosine distance", rows["cosine_distance"], room)


def worst(rows: Mapping[str, Array], image_top1: Array, labels: Array) -> Iterator[tuple[int, Array]]:
    """Numbers of windows, and which labelled images are right on the clean view and on those; all windows could be drawn."""
    counted = (labels >= 0) & rows["valid"].all(1)
    if not counted.any():
        return
    right = (image_top1 == labels)[counted]
    yield 0, right
    frames = np.stack([rows["top1_1"], rows["top1_2"]], axis=2).reshape(len(labels), -1)[counted]
    for k in range(frames.shape[1]):
        right = right & (frames[:, k] == labels[counted])
        yield k + 1, right


def _moved(rows: Mapping[str, Array], counts: Array) -> Array:
    return np.where(counts, rows["absolute_change"], 0.0)


def _commonest(rows: Mapping[str, Array]) -> Told:
    frames, valid = np.concatenate([rows["top1_1"], rows["top1_2"]], axis=1), np.tile(rows["valid"], 2)
    answers = frames[valid]
    most = np.bincount(answers).argmax() if len(answers) else 0
    return Told("commonest_answer_share", "share", {}, (frames == most) & valid, valid)


def _by_distance(rows: Mapping[str, Array], measure: str, unit: str, events: Array, room: int) -> Iterator[Told]:
    """Events of pairs by how far apart their places lie; distances without a pair are left out."""
    far = np.hypot(rows["down"], rows["right"])
    step = max(1, ceil(room / BINS))
    edges = [0, *range(step, int(far.max(initial=0)) + step + 1, step)]
    for start, stop in zip([-1, *edges], edges, strict=False):
        counts = rows["valid"] & (far > start) & (far <= stop)
        if counts.any():
            at = {"from": max(start, 0), "to": stop}
            yield Told(measure, unit, at, np.where(counts, events, 0), counts)
