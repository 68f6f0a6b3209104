"""95 % intervals for shares, means and ratios of cluster sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import hypot, sqrt
from typing import Any

import numpy as np
from scipy.stats import binom, norm

from eyechart.stats.draws import at_most

Array = np.ndarray[Any, Any]

Z95 = 1.959963984540054
DRAWS = 2000
FEWEST = 6  # units: resamples of fewer say nothing of the spread
FEW = 50  # units: resamples of fewer miss the rare ones among which much happens, so that intervals of shares are too narrow
BOOTSTRAP_UP_TO = 12_000  # above, the bootstrap of a mean agrees with its normal limit far below the last digit shown
_CHUNK = 1_000_000


@dataclass(frozen=True)
class Interval:
    """A figure, its 95 % interval and how that was found; value None where it is undefined (nothing to average)."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str


def wilson(successes: float, n: int, z: float = Z95) -> Interval:
    """Wilson's score interval for a share (Wilson, JASA 1927); ``z``: standard deviations to either side.

    >>> w = wilson(9, 10); round(w.low, 4), round(w.high, 4)
    (0.5958, 0.9821)
    """
    if n == 0:
        return Interval(None, None, None, 0, "wilson")
    p, z2 = successes / n, z**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # at 0 and n successes the end is exact, but rounding may push it past the value
    return Interval(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)), n, "wilson")


def resampled_sums(columns: Array, draws: int = DRAWS, seed: int = 0) -> Array:
    """Bootstrap: sums of the columns of (n, k) over ``draws`` resamples of the n rows: (draws, k)."""
    return np.concatenate([weights @ columns for weights in resamples(len(columns), draws, seed)])


