"""Which parts of an image the bands exam shows, and under which columns and coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from eyechart.core.query import Query
from eyechart.core.view import InputView
from eyechart.spectrum.grid import Units, rings
from eyechart.views.bands import Band, BandPass, Side
from eyechart.views.splits import LowRank, OwnHead, PooledHead

Name = Literal["low", "high", "pass"]
Head = Literal["none", "pooled", "per_image"]
SIDES: tuple[Side, Side] = ("low", "high")


@dataclass(frozen=True)
class Layout:
    """The parts that the exam's settings name, in frames of one size.

    Attributes:
        size: (height, width) of the frame.
        radii: ascending, cycles per image.
        bands, inclusive, units, head, head_share, control: settings of the exam.
    """

    size: tuple[int, int]
    radii: tuple[float, ...]
    bands: tuple[Name, ...]
    inclusive: bool
    units: Units
    head: Head
    head_share: float
    control: bool

    @property
    def sides(self) -> tuple[Side, ...]:
        """Which of the low and the high band are shown at each radius."""
        return tuple(side for side in SIDES if side in self.bands)

    @property
    def inner(self) -> tuple[float, ...]:
        """Where the band below each radius begins: the next smaller radius, 0 for the first."""
        return (0.0, *self.radii[:-1])

    def at(self, radius: float) -> dict[str, Any]:
        """Coordinates of a radius."""
        return {"radius": radius, "radius_nyquist": radius / (max(self.size) / 2)}

    def places(self) -> Iterator[tuple[Name, int, dict[str, Any]]]:
        """Every band at every radius: name, number of the radius, coordinates."""
        for j, (inner, radius) in enumerate(zip(self.inner, self.radii, strict=True)):
            for band in self.bands:
                between = {"inner": inner} if band == "pass" else {}
                yield band, j, {"band": band, **between, **self.at(radius)}

    def band(self, side: Side, radius: float) -> Band:
        """The low or the high band at a radius."""
        return Band(side, radius, self.inclusive, self.units)

    def views(self, pooled: float | None) -> dict[str, tuple[InputView, ...]]:
        """Column prefix -> views, one a radius; those of the head stand alone.

        Args:
            pooled: head radius of the pooled spectrum, if it is known and there is one.
        """
        found: dict[str, tuple[InputView, ...]] = {s: tuple(self.band(s, r) for r in self.radii) for s in self.sides}
        if "pass" in self.bands:
            between = zip(self.radii[:-1], self.radii[1:], strict=True)
            others = (BandPass(a, b, self.inclusive, self.units) for a, b in between)
            found["pass"] = (self.band("low", self.radii[0]), *others)
        if self.control:
            for side in SIDES:
                found[f"svd_{side}"] = tuple(LowRank(side, r, self.inclusive, self.units) for r in self.radii)
        if self.head == "pooled" and pooled is not None:
            found |= {f"head_{side}": (PooledHead(side, pooled, self.units),) for side in SIDES}
        if self.head == "per_image":
            found |= {f"head_{side}": (OwnHead(side, self.head_share, self.units),) for side in SIDES}
        return found

    def queries(self, pooled: float | None) -> tuple[Query, ...]:
        """All views once, those of one radius together: they share what they are made of."""
        views = self.views(pooled)
        radial = zip(*(v for name, v in views.items() if not name.startswith("head")), strict=True)
        heads = (v for name, v in views.items() if name.startswith("head"))
        return tuple(dict.fromkeys(Query(view) for view in (*chain(*radial), *chain(*heads))))

    def empty(self) -> Iterator[dict[str, Any]]:
        """Coordinates of the bands that hold no frequency of this frame."""
        for band, j, at in self.places():
            up_to = self._within(self.radii[j])
            below = self._within(self.radii[j - 1]) if j else 0
            held = {"low": up_to, "high": self._within(float("inf")) - up_to, "pass": up_to - below}[band]
            if not held:
                yield at

    def _within(self, radius: float) -> int:
        """Number of distinct radii of the frame's frequencies that a low band holds."""
        distances = rings(*self.size, "continuous", self.units).radii
        return int((distances <= radius if self.inclusive else distances < radius).sum())
