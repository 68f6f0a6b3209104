"""Quantiles of values that come in clusters, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import Any

import numpy as np
from scipy.stats import binom

from eyechart.stats.intervals import Interval

Array = np.ndarray[Any, Any]


def quantiles(values: Array, clusters: Array, shares: Sequence[float]) -> list[Interval]:
    """The smallest value with at least so large a share of all at or below it, for each share, with an interval.

    The interval ends at values between which a binomial count of independent values puts the quantile (as in ``median``),
    their number being that whose share at or below it varies as much as whole clusters make it vary, n at most: Woodruff's
    way (JASA 1952). Where so few values reach no end, and for a single cluster, there is no interval. ``n`` of the result is
    the number of clusters.

    Args:
        values: (n,), finite.
        clusters: (n,) integers, equal for values that belong together.
        shares: in (0, 1).
    """
    ordered, n = np.sort(np.asarray(values, np.float64)), len(values)
    if not n:
        return [Interval(None, None, None, 0, "woodruff")] * len(shares)
    _, own = np.unique(clusters, return_inverse=True)
    count, found = int(own.max()) + 1, []
    for share in shares:
        value = float(ordered[max(ceil(share * n - 1e-9), 1) - 1])
        events = np.asarray(values <= value, np.float64)
        m = _independent(events, own, count)
        first, last = int(binom.ppf(0.025, m, share)), int(binom.ppf(0.975, m, share)) + 1  # the first, ... of m values
        if count == 1 or not 0 < first < last <= m:
            found.append(Interval(value, None, None, count, "woodruff"))
            continue
        low, high = (float(ordered[max(ceil(rank * n / m - 1e-9), 1) - 1]) for rank in (first, last))
        found.append(Interval(value, min(low, value), max(high, value), count, "woodruff"))
    return found


def _independent(events: Array, own: Array, count: int) -> int:
    """How many independent 0/1 events have a mean as uncertain as that of events in clusters."""
    n, mean = len(events), float(events.mean())
    variance = float((np.bincount(own, events - mean, count) ** 2).sum()) / n**2
    if variance <= 0:
        return count
    return max(1, min(n, floor(mean * (1 - mean) / variance + 1e-6)))