def resamples(n: int, draws: int = DRAWS, seed: int = 0) -> Iterator[Array]:
    """How often each of n units stands in each resample, in pieces (m, n) float64 that bound the memory."""
    draws = at_most(draws)
    step = max(1, _CHUNK // max(n, 1))
    if n <= BOOTSTRAP_UP_TO:
        weights = _weights(n, draws, seed)
        yield from (weights[at : at + step].astype(np.float64) for at in range(0, draws, step))
        return
    rng = np.random.default_rng(seed)
    for at in range(0, draws, step):
        yield np.stack([_resample(rng, n) for _ in range(min(step, draws - at))]).astype(np.float64)


@lru_cache(maxsize=2)
def _weights(n: int, draws: int, seed: int) -> Array:
    """All resamples, (draws, n) uint8: the latest two are kept, for the next figures."""
    rng = np.random.default_rng(seed)
    weights = np.empty((draws, n), np.uint8)
    for row in weights:
        row[:] = np.minimum(_resample(rng, n), 255)
    return weights


def _resample(rng: np.random.Generator, n: int) -> Array:
    return np.bincount(rng.integers(n, size=n), minlength=n)


def ratios(
    numerators: Array, denominators: Array, *, share: bool | Sequence[bool] = False, seed: int = 0
) -> list[Interval]:
    """Ratio of sums over clusters, one per column: sum(y) / sum(m), with intervals that resample whole clusters.

    Args:
        numerators: y, (clusters, k): an image's pairs that changed, its loss ...
        denominators: m, same shape: how many pairs (or 0/1 for a plain mean over the images that count).
        share: the ratio (or which of them) is a share of 0/1 events. Wilson's interval is given where each cluster holds one
            event at most, and where all clusters are alike (none happened, or all) or fewer than six: with the number of
            clusters as the effective n, since resampling zeros gives zeros. Of fewer than fifty clusters the interval reaches
            at least as far: if one image in ten changes its answer often, eight images may well hold none of these.
        seed: of the bootstrap.

    A cluster that holds nothing in a column has no part in it.

    No interval for fewer than six clusters, but of shares. Percentile bootstrap up to 12,000 clusters, above it the
    linearised ratio with variance
    G/(G-1) * sum (y - p m)^2 / (sum m)^2.
    """
    y, m = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    shares = [share] * y.shape[1] if isinstance(share, bool) else list(share)
    found: list[Interval | None] = [None] * y.shape[1]
    support: dict[bytes, list[int]] = {}
    for j in range(y.shape[1]):
        support.setdefault((m[:, j] > 0).tobytes(), []).append(j)
    for columns in support.values():  # columns over the same clusters share their resamples
        held = m[:, columns[0]] > 0
        for j, interval in zip(columns, _ratios(y[held][:, columns], m[held][:, columns], seed), strict=True):
            found[j] = _as_share(interval, m[held, j]) if shares[j] else interval
    return [interval for interval in found if interval is not None]


def _ratios(y: Array, m: Array, seed: int) -> list[Interval]:
    """Ratios of the columns of clusters that all hold something."""
    n, k = y.shape
    if not n:
        return [Interval(None, None, None, 0, "bootstrap")] * k
    value = y.sum(0) / m.sum(0)
    if n < FEWEST:
        return [Interval(float(v), None, None, n, "") for v in value]
    if n > BOOTSTRAP_UP_TO:
        spread = np.sqrt(((y - value * m) ** 2).sum(0) * n / (n - 1)) / m.sum(0)
        low, high, method = value - Z95 * spread, value + Z95 * spread, "linearised"
    else:
        sums = resampled_sums(np.concatenate([y, m], axis=1), seed=seed)
        low, high = np.percentile(sums[:, :k] / sums[:, k:], [2.5, 97.5], axis=0)
        method = "bootstrap"
    # clusters all alike: rounding may push an end past the value
    low, high = np.minimum(low, value), np.maximum(high, value)
    return [Interval(float(v), float(a), float(b), n, method) for v, a, b in zip(value, low, high, strict=True)]


def _as_share(interval: Interval, m: Array) -> Interval:
    """The interval of a share of 0/1 events in clusters of sizes m."""
    if interval.value is None:
        return interval
    of_clusters = wilson(min(1.0, interval.value) * interval.n, interval.n)
    if interval.low is None or interval.high is None or interval.low == interval.high or m.max() <= 1:
        return of_clusters
    low, high = max(0.0, interval.low), min(1.0, interval.high)
    if interval.n < FEW:
        ends = min(low, of_clusters.low or 0.0), max(high, of_clusters.high or 1.0)
        return Interval(interval.value, *ends, interval.n, "bootstrap, at least wilson")
    return replace(interval, low=low, high=high)


def means(values: Array, *, share: bool = False, seed: int = 0) -> list[Interval]:
    """Mean of each column of (n, k) over its entries that are not NaN; see ``ratios``."""
    values = np.asarray(values, np.float64)
    known = ~np.isnan(values)
    return ratios(np.where(known, values, 0.0), known, share=share, seed=seed)


def pooled(values: Array, *, share: bool = False, seed: int = 0) -> Interval:
    """Mean over all of (n, k), the n rows as the units; ``share``: of 0/1 events. See ``ratios``."""
    sums = np.asarray(values).sum(1, keepdims=True, dtype=np.float64)
    (interval,) = ratios(sums, np.full_like(sums, np.shape(values)[1]), share=share, seed=seed)
    return interval


def share_of(events: Array) -> Interval:
    """Wilson's interval of the share of (n,) events that happened."""
    return wilson(int(events.sum()), len(events))


def commonest(classes: Array) -> Interval:
    """Share of (n,) classes, none below 0, that are the commonest one: near 1, what stays the same says little.

    >>> commonest(np.array([2, 0, 2, 2])).value
    0.75
    """
    return wilson(int(np.bincount(classes).max()) if len(classes) else 0, len(classes))


def differences(first: Array, second: Array, *, seed: int = 0) -> list[Interval]:
    """Mean of ``first`` minus mean of ``second``, columns (n, k) of values from 0 to 1 paired by row.

    Where rows hold 0 and 1: the adjusted Wald interval of Bonett & Price (J. Educ. Behav. Stat. 37, 2012), which adds a row
    to either outcome that differs, so that few rows that differ, or none, get their due width. Else the bootstrap of the mean
    difference; where all rows differ alike, the adjusted interval of as many rows without difference is laid around it.
    """
    gap = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    found = means(gap, seed=seed)
    for j, interval in enumerate(found):
        if interval.value is None:
            continue
        if np.isin(gap[:, j], (-1.0, 0.0, 1.0)).all():
            found[j] = paired(int((gap[:, j] > 0).sum()), int((gap[:, j] < 0).sum()), interval.n)
        elif np.ptp(gap[:, j]) == 0:
            room = paired(0, 0, interval.n).high or 0.0
            ends = max(-1.0, interval.value - room), min(1.0, interval.value + room)
            found[j] = Interval(interval.value, *ends, interval.n, "bonett-price")
    return found


def paired(more: float, fewer: float, n: int) -> Interval:
    """(more - fewer) / n, of n pairs of 0/1 of which so many are (1, 0) and (0, 1): see ``differences``."""
    a, b = (more + 1) / (n + 2), (fewer + 1) / (n + 2)
    half = Z95 * sqrt((a + b - (a - b) ** 2) / (n + 2))
    value = (more - fewer) / n
    low, high = max(-1.0, min(value, a - b - half)), min(1.0, max(value, a - b + half))
    return Interval(value, low, high, n, "bonett-price")


def apart(a: Interval, b: Interval) -> Interval:
    """``a`` minus ``b``, two figures of unlike units; ``n`` is the smaller of theirs.

    The interval is recovered from theirs (Zou & Donner, Stat. Med. 2008; for two of Wilson's it is Newcombe's tenth method,
    Stat. Med. 1998). Figures that vary together are less far apart than it allows for.
    """
    n = min(a.n, b.n)
    if a.value is None or b.value is None:
        return Interval(None, None, None, n, "")
    value = a.value - b.value
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return Interval(value, None, None, n, "")
    low, high = value - hypot(a.value - a.low, b.high - b.value), value + hypot(a.high - a.value, b.value - b.low)
    return Interval(value, low, high, n, "mover")


def median(values: Array) -> Interval:
    """Median of (n,) values, with the order statistics that hold it in 95 % of samples whatever their distribution.

    Fewer than six values have no such interval.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    n = len(ordered)
    if not n:
        return Interval(None, None, None, 0, "order statistics")
    below = int(binom.ppf(0.025, n, 0.5))  # at most so many of n lie below the median but for 2.5 % of samples
    if not below:
        return Interval(float(np.median(ordered)), None, None, n, "order statistics")
    return Interval(
        float(np.median(ordered)), float(ordered[below - 1]), float(ordered[n - below]), n, "order statistics"
    )


def together(value: float, low: float, high: float, count: int) -> tuple[float, float]:
    """Ends of a 95 % interval moved out, so that ``count`` of their kind hold at once in 95 % of samples.

    Bonferroni's correction, each side widened as that of a normal distribution would be.

    >>> [round(end, 3) for end in together(0.0, -1.96, 1.96, 10)]
    [-2.807, 2.807]
    """
    wider = float(norm.ppf(1 - 0.025 / max(count, 1))) / Z95
    return value - wider * (value - low), value + wider * (high - value)


def _pieces(n: int, columns: int, draws: int, seed: int) -> Iterator[Array]:
    """``resamples`` in pieces whose sums over so many columns bound the memory, too."""
    step = max(1, _CHUNK // max(columns, 1))
    for weights in resamples(n, draws, seed):
        yield from (weights[at : at + step] for at in range(0, len(weights), step))


def of_blocks(figure: Callable[[Array], Array], sums: Array, n: int, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """A figure of pooled sums, with a bootstrap of the hash blocks that the sums are kept in.

    Args:
        figure: pooled sums (..., k) -> figures (...,); may be NaN.
        sums: (blocks, k).
        n: images in them.
    """
    held = sums[np.abs(sums).sum(1) > 0]
    if not len(held):
        return Interval(None, None, None, n, "bootstrap of blocks")
    value = float(figure(held.sum(0)))
    if len(held) < FEWEST:
        return Interval(None if np.isnan(value) else value, None, None, n, "")
    drawn = np.concatenate([figure(weights @ held) for weights in _pieces(len(held), held.shape[1], draws, seed)])
    if np.isnan(value) or np.isnan(drawn).any():
        return Interval(None if np.isnan(value) else value, None, None, n, "bootstrap of blocks")
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value, min(float(low), value), max(float(high), value), n, "bootstrap of blocks")


def of_means(figure: Callable[[Array], Array], columns: Array, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """A figure of the means of columns, with a percentile bootstrap of the rows.

    Args:
        figure: means (..., k) -> figures (...,).
        columns: (n, k), all finite.
    """
    n = len(columns)
    if not n:
        return Interval(None, None, None, 0, "bootstrap")
    values = np.asarray(columns, np.float64)
    value = float(figure(values.mean(0)))
    if n < FEWEST:
        return Interval(value, None, None, n, "")
    drawn = [figure(weights @ values / n) for weights in _pieces(n, values.shape[1], draws, seed)]
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5])
    return Interval(value, min(float(low), value), max(float(high), value), n, "bootstrap")
