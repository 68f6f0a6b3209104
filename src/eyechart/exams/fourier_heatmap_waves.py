"""Which waves the heat map asks for, how strong they are, and how they are summed up and laid out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from eyechart.spectrum.basis import UniqueFrequencies, unique_frequencies

Array = np.ndarray[Any, Any]
Preset = Literal["auto", "full", "paper", "coarse"]

PAPER_SQUARE = 31  # their 63 x 63 lowest frequencies of ImageNet images
FULL_UP_TO = 600  # waves; 32 x 32 pixels have 514
COARSE_CELLS, COARSE_REACH, COARSE_ZOOM = 14, 3, 4
THIRDS = {"low": (0.0, 1 / 3), "middle": (1 / 3, 2 / 3), "high": (2 / 3, np.inf)}  # of n/2; zero frequency in none


class Grid(NamedTuple):
    """A grid of frequencies around zero: multiples of ``steps`` with |fy| and |fx| up to ``reach``."""

    steps: tuple[int, int]
    reach: tuple[int, int]

    def holds(self, points: Array) -> Array:
        """Which of the points (m, 2) lie on it."""
        return np.asarray(((points % self.steps == 0) & (abs(points) <= self.reach)).all(-1))


def grids(size: tuple[int, int], preset: Preset) -> tuple[Grid, ...]:
    """The grids whose frequencies are asked for, the widest first.

    ``coarse``: at most 14 frequencies across the whole plane, then twice zoomed in by four: seven across the middle (as long
    as frequencies are left out there). At 224 pixels steps 16, 4 and 1; 148 waves.

    >>> [(g.steps[0], g.reach[0]) for g in grids((224, 224), "coarse")]
    [(16, 112), (4, 12), (1, 3)]
    """
    whole = (size[0] // 2, size[1] // 2)
    if preset == "auto":
        preset = "full" if len(frequencies(size).points) <= FULL_UP_TO else "coarse"
    if preset == "full":
        return (Grid((1, 1), whole),)
    if preset == "paper":
        return (Grid((1, 1), (min(PAPER_SQUARE, whole[0]), min(PAPER_SQUARE, whole[1]))),)
    steps = (ceil(size[0] / COARSE_CELLS), ceil(size[1] / COARSE_CELLS))
    found = [Grid(steps, whole)]
    while max(steps) > 1:
        steps = (ceil(steps[0] / COARSE_ZOOM), ceil(steps[1] / COARSE_ZOOM))
        found.append(Grid(steps, (min(COARSE_REACH * steps[0], whole[0]), min(COARSE_REACH * steps[1], whole[1]))))
    return tuple(found)


class Part(NamedTuple):
    """A part of the plane: its coordinates, and how often each wave stands in it (m,)."""

    at: Mapping[str, Any]
    weights: Array


@lru_cache(maxsize=8)
def frequencies(size: tuple[int, int]) -> UniqueFrequencies:
    """All waves of a frame; radii as true circles (``isotropic``)."""
    return unique_frequencies(*size, units="isotropic")


@dataclass(frozen=True)
class Chosen:
    """The waves asked for.

    Attributes:
        size: the frame, (height, width).
        grids: on which they lie.
        radius: none lies beyond, cycles across the longer side; None = no bound.
    """

    size: tuple[int, int]
    grids: tuple[Grid, ...]
    radius: float | None = None

    @cached_property
    def among(self) -> Array:
        """Numbers of the waves among ``frequencies(size)``: (m,), ascending."""
        everything = frequencies(self.size)
        inside = np.full(len(everything.points), True)
        if self.radius is not None:
            inside = everything.radii.numpy() <= self.radius
        on_grid = np.any([grid.holds(everything.points.numpy()) for grid in self.grids], axis=0)
        return np.flatnonzero(on_grid & inside)

    @property
    def points(self) -> Array:
        """(m, 2) signed (fy, fx)."""
        return frequencies(self.size).points.numpy()[self.among]

    @property
    def radii(self) -> Array:
        """(m,) cycles across the longer side."""
        return frequencies(self.size).radii.numpy()[self.among]

    @property
    def places(self) -> list[dict[str, Any]]:
        """Coordinates of each wave."""
        where = zip(self.points.tolist(), self.radii.tolist(), strict=True)
        return [{"fy": fy, "fx": fx, **self._at(radius)} for (fy, fx), radius in where]

    @property
    def whole(self) -> Part:
        """All waves: each counts 2, or 1 where it is its own mirror."""
        everything = frequencies(self.size)
        weights = np.where((everything.points == everything.mirrors).all(1).numpy(), 1.0, 2.0)
        return Part({}, weights[self.among])

    @property
    def ring_parts(self) -> list[Part]:
        """Rings around zero: the nearest integer radius, or half octaves where frequencies are left out between.

        Half octaves: 0 is zero frequency alone, else round(1 + 2 log2 D), so that 1 holds radius 1.
        """
        radii, weights = self.radii, self.whole.weights
        rings = np.floor(radii + 0.5).astype(int)
        if len(self.grids) > 1:
            rings = np.where(radii == 0, 0, np.floor(2 * np.log2(np.maximum(radii, 1)) + 1.5)).astype(int)
        found = []
        for ring in np.unique(rings):
            inside = np.where(rings == ring, weights, 0.0)
            found.append(Part({"ring": int(ring), **self._at(float(np.average(radii, weights=inside)))}, inside))
        return found

    @property
    def third_parts(self) -> list[Part]:
        """Thirds of n/2 that hold waves; zero frequency is in none."""
        share, weights = self.radii / (max(self.size) / 2), self.whole.weights
        inside = {name: np.where((low < share) & (share <= high), weights, 0.0) for name, (low, high) in THIRDS.items()}
        return [Part({"third": name}, part) for name, part in inside.items() if part.any()]

    def plane(self, values: Sequence[float | None]) -> Array:
        """Values of the waves (m,), with their mirrors, as the centred plane (h, w); NaN where none was asked for."""
        everything = torch.full((len(frequencies(self.size).points),), torch.nan, dtype=torch.float64)
        numbers = [np.nan if value is None else value for value in values]
        everything[torch.from_numpy(self.among)] = torch.tensor(numbers, dtype=torch.float64)
        return frequencies(self.size).fill(everything).numpy()

    def _at(self, radius: float) -> dict[str, float]:
        return {"radius": round(radius, 4), "radius_nyquist": round(radius / (max(self.size) / 2), 4)}
