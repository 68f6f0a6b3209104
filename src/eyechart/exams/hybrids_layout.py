"""Which conflict images the hybrids exam shows, and under which columns and coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from eyechart.core.query import CLEAN, Query
from eyechart.core.view import Partner
from eyechart.spectrum.grid import Units
from eyechart.views.conflicts import BandHybrid, Conflict, Dc, PhaseSwap
from eyechart.views.parts import ObjectOnParts, Shape

Method = Literal["bands", "phase", "object"]
METHODS: tuple[Method, ...] = ("bands", "phase", "object")
# Of n/2; denser below, where the answer of most nets turns. At 0, A gives its mean colour alone.
SHARES = (0, 1 / 32, 1 / 16, 3 / 32, 1 / 8, 3 / 16, 1 / 4, 5 / 16, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 1)
RUNGS = 4  # radii that a gallery shows


@dataclass(frozen=True)
class Layout:
    """The conflicts that the exam's settings name, in frames of one size.

    Attributes:
        size: (height, width) of the frame.
        methods, radii, mixes, pairs, dc, taper, inclusive, units, shape, share, grid: settings of the exam.
    """

    size: tuple[int, int]
    methods: tuple[Method, ...]
    radii: tuple[float, ...]
    mixes: tuple[float, ...]
    pairs: int
    dc: Dc
    taper: float
    inclusive: bool
    units: Units
    shape: Shape
    share: float
    grid: int

    def places(self, method: Method) -> tuple[dict[str, Any], ...]:
        """Coordinates of a method's conflicts, in the order of their columns."""
        if method == "bands":
            half = max(self.size) / 2
            return tuple({"method": method, "radius": r, "radius_nyquist": r / half} for r in self.radii)
        if method == "phase":
            return tuple({"method": method, "mix": mix} for mix in self.mixes)
        return ({"method": method},)

    def views(self, method: Method, pair: int) -> tuple[Conflict, ...]:
        """A method's conflicts of one pair, in the order of ``places``."""
        if method == "bands":
            return tuple(BandHybrid(pair, r, self.inclusive, self.units, self.taper) for r in self.radii)
        if method == "phase":
            return tuple(PhaseSwap(pair, self.dc, mix, self.taper) for mix in self.mixes)
        return (ObjectOnParts(pair, self.shape, self.share, self.grid),)

    def queries(self) -> tuple[Query, ...]:
        """The image, then, pair by pair, its partner and what is made of both."""
        found = [CLEAN]
        for pair in range(self.pairs):
            found.append(Query(Partner(pair)))
            found += [Query(view) for method in self.methods for view in self.views(method, pair)]
        return tuple(found)

    def pictured(self, method: Method) -> Mapping[str, int]:
        """Names of the conflicts that a gallery shows, and which of the method's they are."""
        return pictured(method, len(self.places(method)))


def pictured(method: Method, n: int) -> Mapping[str, int]:
    """Of a method's n conflicts: a few radii, the strongest mix, the object."""
    chosen: Sequence[int] = [n - 1]
    if method == "bands":
        inner = np.linspace(0, n - 1, RUNGS + 2)[1:-1] if n > RUNGS else np.arange(n)
        chosen = [int(i) for i in np.rint(inner)]
    return {f"{method}_{i}": i for i in chosen}


def usual_radii(size: tuple[int, int]) -> tuple[float, ...]:
    """Whole radii at ``SHARES`` of n/2, each once.

    >>> usual_radii((32, 32))
    (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0)
    """
    return tuple(sorted({float(round(share * max(size) / 2)) for share in SHARES}))
