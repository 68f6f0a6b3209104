"""The grid of the landscape and its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.words import figure
from eyechart.stats.intervals import Interval, means, of_means

Say = Callable[..., Estimate]
At = Mapping[str, Any]
NOT_FINITE = "the loss there is not finite"
NO_POINT = "no point of the grid lies at this distance: take more points, a smaller reach or a larger distance"
ROUNDING = 1e-6  # of the loss (or of 1): differences this far below 0 are rounding


@dataclass(frozen=True)
class Plane:
    """The points (a, b) of a square grid around the net's own weights, those of one b after another.

    Attributes:
        points: along each side, odd.
        reach: of a and b to both sides.
    """

    points: int
    reach: float

    @cached_property
    def along(self) -> tuple[float, ...]:
        """The places along one side."""
        half = self.points // 2
        return tuple(float(f"{self.reach * k / half:.6g}") for k in range(-half, half + 1))

    @property
    def step(self) -> float:
        """Between two neighbours."""
        return 2 * self.reach / (self.points - 1)

    @property
    def places(self) -> list[tuple[float, float]]:
        """(a, b) of each point."""
        return [(a, b) for b in self.along for a in self.along]

    @property
    def centre(self) -> int:
        """The point (0, 0)."""
        return self.points**2 // 2

    def ring(self, distance: float) -> Array:
        """Points within half a step of a distance from the centre, which is none of them: (k,)."""
        far = np.hypot(*np.array(self.places).T)
        near = np.abs(far - distance) <= self.step / 2 * (1 + 1e-6)
        near[self.centre] = False
        return np.flatnonzero(near)

    @property
    def rings(self) -> list[float]:
        """Distances of the centre and of the points along an axis."""
        return list(self.along[self.points // 2 :])

    @property
    def lines(self) -> Array:
        """Points of the four lines through the centre, along both axes and both diagonals: (4, points)."""
        grid = np.arange(self.points**2).reshape(self.points, self.points)
        half = self.points // 2
        return np.stack([grid[half], grid[:, half], np.diag(grid), np.diag(grid[::-1])])

    @property
    def block(self) -> Array:
        """The nine points around the centre: (9,)."""
        grid = np.arange(self.points**2).reshape(self.points, self.points)
        middle = slice(self.points // 2 - 1, self.points // 2 + 2)
        return grid[middle, middle].ravel()


class Landscape:
    """What is said of the losses on the points of a plane.

    Args:
        say: makes an estimate of the exam.
        plane: the points.
        losses: (n, m) of the labelled images, NaN where not finite.
        choosing: (n,) bool, the images by which a point is chosen.
        at: coordinates of the band.
    """

    def __init__(self, say: Say, plane: Plane, losses: Array, choosing: Array, at: At) -> None:
        self._say, self.plane, self.losses, self._at = say, plane, losses.astype(np.float64), at
        self._choosing = choosing
        self.whole: Array = np.asarray(np.isfinite(self.losses).all(0))

    def figures(self, distance: float) -> Iterator[Estimate]:
        """All figures of one band; ``distance``: see ``rise``."""
        yield self._nats("centre_loss", self._mean([self.plane.centre]))
        yield from self._lowest()
        yield self._nats("rise", self.rise(distance), reason=self.missing(distance), distance=distance)
        yield from self._near()
        yield from self._shares()
        yield self._say("holes", unit="count", at=self._at, **holes(self.losses))
        for ring in self.plane.rings:
            points = self.plane.ring(ring) if ring else np.array([self.plane.centre])
            yield self._nats("ring_loss", self._mean(points), distance=ring)
        yield from self._map()

    def rise(self, distance: float) -> Array | None:
        """Mean loss of each image on the ring less its loss at the centre: (n,); None where either has holes or is empty."""
        around, centre = self._mean(self.plane.ring(distance)), self._mean([self.plane.centre])
        return None if around is None or centre is None else around - centre

    def missing(self, distance: float) -> str:
        """Why there is no rise at a distance, where there is none."""
        return NOT_FINITE if len(self.plane.ring(distance)) else NO_POINT

    def _mean(self, points: Array | list[int]) -> Array | None:
        """Mean over points of each image's loss: (n,); None where one of them is a hole, or there are none."""
        return self.losses[:, points].mean(1) if len(points) and self.whole[points].all() else None

    def _nats(
        self, measure: str, column: Array | None, unit: str = "nats", reason: str = NOT_FINITE, **at: Any
    ) -> Estimate:
        if column is None:
            fields: dict[str, Any] = {"value": None, "n": len(self.losses), "reason": reason}
        else:
            fields = figure(means(column[:, None])[0])
        return self._say(measure, unit=unit, at={**self._at, **at}, **fields)

    def _figure(self, measure: str, found: Interval | None, unit: str, **at: Any) -> Estimate:
        fields = figure(found or Interval(None, None, None, len(self.losses), "bootstrap"), _hole(found))
        return self._say(measure, unit=unit, at={**self._at, **at}, **fields)

    def _map(self) -> Iterator[Estimate]:
        intervals = iter(means(self.losses[:, self.whole]))
        for (a, b), whole in zip(self.plane.places, self.whole, strict=True):
            yield self._figure("loss", next(intervals) if whole else None, "nats", a=a, b=b)

    def _lowest(self) -> Iterator[Estimate]:
        """The lowest point by one half of the images, measured on the other."""
        centre, n = self.plane.centre, len(self.losses)
        if n < 2 or not self.whole[centre]:
            reason = "needs two images with a label" if n < 2 else NOT_FINITE
            for measure in ("minimum_loss", "minimum_gap"):
                yield self._say(measure, value=None, n=n, unit="nats", at=self._at, reason=reason)
            return
        chosen = np.where(self.whole, self.losses[self._choosing].mean(0), np.inf)
        lowest = centre if chosen[centre] <= chosen.min() else int(chosen.argmin())
        a, b = self.plane.places[lowest]
        rest = self.losses[~self._choosing]
        yield self._nats("minimum_loss", rest[:, lowest], a=a, b=b)
        yield self._nats("minimum_gap", rest[:, centre] - rest[:, lowest], a=a, b=b)

    def _near(self) -> Iterator[Estimate]:
        """Slopes and curvature by the nine points around the centre."""
        block = self.losses[:, self.plane.block] if self.whole[self.plane.block].all() else None
        step = self.plane.step
        slopes = None if block is None else (block[:, [5, 7]] - block[:, [3, 1]]) / (2 * step)
        for k, along in enumerate(("first", "second")):
            yield self._nats("slope", None if slopes is None else slopes[:, k], "nats per unit", along=along)
        norm = None if slopes is None else of_means(lambda mean: np.hypot(mean[..., 0], mean[..., 1]), slopes)
        yield self._figure("gradient_norm", norm, "nats per unit")
        bent = None if block is None else block @ quadratic(step).T
        for which, side in (("largest", 1), ("smallest", -1)):
            found = None if bent is None else of_means(lambda h, side=side: eigenvalue(h, side), bent)  # type: ignore[misc]
            yield self._figure("curvature", found, "nats per unit squared", which=which)

    def _shares(self) -> Iterator[Estimate]:
        centre, others = self.plane.centre, self.plane.points**2 - 1
        known = len(self.losses) and self.whole[centre]
        slack = ROUNDING * max(1.0, float(self.losses[:, centre].mean())) if known else 0.0
        found = None
        if self.whole[centre]:
            at = int(self.whole[:centre].sum())  # where the centre lies among the whole ones
            found = of_means(lambda m: (m < m[..., at, None] - slack).sum(-1) / others, self.losses[:, self.whole])
        yield self._figure("lower_share", found, "share")
        lines = self.losses[:, self.plane.lines]  # (n, 4, points)
        bends = np.diff(lines, 2, axis=2).reshape(len(lines), 4 * (self.plane.points - 2))
        bends = bends[:, np.isfinite(bends).all(0)]
        convex = of_means(lambda m: (m >= -slack).mean(-1), bends) if bends.shape[1] else None
        yield self._figure("convex_share", convex, "share")


def holes(losses: Array) -> dict[str, Any]:
    """Fields of an estimate: how many of the losses (n, m) are not finite."""
    if not len(losses):
        return figure(Interval(None, None, None, 0, ""))
    return {"value": float((~np.isfinite(losses)).sum()), "n": len(losses)}


def _hole(found: Interval | None) -> str:
    return NOT_FINITE if found is None else ""


def quadratic(step: float) -> Array:
    """From losses at the nine points around the centre to the best quadratic's second derivatives aa, ab, bb: (3, 9)."""
    b, a = (step * np.array(np.meshgrid((-1, 0, 1), (-1, 0, 1), indexing="ij"))).reshape(2, 9)
    terms = np.stack([np.ones(9), a, b, a * a / 2, a * b, b * b / 2], axis=1)
    return np.asarray(np.linalg.pinv(terms)[3:])


def eigenvalue(second: Array, side: int) -> Array:
    """The larger (side 1) or smaller (-1) eigenvalue of symmetric matrices given by (..., 3) entries aa, ab, bb."""
    aa, ab, bb = np.moveaxis(second, -1, 0)
    return np.asarray((aa + bb) / 2 + side * np.hypot((aa - bb) / 2, ab))
