"""The lowest of many shares: the smallest of what was counted is lower than the smallest that is true, by chance alone."""

from __future__ import annotations

from math import hypot
from typing import Any

import numpy as np
from scipy.stats import beta, binom

from eyechart.stats.intervals import Interval, wilson

Array = np.ndarray[Any, Any]

METHOD = "clopper-pearson, sidak above"
STEPS = 60  # of a search by halves: far beyond what two shares can differ by


def lowest(successes: Array, sizes: Array) -> tuple[int, Interval]:
    """Which group's share is lowest (the first on a tie), and that share with a 95 % interval of the lowest true share.

    Args:
        successes, sizes: (groups,), each size above 0.

    Exact limits of single shares (Clopper & Pearson, Biometrika 1934), since Wilson's fail in the tails of small groups. The
    lower end is the lowest lower limit: the truly worst group is below its own in 2.5 % of samples at most, and the lowest
    of all is no higher. The upper end is the lowest of upper limits that hold for all independent groups at once in 97.5 % of
    samples (Sidak, JASA 1967): the lowest true share then lies below each of them. ``n`` is that of all groups.
    """
    k, n = np.asarray(successes, np.float64), np.asarray(sizes, np.float64)
    together = 0.975 ** (1 / len(n))
    low = np.where(k > 0, beta.ppf(0.025, np.maximum(k, 1), n - k + 1), 0.0)
    high = np.where(k < n, beta.ppf(together, k + 1, np.maximum(n - k, 1)), 1.0)
    worst = int(np.argmin(k / n))
    return worst, Interval(float(k[worst] / n[worst]), float(low.min()), float(high.min()), int(n.sum()), METHOD)


def lowest_by_chance(share: float, sizes: Array) -> float:
    """Where the lowest share would lie were all groups alike, of one true ``share``: at or above this in 97.5 % of samples.

    >>> round(lowest_by_chance(0.9, np.array([100])), 2), round(lowest_by_chance(0.9, np.full(10, 100)), 2)
    (0.84, 0.81)
    """
    low, high = 0.0, 1.0  # P(lowest < low) <= 2.5 % < P(lowest < high), or there is none such
    for _ in range(STEPS):
        middle = (low + high) / 2
        below = binom.cdf(np.ceil(middle * np.asarray(sizes) - 1e-9) - 1, sizes, share)  # P(count < middle * size)
        if -np.expm1(np.log1p(-np.minimum(below, 1 - 1e-16)).sum()) <= 0.025:
            low = middle
        else:
            high = middle
    return round(low, 9)


def mean_of(successes: Array, sizes: Array) -> Interval:
    """Mean of the shares, each group counting as much; their intervals are added (Zou & Donner, Stat. Med. 2008)."""
    each = [wilson(float(k), int(n)) for k, n in zip(successes, sizes, strict=True)]
    values, lows, highs = (np.array([getattr(e, part) for e in each]) for part in ("value", "low", "high"))
    value, count = float(values.mean()), len(each)
    down, up = (hypot(*gaps) / count for gaps in (values - lows, highs - values))
    return Interval(value, value - down, value + up, int(np.sum(sizes)), "mover")
