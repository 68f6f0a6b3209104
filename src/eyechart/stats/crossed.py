"""Figures of images that cross two things, such as contents and textures, with 95 % intervals that resample both.

Images that share a content or a texture are not independent: each resample draws whole contents and, apart from them, whole
textures, and an image counts as often as its content times its texture was drawn (the pigeonhole bootstrap: Owen, Annals of
Applied Statistics 1, 2007). It errs on the wide side: what belongs to single images alone is counted up to three times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.stats.intervals import DRAWS, FEWEST, Interval, wilson

Array = np.ndarray[Any, Any]

UNDEFINED = 1 / 40  # of the resamples: with more, the ends of an interval mean nothing
_CHUNK = 1_000_000  # weights at once: bounds the memory


@dataclass(frozen=True)
class Crossing:
    """What the resamples draw: levels of up to two factors.

    Attributes:
        factors: one or two arrays (n,) with the number of each image's level, from 0.
        method: what this is called.
    """

    factors: tuple[Array, ...]
    method: str

    @classmethod
    def of(cls, first: Array, second: Array) -> Crossing:
        """Of two factors (n,), levels being whatever sorts and compares equal.

        A factor in which no two images share a level is no factor: whole levels of the other are drawn, or images where there
        is none.
        """
        numbered = [np.unique(np.asarray(levels), return_inverse=True)[1].ravel() for levels in (first, second)]
        shared = tuple(levels for levels in numbered if levels.max(initial=-1) + 1 < len(levels))
        method = ("bootstrap", "clustered bootstrap", "crossed bootstrap")[len(shared)]
        return cls(shared or (np.arange(len(first)),), method)

    @property
    def fewest(self) -> int:
        """The number of levels of the factor that has the fewest."""
        return min(int(levels.max(initial=-1)) + 1 for levels in self.factors)

    def resamples(self, draws: int = DRAWS, seed: int = 0) -> Iterator[Array]:
        """How often each image counts in each resample, in pieces (m, n) float64 that bound the memory."""
        rng, step = np.random.default_rng(seed), max(1, _CHUNK // max(len(self.factors[0]), 1))
        for at in range(0, draws, step):
            weights = np.ones((min(step, draws - at), len(self.factors[0])))
            for levels in self.factors:
                count = int(levels.max()) + 1
                drawn = rng.multinomial(count, np.full(count, 1 / count), size=len(weights))
                weights *= drawn[:, levels]
            yield weights


def crossed_ratios(
    numerators: Array,
    denominators: Array,
    first: Array,
    second: Array,
    *,
    share: bool | Sequence[bool] = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Interval]:
    """Ratio of sums over images, one per column: sum(y) / sum(m); n counts the images with m > 0.

    Args:
        numerators: y, (n, k).
        denominators: m, (n, k), not negative.
        first, second: (n,) level of each image in the two factors, such as its content and its texture (see Crossing).
        share: the ratio (or which of them) is a share of 0/1 events. Then Wilson's interval is given, with the sum of m as n,
            where resamples say nothing: all images alike, fewer than six levels, or more than one resample in forty without an
            image that counts.

    Others have no interval there, but for images all alike.

    >>> [w] = crossed_ratios(np.ones((4, 1)), np.ones((4, 1)), np.arange(4) % 2, np.arange(4) // 2, share=True)
    >>> w.value, round(w.low, 3), w.method
    (1.0, 0.51, 'wilson')
    """
    y, m = (np.asarray(columns, np.float64) for columns in (numerators, denominators))
    shares = [share] * y.shape[1] if isinstance(share, bool) else list(share)
    crossing = Crossing.of(first, second)
    with np.errstate(invalid="ignore"):
        values = y.sum(0) / m.sum(0)
    drawn = np.empty((0, y.shape[1]))
    if crossing.fewest >= FEWEST:
        drawn = _drawn(crossing, np.concatenate([y, m], axis=1), draws, seed)
    counted = (m > 0).sum(0)
    return [
        _interval(
            float(values[j]), drawn[:, j], int(counted[j]), crossing.method, float(m[:, j].sum()) if shares[j] else None
        )
        for j in range(y.shape[1])
    ]


def _drawn(crossing: Crossing, columns: Array, draws: int, seed: int) -> Array:
    """(draws, k) ratios of each resample; NaN where nothing counts."""
    sums = np.concatenate([weights @ columns for weights in crossing.resamples(draws, seed)])
    y, m = np.split(sums, 2, axis=1)
    return np.asarray(np.divide(y, m, out=np.full_like(y, np.nan), where=m > 0))


def _interval(value: float, drawn: Array, n: int, method: str, events: float | None) -> Interval:
    """``events``: of which the value is a share; None if it is none."""
    if np.isnan(value):
        return Interval(None, None, None, n, method)
    known = drawn[~np.isnan(drawn)]
    told = len(known) > 0 and len(known) >= (1 - UNDEFINED) * len(drawn)
    low, high = np.percentile(known, [2.5, 97.5]) if told else (value, value)
    low, high = min(float(low), value), max(float(high), value)  # images all alike: rounding may push an end past
    if events is not None:
        if not told or high - low < 1e-12:
            w = wilson(min(1.0, value) * events, round(events))
            return Interval(value, w.low, w.high, n, w.method)
        low, high = max(0.0, low), min(1.0, high)
    return Interval(value, low, high, n, method) if told else Interval(value, None, None, n, "")
