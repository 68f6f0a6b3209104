"""Figures of the aliasing exam from its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Exam
from eyechart.core.words import figure
from eyechart.models.stages import Pick
from eyechart.stats.intervals import means, together
from eyechart.views.dense_maps import OF_A_MAP

Array = np.ndarray[Any, Any]

NO_MAP = "its dense map could not be made, or not be proved the network's own once sampled, or is the same everywhere"
TOO_FEW = "so few places are kept that hardly any detail could be carried; a larger picture would tell"
CHANNELS = ("weighted", "median")
MAPS = ("output", "input")


@dataclass(frozen=True)
class OfLayer:
    """Figures of one layer.

    Attributes:
        exam: whose figures they are.
        pick: the layer.
        columns: its rows, (n, 6).
    """

    exam: Exam
    pick: Pick
    columns: Array

    @property
    def skips(self) -> bool:
        """Whether it keeps fewer places than the picture has pixels."""
        return self.pick.place.stride is not None and max(self.pick.place.stride) > 1

    @property
    def at(self) -> dict[str, Any]:
        """Its coordinates."""
        at = {"layer": self.pick.name, "depth": self.pick.depth}
        return {**at, "stride": max(self.pick.place.stride)} if self.pick.place.stride else at

    def found(self) -> Iterator[Estimate]:
        """Where its units lie, and the shares of its map and of that which it samples."""
        place, n = self.pick.place, len(self.columns)
        at = {"layer": self.pick.name, "depth": self.pick.depth}
        if place.stride is None or place.receptive_field is None:
            yield self.exam.estimate("total_stride", unit="pixels", value=None, n=n, at=at, reason=place.reason)
            return
        sides = {"total_stride": place.stride, "receptive_field": place.receptive_field}
        for measure, both in {**sides, **({"sampled_from": place.sampled_from} if place.sampled_from else {})}.items():
            yield self.exam.estimate(measure, unit="pixels", value=float(max(both)), n=n, at=at)
        if self.skips:
            for which in MAPS[: 2 if place.sampled_from else 1]:
                yield from self._shares(which)

    def ratios(self, which: str) -> Array:
        """Share by that of white noise, (n,); NaN where there is none."""
        shares = self._of(which)
        return np.asarray(shares[:, 0] / shares[:, 2])

    def rises(self, before: Sequence[OfLayer]) -> Iterator[Estimate]:
        """By how much the ratio rises at this step; ``before``: the layers looked at before it."""
        if not self.skips or not self.pick.place.sampled_from:
            return
        yield from self._rise(self.ratios("input"), {"since": "input"})
        sources = [one for one in before if one.skips and one.pick.place.stride == self.pick.place.sampled_from]
        if sources:
            yield from self._rise(sources[-1].ratios("output"), {"since": "layer", "earlier": sources[-1].pick.name})

    def _rise(self, ratios: Array, at: Mapping[str, Any]) -> Iterator[Estimate]:
        (interval,) = means((self.ratios("output") - ratios)[:, None])
        if interval.value is not None:
            yield self.exam.estimate("rise", unit="times", at={**self.at, **at}, **figure(interval))

    def _of(self, which: str) -> Array:
        first = OF_A_MAP * MAPS.index(which)
        return self.columns[:, first : first + OF_A_MAP]

    def _shares(self, which: str) -> Iterator[Estimate]:
        """Of a map: weighted share, median share, share of white noise."""
        shares, white = self._of(which)[:, :2], self._of(which)[:, 2]
        at = {**self.at, "map": which}
        intervals = means(shares)
        for channels, interval in zip(CHANNELS, intervals, strict=True):
            told = figure(interval, "" if interval.n else NO_MAP)
            yield self.exam.estimate("nyquist_share", at={**at, "channels": channels}, **told)
        if not intervals[0].n:
            return
        at, known = {**at, "channels": "weighted"}, white[~np.isnan(white)]
        if len(known):
            yield self.exam.estimate("white_noise_share", value=float(known.mean()), n=len(known), at=at)
        (ratio,) = means(self.ratios(which)[:, None])
        yield self.exam.estimate(
            "share_over_white_noise", unit="times", at=at, **figure(ratio, "" if ratio.n else TOO_FEW)
        )


def in_short(exam: Exam, found: Sequence[Estimate]) -> Iterator[Estimate]:
    """The largest ratio to white noise, its interval wide enough for all of them at once, and the last one."""
    known = [e for e in Estimates(found).of("share_over_white_noise", map="output") if e.value is not None]
    if not known:
        return
    known.sort(key=lambda e: e.at["depth"])
    largest, count = max(known, key=lambda e: e.value or 0.0), len(known)
    low, high = at_once(largest, count)
    several = f"{largest.method}, {count} layers at once" if count > 1 and low is not None else largest.method
    widened = replace(largest, low=None if low is None else max(0.0, low), high=high, method=several)
    for measure, e in zip(exam.headline, (widened, known[-1]), strict=True):
        at = {name: e.at[name] for name in exam.chosen[measure]}
        yield exam.estimate(measure, unit="times", at=at, value=e.value, low=e.low, high=e.high, n=e.n, method=e.method)


def at_once(e: Estimate, count: int) -> tuple[float | None, float | None]:
    """Ends of an interval that holds for so many figures at once; none where there is none."""
    if e.value is None or e.low is None or e.high is None:
        return None, None
    return together(e.value, e.low, e.high, count)
