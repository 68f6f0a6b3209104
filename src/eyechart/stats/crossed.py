"""Figures of images that cross two things, such as contents and textures, with 95 % intervals that resample both.

Images that share a content or a texture are not independent: each resample draws whole contents and, apart from them, whole
textures, and an image counts as often as its content times its texture was drawn (the pigeonhole bootstrap: Owen, Annals of
Applied Statistics 1, 2007). It errs on the wide side: what belongs to single images alone is counted up to three times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.stats.intervals import DRAWS, FEWEST, Interval, wilson

Array = np.ndarray[Any, Any]

UNDEFINED = 1 / 40  # of the resamples: with more, the ends of an interval mean nothing
ALIKE = 1e-12  # less is rounding
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

        A factor in which no two images share a level, or all do, is no factor: whole levels of the other are drawn, or images
        where there is none. Of images that all share a level, a figure is about that level alone. Of two factors one of which
        lies within the other, as where each content has one texture alone, the coarser is drawn: it brings the finer along.
        """
        numbered = [np.unique(np.asarray(levels), return_inverse=True)[1].ravel() for levels in (first, second)]
        shared = tuple(levels for levels in numbered if 1 < levels.max(initial=-1) + 1 < len(levels))
        if len(shared) == 2:
            counts = [int(levels.max()) + 1 for levels in shared]
            if len(np.unique(np.stack(shared), axis=1).T) == max(counts):  # as many pairs as levels: no crossing
                shared = (shared[int(np.argmin(counts))],)
        method = ("bootstrap", "clustered bootstrap", "crossed bootstrap")[len(shared)]
        return cls(shared or (np.arange(len(first)),), method)

    @property
    def fewest(self) -> int:
        """The number of levels of the factor that has the fewest."""
        return min(int(levels.max(initial=-1)) + 1 for levels in self.factors)

    def independent(self, counted: Array) -> int:
        """Effective n of the images that count, (n,) bool: levels of the factor that has the fewest of them."""
        return min(len(np.unique(levels[counted])) for levels in self.factors)

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
        share: the ratio (or which of them) is a share of 0/1 events. Then Wilson's interval is given where resamples say
            nothing: all images alike, fewer than six levels, or more than one resample in forty without an image that counts.
            Its effective n is the number of levels of the images that count, of the factor that has the fewest.

    Others have no interval there: that a few images are all alike does not make it certain.

    >>> [w] = crossed_ratios(np.ones((4, 1)), np.ones((4, 1)), np.arange(4) % 2, np.arange(4) // 2, share=True)
    >>> w.value, round(w.low, 3), w.method
    (1.0, 0.342, 'wilson')
    """
    y, m = (np.asarray(columns, np.float64) for columns in (numerators, denominators))
    shares = [share] * y.shape[1] if isinstance(share, bool) else list(share)
    crossing = Crossing.of(first, second)
    with np.errstate(invalid="ignore"):
        values = y.sum(0) / m.sum(0)
    drawn = np.empty((0, y.shape[1]))
    if crossing.fewest >= FEWEST:
        drawn = _drawn(crossing, np.concatenate([y, m], axis=1), draws, seed)
    return [
        _interval(
            float(values[j]),
            drawn[:, j],
            int((m[:, j] > 0).sum()),
            crossing.method,
            crossing.independent(m[:, j] > 0) if shares[j] else None,
        )
        for j in range(y.shape[1])
    ]


def crossed_figure(
    figure: Callable[[Array], Array], columns: Array, first: Array, second: Array, *, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """A figure of sums over images, such as the place where two curves of shares meet.

    Args:
        figure: sums (..., k) -> figures (...,); NaN where it is undefined.
        columns: (n, k), all finite.
        first, second: (n,) level of each image in the two factors.

    Its value is the figure's, None for NaN. There is no interval if it is not finite, from fewer than six levels, where more
    than one resample in forty is undefined, or where all of them are alike.

    >>> number = np.arange(60)
    >>> w = crossed_figure(lambda sums: sums[..., 0], number[:, None] % 3, number % 10, number // 10)
    >>> w.value, w.method
    (60.0, 'crossed bootstrap')
    """
    crossing, values = Crossing.of(first, second), np.asarray(columns, np.float64)
    value, n = float(figure(values.sum(0))), len(values)
    if crossing.fewest < FEWEST or not np.isfinite(value):
        return Interval(None if np.isnan(value) else value, None, None, n, "")
    drawn = np.concatenate([figure(weights @ values) for weights in crossing.resamples(draws, seed)])
    if np.isnan(drawn).mean() > UNDEFINED:
        return Interval(value, None, None, n, "")
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    if np.nanmax(drawn) - np.nanmin(drawn) < ALIKE:
        return Interval(value, None, None, n, "")
    return Interval(value, min(float(low), value), max(float(high), value), n, crossing.method)


def _drawn(crossing: Crossing, columns: Array, draws: int, seed: int) -> Array:
    """(draws, k) ratios of each resample; NaN where nothing counts."""
    sums = np.concatenate([weights @ columns for weights in crossing.resamples(draws, seed)])
    y, m = np.split(sums, 2, axis=1)
    return np.asarray(np.divide(y, m, out=np.full_like(y, np.nan), where=m > 0))


def _interval(value: float, drawn: Array, n: int, method: str, independent: int | None) -> Interval:
    """``independent``: effective n of the events that the value is a share of; None if it is none."""
    if np.isnan(value):
        return Interval(None, None, None, n, method)
    known = drawn[~np.isnan(drawn)]
    told = len(known) > 0 and len(known) >= (1 - UNDEFINED) * len(drawn) and np.ptp(known) >= ALIKE
    low, high = np.percentile(known, [2.5, 97.5]) if told else (value, value)
    low, high = min(float(low), value), max(float(high), value)  # images all alike: rounding may push an end past
    if independent is not None:
        if not told or high - low < ALIKE:
            w = wilson(min(1.0, value) * independent, independent)
            return Interval(value, w.low, w.high, n, w.method)
        low, high = max(0.0, low), min(1.0, high)
    return Interval(value, low, high, n, method) if told else Interval(value, None, None, n, "")
