"""95 % intervals for shares, means and ratios of cluster sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

Z95 = 1.959963984540054
DRAWS = 2000
BOOTSTRAP_UP_TO = 20_000  # above, the bootstrap of a mean agrees with its normal limit far below the last digit shown
_CHUNK = 1_000_000


@dataclass(frozen=True)
class Interval:
    """A figure, its 95 % interval and how that was found; value None where it is undefined (nothing to average)."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str


def wilson(successes: float, n: int) -> Interval:
    """Wilson's score interval for a share (Wilson, JASA 1927).

    >>> w = wilson(9, 10); round(w.low, 4), round(w.high, 4)
    (0.5958, 0.9821)
    """
    if n == 0:
        return Interval(None, None, None, 0, "wilson")
    p, z2 = successes / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # at 0 and n successes the end is exact, but rounding may push it past the value
    return Interval(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)), n, "wilson")


def resample(n: int, statistic: Callable[[Array], Array], draws: int = DRAWS, seed: int = 0) -> Array:
    """Bootstrap: ``statistic`` of the weights (m, n) of m resamples of n units, stacked to (draws, ...)."""
    rng = np.random.default_rng(seed)
    chunk = max(1, min(draws, _CHUNK // max(n, 1)))
    found = []
    for start in range(0, draws, chunk):
        size = min(chunk, draws - start)
        picks = rng.integers(n, size=(size, n)) + np.arange(size)[:, None] * n
        found.append(statistic(np.bincount(picks.ravel(), minlength=size * n).reshape(size, n)))
    return np.concatenate(found)


def ratios(numerators: Array, denominators: Array, *, share: bool = False, seed: int = 0) -> list[Interval]:
    """Ratio of sums over clusters, one per column: sum(y) / sum(m), with intervals that resample whole clusters.

    Args:
        numerators: y, (clusters, k): an image's pairs that changed, its loss ...
        denominators: m, same shape: how many pairs (or 0/1 for a plain mean over the images that count).
        share: the ratio is a share of 0/1 events. Wilson's interval is given where each cluster holds one event at most, and
            where none or all happened: with the number of clusters as the effective n, since resampling zeros gives zeros.
        seed: of the bootstrap.

    Clusters that hold nothing in any column have no part in it.

    Percentile bootstrap up to 20,000 clusters, above it the linearised ratio with variance
    G/(G-1) * sum (y - p m)^2 / (sum m)^2.
    """
    y, m = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    y, m = y[(m > 0).any(1)], m[(m > 0).any(1)]
    total_y, total_m = y.sum(0), m.sum(0)
    counts = (m > 0).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = total_y / total_m
        if len(y) > BOOTSTRAP_UP_TO:
            spread = np.sqrt(((y - value * m) ** 2).sum(0) * len(y) / (len(y) - 1)) / total_m
            low, high, method = value - Z95 * spread, value + Z95 * spread, "linearised"
        elif len(y):
            drawn = resample(len(y), lambda w: (w @ y) / (w @ m), seed=seed)
            low, high = _percentiles(drawn)
            method = "bootstrap"
        else:
            low = high = value
            method = "bootstrap"
    found = []
    for j in range(y.shape[1]):
        if not counts[j]:
            found.append(Interval(None, None, None, 0, method))
        elif share and (total_y[j] in (0.0, total_m[j]) or m[:, j].max() <= 1):
            found.append(wilson(float(value[j]) * int(counts[j]), int(counts[j])))
        else:
            floor, top = (0.0, 1.0) if share else (-np.inf, np.inf)
            # clusters all alike: rounding may push an end past the value
            ends = max(floor, min(float(value[j]), float(low[j]))), min(top, max(float(value[j]), float(high[j])))
            found.append(Interval(float(value[j]), *ends, int(counts[j]), method))
    return found


def means(values: Array, *, share: bool = False, seed: int = 0) -> list[Interval]:
    """Mean of each column of (n, k) over its entries that are not NaN; see ``ratios``."""
    values = np.asarray(values, np.float64)
    known = ~np.isnan(values)
    return ratios(np.where(known, values, 0.0), known, share=share, seed=seed)


def differences(first: Array, second: Array, *, seed: int = 0) -> list[Interval]:
    """Share of ``first`` minus share of ``second``, 0/1 columns (n, k) paired by row: the bootstrap of the mean difference.

    Where all rows differ alike (mostly: not at all), resampling would give no width; then the share of rows that might have
    differed otherwise, the upper end of Wilson's interval for none of n, is allowed for on both sides.
    """
    gap = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    found = means(gap, seed=seed)
    for j, interval in enumerate(found):
        if interval.value is not None and np.ptp(gap[:, j]) == 0:
            room = wilson(0, interval.n).high or 0.0
            ends = max(-1.0, interval.value - room), min(1.0, interval.value + room)
            found[j] = Interval(interval.value, *ends, interval.n, "wilson")
    return found


def _percentiles(drawn: Array) -> tuple[Array, Array]:
    """2.5 and 97.5 percentiles over the draws in which the ratio was defined."""
    undefined = np.isnan(drawn).all(0)
    filled = np.where(undefined, 0.0, drawn)
    low, high = np.nanpercentile(filled, [2.5, 97.5], axis=0)
    return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)
