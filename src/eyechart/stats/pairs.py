"""Figures by the distance of two units, with 95 % intervals that resample whole units."""

from __future__ import annotations

from typing import Any

import numpy as np

from eyechart.stats.intervals import DRAWS, FEWEST, Interval, resamples

Array = np.ndarray[Any, Any]

ROUNDING = 1e-12
UNDEFINED = 1 / 40  # of the resamples


def by_distance(columns: Array, points: Array, *, seed: int = 0) -> list[Interval]:
    """Mean of each column by the mean squared distance of two units: mean c / mean over i != j of |p_i - p_j|^2.

    Resampled units move both; one that is drawn twice is no pair with itself.

    Args:
        columns: (n, k), all finite.
        points: (n, m), of the same units.

    Undefined for fewer than two units, and where all points are one. No interval for fewer than six, nor where more than one
    resample in forty holds one point alone.

    >>> by_distance(np.array([[4.0], [0.0]]), np.array([[0.0], [1.0]]))[0].value
    2.0
    """
    n, k = columns.shape
    if n < 2 or not np.ptp(points, axis=0).any():
        return [Interval(None, None, None, n, "bootstrap")] * k
    centred = points - points.mean(0)
    squares = np.square(centred).sum(1)

    def ratios(weights: Array) -> Array:
        """(draws, k) of weights (draws, n); NaN where they hold one point alone."""
        sums = n * (weights @ squares) - np.square(weights @ centred).sum(1)
        held = sums > ROUNDING * n * squares.sum()
        distance = 2 * sums / np.maximum(n * n - np.square(weights).sum(1), 1)
        return np.where(held[:, None], weights @ columns / n / np.where(held, distance, 1.0)[:, None], np.nan)

    value = ratios(np.ones((1, n)))[0]
    drawn = np.concatenate([ratios(weights) for weights in resamples(n, seed=seed)] if n >= FEWEST else [value[None]])
    drawn = drawn[~np.isnan(drawn).any(1)]
    if n < FEWEST or len(drawn) < (1 - UNDEFINED) * DRAWS:
        return [Interval(float(v), None, None, n, "") for v in value]
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    ends = zip(value, np.minimum(low, value), np.maximum(high, value), strict=True)
    return [Interval(float(v), float(a), float(b), n, "bootstrap") for v, a, b in ends]
