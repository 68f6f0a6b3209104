"""In which detail, coarse or fine, the shape_bias exam finds each cue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.words import figure
from eyechart.stats.crossed import Crossing, crossed_figure, crossed_ratios
from eyechart.stats.crossing import rises_through_zero
from eyechart.stats.intervals import Interval, differences

CUES = ("shape", "texture")
NEVER = "no answer named it, on the coarse part or the fine"


@dataclass(frozen=True)
class Split:
    """Pictures parted at several radii: which answers named each cue on the coarse part, and on the fine.

    Attributes:
        places: coordinates of each radius, ascending.
        low, high: per cue (n, radii) 0/1: whether the answer to that part named it.
        contents, styles: (n,) levels that intervals resample.
    """

    places: Sequence[Mapping[str, Any]]
    low: Mapping[str, Array]
    high: Mapping[str, Array]
    contents: Array
    styles: Array

    @classmethod
    def of(
        cls, views: Sequence[Mapping[str, Any]], named: Mapping[str, Array], contents: Array, styles: Array
    ) -> Split:
        """From coordinates of the views, and per cue (n, views) 0/1."""
        at = {side: [v for v, view in enumerate(views) if view.get("band") == side] for side in ("low", "high")}
        places = [{name: value for name, value in views[v].items() if name != "band"} for v in at["low"]]
        low, high = ({cue: np.asarray(hits[:, at[side]], float) for cue, hits in named.items()} for side in at)
        return cls(places, low, high, contents, styles)

    def estimates(self, say: Callable[..., Estimate], at: Mapping[str, Any]) -> Iterator[Estimate]:
        """Differences by radius, then the radius that parts each cue evenly; ``say`` makes an estimate of the exam."""
        if not self.places:
            return
        gains = {cue: self.low[cue] - self.high[cue] for cue in CUES}
        for cue in CUES:
            for place, gap in zip(self.places, self._gaps(cue), strict=True):
                yield say("band_gap", unit="difference of shares", at={**at, "cue": cue, **place}, **figure(gap))
        if len(self.places) > 1:
            yield from self._crossovers(gains, say, at)

    def _gaps(self, cue: str) -> list[Interval]:
        """Where all pictures are alike, which resamples take for certain: as of so many pictures as there are levels."""
        gains = self.low[cue] - self.high[cue]
        usual = crossed_ratios(gains, np.ones_like(gains), self.contents, self.styles)
        if not len(gains):
            return usual
        levels = Crossing.of(self.contents, self.styles).independent(np.ones(len(gains), bool))
        least = differences(self.low[cue][:levels], self.high[cue][:levels])
        alike = np.ptp(gains, axis=0) == 0
        return [replace(b, n=a.n) if same else a for a, b, same in zip(usual, least, alike, strict=True)]

    def _crossovers(
        self, gains: Mapping[str, Array], say: Callable[..., Estimate], at: Mapping[str, Any]
    ) -> Iterator[Estimate]:
        half = self.places[0]["radius"] / self.places[0]["radius_nyquist"]
        found = {cue: self._crossover(gains[cue]) for cue in CUES}
        for cue, radius in found.items():
            why, where = self._undefined(cue, radius.value), {**at, "cue": cue}
            for measure, unit, by in (("", "cycles per image", 1.0), ("_nyquist", "share of n/2", half)):
                yield say(f"crossover_radius{measure}", unit=unit, at=where, **figure(_divided(radius, by), why))
        why = "" if all(np.isfinite(radius.value or 0) for radius in found.values()) else "one of the two is undefined"
        gap = self._gap(gains) if not why else found["shape"]
        yield say("crossover_radius_gap", unit="cycles per image", at=at, **figure(gap, why))

    def _crossover(self, gains: Array) -> Interval:
        """From where on the coarse part names a cue at least as often as the fine one: infinite where it never changes."""
        value = float(self._risen(gains.sum(0)))
        if not np.isfinite(value):
            return Interval(value, None, None, len(gains), "")
        return crossed_figure(self._cut, gains, self.contents, self.styles)

    def _gap(self, gains: Mapping[str, Array]) -> Interval:
        def gap(sums: Array) -> Array:
            shape, texture = np.split(sums, 2, axis=-1)
            return self._cut(texture) - self._cut(shape)

        columns = np.concatenate([gains[cue] for cue in CUES], axis=1)
        return crossed_figure(gap, columns, self.contents, self.styles)

    def _risen(self, sums: Array) -> Array:
        return rises_through_zero(sums, np.array([place["radius"] for place in self.places]))

    def _cut(self, sums: Array) -> Array:
        """As found, within the radii that were asked about."""
        return np.clip(self._risen(sums), self.places[0]["radius"], self.places[-1]["radius"])

    def _undefined(self, cue: str, value: float | None) -> str:
        if not (self.low[cue].any() or self.high[cue].any()):
            return NEVER
        if value == -np.inf:
            return (
                f"from the smallest radius on, {self.places[0]['radius']:g}, the coarse part names it as often or more"
            )
        if value == np.inf:
            return f"at the largest radius, {self.places[-1]['radius']:g}, the fine part still names it more often"
        return ""


def _divided(found: Interval, by: float) -> Interval:
    value, low, high = (None if x is None else x / by for x in (found.value, found.low, found.high))
    return Interval(value, low, high, found.n, found.method)
