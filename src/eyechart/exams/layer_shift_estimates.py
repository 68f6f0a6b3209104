"""Figures of the layer_shift exam from its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Exam
from eyechart.core.words import figure
from eyechart.exams.layer_shift_rows import OF_SUMS, Looked
from eyechart.stats.intervals import Interval, means
from eyechart.stats.pairs import by_distance
from eyechart.views.shifted_maps import SKETCH

Array = np.ndarray[Any, Any]

FAINT = 1e-12  # of the largest energy: a map that the picture adds nothing to
NOTHING = "no picture uses it and adds something to its output"
ALIKE = "it takes two images for which its output differs"


@dataclass(frozen=True)
class OfLayer:
    """Figures of one layer.

    Attributes:
        exam: whose figures they are.
        layer: the layer.
        number: of the layer, among those with rows.
        rows: of the exam.
        shifts: how many moves along a direction.
    """

    exam: Exam
    layer: Looked
    number: int
    rows: Mapping[str, Array]
    shifts: int

    def found(self, directions: Mapping[str, tuple[int, int]]) -> Iterator[Estimate]:
        """All figures; ``directions``: by name, (rows, columns) a step."""
        if self.layer.held:
            yield self._estimate("random_pair_error", {}, _inverse(self._by_random(self._energy[:, None])[0]), ALIKE)
        else:
            yield self._estimate(
                "equivariance_error", {}, Interval(None, None, None, len(self._energy), ""), self.layer.why
            )
        for direction, way in directions.items():
            yield from self._by_shift(direction)
            if self.layer.held:
                between = self.layer.between(way, self.shifts + 1).any()
                yield from self._between(direction) if between else ()
                for of in OF_SUMS:
                    (interval,) = means(self._columns(direction, of))
                    yield self._estimate("sum_variation", {"direction": direction, "of": of}, interval)

    def _by_shift(self, direction: str) -> Iterator[Estimate]:
        errors = {f"{e}_error": means(self._columns(direction, e)) for e in ("invariance", "equivariance")}
        if not self.layer.held:
            del errors["equivariance_error"]
        apart = self._by_random(self._columns(direction, "moved_squared"))
        errors["invariance_error_by_random"] = [_root(interval) for interval in apart]
        for measure, intervals in errors.items():
            for t, interval in enumerate(intervals, start=1):
                why = ALIKE if measure.endswith("random") else NOTHING
                yield self._estimate(measure, {"direction": direction, "shift": t}, interval, why)

    def _between(self, direction: str) -> Iterator[Estimate]:
        for by in ("sinc", "bilinear"):
            at = {"direction": direction, "by": by}
            (interval,) = means(self._columns(direction, by))
            yield self._estimate("interpolation_error", at, interval)
            (interval,) = self._by_random(self._columns(direction, f"{by}_squared"))
            yield self._estimate("interpolation_error_by_random", at, interval, ALIKE)

    def _by_random(self, columns: Array) -> list[Interval]:
        """By the squared distance of two images, of images to whose maps the picture adds something."""
        known = ~np.isnan(np.concatenate([columns, self._points], axis=1)).any(1)
        if self.layer.held:
            known &= self._energy > FAINT * np.max(self._energy, initial=0.0, where=known)
        return by_distance(columns[known], self._points[known])

    @property
    def _points(self) -> Array:
        first = (SKETCH + 1) * self.number
        return self.rows["sketch"][:, first : first + SKETCH].astype(np.float64)

    @property
    def _energy(self) -> Array:
        return self.rows["sketch"][:, (SKETCH + 1) * self.number + SKETCH].astype(np.float64)

    def _columns(self, direction: str, name: str) -> Array:
        """(n, shifts), or (n, 1) of what is not by shift."""
        columns = self.rows[f"{direction}_{name}"]
        width = self.shifts if name in ("invariance", "equivariance", "moved_squared") else 1
        return columns[:, width * self.number : width * (self.number + 1)].astype(np.float64)

    def _estimate(self, measure: str, at: Mapping[str, Any], interval: Interval, why: str = NOTHING) -> Estimate:
        told = figure(interval, "" if interval.value is not None else why)
        return self.exam.estimate(measure, unit="times", at={**self.layer.at, **at}, **told)


def in_short(exam: Exam, found: Sequence[Estimate], directions: Sequence[str]) -> Iterator[Estimate]:
    """What is left at the last layer that has a figure."""
    for measure, which in zip(exam.headline, ({"by": "sinc"}, {"of": "cv"}), strict=True):
        for direction in directions:
            wanted = {"direction": direction, **which}.items()
            own = (e for e in found if e.measure == measure.removeprefix("last_") and wanted <= e.at.items())
            e = max((e for e in own if e.value is not None), key=lambda e: e.at["depth"], default=None)
            if e:
                at = {name: e.at[name] for name in ("layer", "depth", "stride", "direction")}
                ends = {"value": e.value, "low": e.low, "high": e.high, "n": e.n, "method": e.method}
                yield exam.estimate(measure, unit="times", at=at, **ends)


def _root(interval: Interval) -> Interval:
    value, low, high = (None if x is None else sqrt(x) for x in (interval.value, interval.low, interval.high))
    return replace(interval, value=value, low=low, high=high)


def _inverse(interval: Interval) -> Interval:
    if not interval.value:
        return replace(interval, value=None)
    low, high = (None if not end else 1 / end for end in (interval.high, interval.low))
    return replace(interval, value=1 / interval.value, low=low, high=high)
