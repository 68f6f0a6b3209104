"""How far embeddings go along paths: what is kept, and what is reckoned from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from eyechart.core.embeddings import Scale, apart, compared_with
from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.query import Answer
from eyechart.core.tally import Tally
from eyechart.core.told import Make, Told, figures
from eyechart.exams.shift_path_figures import counts

ROUNDING = 1e-5  # of an embedding's length: float32 wavers by as much where nothing changes
STAYS = "the embedding stays on every image that counts here"
UNDEFINED = ("significant_change_rate", "share_with_significant_change", "step_embed_change", "embed_change")


def embedded(frames: Sequence[Answer]) -> dict[str, Array]:
    """Distances (n, T) of the frames from the first, and (n, T - 1) of each from the one before."""
    from_first = [apart(frames[0], frame) for frame in frames]
    steps = [apart(*pair) for pair in pairwise(frames)]
    return {
        **{name: np.stack([one[name] for one in from_first], axis=1) for name in from_first[0]},
        **{f"step_{name}": np.stack([one[name] for one in steps], axis=1) for name in steps[0]},
    }


def embedded_figures(say: Make, path: str, tally: Tally, quantile: float) -> Iterator[Estimate]:
    """All figures of one path; ``quantile``: of the pairs of different images, below which a distance is not significant."""
    rows = {name.removeprefix(f"{path}_"): c for name, c in tally.rows.items() if name.startswith(f"{path}_")}
    scale, at = Scale.of(tally.kept, quantile, path), {"path": path}
    yield from compared_with(say, scale, at, UNDEFINED)
    for e in figures(say, [*_told(rows, tally.rows["image_norm"], scale)], at):
        stays = e.measure == "length_over_reach" and e.value is None and rows["valid"].any()
        yield replace(e, reason=STAYS) if stays else e
    yield from counts(say, path, rows)


def _told(rows: Mapping[str, Array], norms: Array, scale: Scale | None) -> Iterator[Told]:
    """What has an interval.

    Args:
        rows: of ``embedded``, and ``valid`` (n,).
        norms: (n,) length of each image's embedding.
        scale: what distances are compared with.
    """
    valid = rows["valid"]
    each = np.broadcast_to(valid[:, None], rows["step_distance"].shape)
    yield _mean("step_cosine_distance", "cosine distance", rows["step_cosine_distance"], each)
    yield _straightness(rows, norms)
    for step, column in enumerate(rows["cosine_distance"].T):
        yield _mean("cosine_distance", "cosine distance", column[:, None], valid[:, None], step=step)
    if scale is None:
        return
    far = (rows["step_cosine_distance"] > scale.significant) & each
    yield Told("significant_change_rate", "share", {}, far, each)
    yield Told("share_with_significant_change", "share", {}, np.asarray(far.any(1))[:, None], valid[:, None])
    yield _mean("step_embed_change", "ratio", rows["step_distance"] / scale.mean, each)
    for step, column in enumerate(rows["distance"].T):
        yield _mean("embed_change", "ratio", column[:, None] / scale.mean, valid[:, None], step=step)


def _mean(measure: str, unit: str, values: Array, counts: Array, **at: int) -> Told:
    return Told(measure, unit, at, np.where(counts, values, 0.0), counts)


def _straightness(rows: Mapping[str, Array], norms: Array) -> Told:
    """How far the embedding goes in all by how far it gets; images whose embedding stays are left out."""
    length, reach = rows["step_distance"].sum(1, dtype=np.float64), rows["distance"].max(1).astype(np.float64)
    counts = rows["valid"] & (reach > ROUNDING * norms)
    length, reach = (np.where(counts, values, 0.0)[:, None] for values in (length, reach))
    return Told("length_over_reach", "ratio", {}, length, reach)
