"""How far embeddings move under fractional shifts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from eyechart.core.embeddings import Scale, apart, compared_with
from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.query import Answer
from eyechart.core.told import Make, Told, figures

UNDEFINED = ("embed_change", "significant_change", "set_significant_change", "any_significant_change")


def embedded(shown: Sequence[Answer]) -> dict[str, Array]:
    """Columns (n, m): distances from the first."""
    each = [apart(shown[0], answer) for answer in shown]
    return {name: np.stack([one[name] for one in each], 1) for name in each[0]}


def embedded_figures(
    make: Make,
    method: str,
    rows: Mapping[str, Array],
    scale: Scale | None,
    places: Sequence[Mapping[str, float]],
    sets: Mapping[str, Array],
) -> Iterator[Estimate]:
    """All figures of a method.

    Args:
        make: makes an estimate of the exam.
        method: its name.
        rows: of ``embedded``.
        scale: what distances are compared with.
        places: coordinates of the m shifts.
        sets: by name, which of the shifts belong to it; the identity is one.
    """
    at = {"method": method}
    yield from compared_with(make, scale, at, UNDEFINED)
    if scale:
        yield from figures(make, [*_told(rows, scale, places, sets)], at)


def _told(
    rows: Mapping[str, Array], scale: Scale, places: Sequence[Mapping[str, float]], sets: Mapping[str, Array]
) -> Iterator[Told]:
    far, distances = rows["cosine_distance"] > scale.significant, rows["distance"] / scale.mean
    each = np.ones(far.shape, bool)
    for k, place in enumerate(places):
        yield Told("significant_change", "share", place, far[:, [k]], each[:, [k]])
        yield Told("embed_change", "ratio", place, distances[:, [k]], each[:, [k]])
    for name, chosen in sets.items():
        moved = chosen & ~sets["identity"]
        if moved.any():
            yield Told("set_significant_change", "share", {"set": name}, far[:, moved], each[:, moved])
        yield Told(
            "any_significant_change", "share", {"set": name}, np.asarray(far[:, chosen].any(1))[:, None], each[:, :1]
        )
