"""Thresholds of noise by band, and the channel through them, with intervals by resampling images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eyechart.core.exam import Array
from eyechart.stats.intervals import FEWEST, resamples
from eyechart.stats.psychometric import (
    channel_bounds,
    channels,
    falling_thresholds,
    full_width,
    polished_channel,
)
from eyechart.views.band_noise import centre

Fields = Mapping[str, Any]

HALF = 0.5  # of images right: the published criterion
METHOD = "bootstrap"
UNBRACKETED = "no octave's threshold lies between"
LEAST_ROOM = 0.05  # accuracy above chance without noise: with less there is nothing to lose


@dataclass(frozen=True)
class Seen:
    """What was right.

    Attributes:
        right: (n, 1 + bands * noises) of 0 and 1: without noise, then band by band.
        noises: ascending.
        bands: octaves from the lowest.
        chance: accuracy of guessing.
        draws: resamples.
    """

    right: Array
    noises: Array
    bands: int
    chance: float
    draws: int

    @cached_property
    def accuracies(self) -> Array:
        """(1 + draws, conditions): of all images, then of every resample."""
        n, right = len(self.right), self.right.astype(np.float64)
        drawn = [weights @ right / n for weights in resamples(n, self.draws)] if n >= FEWEST else []
        return np.concatenate([right.mean(0, keepdims=True), *drawn])

    @property
    def noisy(self) -> Array:
        """(1 + draws, bands, noises)."""
        return self.accuracies[:, 1:].reshape(-1, self.bands, len(self.noises))

    @cached_property
    def thresholds(self) -> Array:
        """(1 + draws, bands) fitted; NaN where nothing is above chance even without noise."""
        room = self.accuracies[:, :1, None] - self.chance
        left = np.where(room > LEAST_ROOM, (self.noisy - self.chance) / np.where(room > LEAST_ROOM, room, 1), np.nan)
        return falling_thresholds(self.noises, left)

    @cached_property
    def failed(self) -> Array:
        """(1 + draws, bands): noises, from the strongest down, that leave no more than half right, until one does not."""
        passes = self.noisy[..., ::-1] > HALF
        return np.where(passes.any(-1), passes.argmax(-1), len(self.noises)).astype(float)

    @property
    def most(self) -> Mapping[str, float]:
        """The greatest height by kind of fit, alike for the published noises."""
        span = float(np.log2(self.noises.max() / self.noises.min()))
        return {"counted": float(len(self.noises)), "fitted": span + 1}

    @cached_property
    def heights(self) -> Mapping[str, Array]:
        """(1 + draws, bands) by kind of fit: how many octaves of noise, or noises, below the strongest one it fails."""
        fitted = np.clip(np.log2(self.noises.max() / self.thresholds), 0, self.most["fitted"])
        return {"counted": self.failed, "fitted": fitted}


def threshold_figures(seen: Seen) -> Iterator[tuple[Fields, Fields]]:
    """By band: the fitted threshold, and the number of noises that it fails at."""
    n = len(seen.right)
    for fitted, failed in zip(seen.thresholds.T, seen.failed.T, strict=True):
        why = _beyond(float(fitted[0]), seen)
        yield _figure(fitted[0], fitted[1:], n, why), _figure(failed[0], failed[1:], n, "")


def _beyond(threshold: float, seen: Seen) -> str:
    if np.isnan(threshold):
        return f"without noise it is right no more than {LEAST_ROOM:g} more often than guessing"
    if threshold > seen.noises.max():
        return f"the strongest noise, {seen.noises.max():g}, is too weak: more than half of the accuracy is left"
    if threshold < seen.noises.min():
        return f"the weakest noise, {seen.noises.min():g}, is too strong: less than half of the accuracy is left"
    return ""


def channel_figures(seen: Seen, fit: str) -> Iterator[tuple[str, str, Fields]]:
    """Measure, unit and fields of the channel through thresholds of one kind."""
    n, most = len(seen.right), seen.most[fit]
    heights = seen.heights[fit]
    why = _no_channel(heights[0]) or (fit == "counted" and _never(seen)) or _unbracketed(seen, fit) or ""
    value = np.full(3, np.nan) if why else polished_channel(heights[0], most)
    known = np.asarray(~np.isnan(heights[1:]).any(1))
    drawn = np.full((len(known), 3), np.nan)
    drawn[known] = channels(heights[1:][known], most)
    readings: list[tuple[str, str, Any]] = [
        ("channel_centre", "cycles per image", lambda p: centre(0) * 2 ** p[..., 1]),
        ("channel_bandwidth", "octaves", lambda p: full_width(p[..., 2])),
        ("channel_sensitivity", "share of the greatest", lambda p: 2 ** (p[..., 0] - most)),
    ]
    for measure, unit, read in readings:
        yield measure, unit, _figure(read(value), read(drawn), n, why)
    at_bound = {"value": None, "n": n, "reason": why} if why else {"value": float(_at_bound(value, seen, most)), "n": n}
    yield "at_bound", "yes or no", at_bound


def _no_channel(heights: Array) -> str:
    if len(heights) < 3:
        return "the frame has room for fewer than three octaves"
    if np.isnan(heights).any():
        return f"without noise it is right no more than {LEAST_ROOM:g} more often than guessing"
    return "" if (heights > 0).any() else "no noise was strong enough to do harm"


def _never(seen: Seen) -> str:
    return (
        "" if seen.accuracies[0, 0] > HALF else "no more than half are right without noise, so that every noise fails"
    )


def _unbracketed(seen: Seen, fit: str) -> str:
    """Heights at either end alone say which octaves matter, but not how much: any width would do."""
    weakest, strongest = seen.noises.min(), seen.noises.max()
    if fit == "counted":
        between = (seen.failed[0] > 0) & (seen.failed[0] < len(seen.noises))
    else:
        between = (seen.thresholds[0] >= weakest) & (seen.thresholds[0] <= strongest)
    return "" if between.any() else f"{UNBRACKETED} the weakest noise, {weakest:g}, and the strongest, {strongest:g}"


def _at_bound(value: Array, seen: Seen, most: float) -> bool:
    low, high = channel_bounds(seen.bands, most)
    near = 1e-3 * (high - low)
    at = (value < low + near) | (value > high - near)
    return bool(at[1:].any() or at[0])


def _figure(value: Any, drawn: Array, n: int, why: str) -> Fields:
    """Percentiles of the resamples about the value."""
    if why:
        return {"value": None, "n": n, "reason": why, "method": METHOD}
    known = drawn[~np.isnan(drawn)]
    if len(known) < max(1, len(drawn)) * 0.9 or not len(known):
        return {"value": float(value), "n": n}  # too many resamples say nothing
    low, high = np.percentile(known, [2.5, 97.5])
    ends = {"low": min(float(low), float(value)), "high": max(float(high), float(value))}
    return {"value": float(value), "n": n, "method": METHOD, **ends}
