"""What two figures of the same images differ by, from leaving out one group of images after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from scipy.stats import t

from eyechart.stats.intervals import Z95

Array = np.ndarray[Any, Any]

GROUPS = 20
FEWEST = 12  # images: fewer say nothing of the spread
POWER = 0.8


@dataclass(frozen=True)
class Difference:
    """One figure less another.

    Attributes:
        value: of all images.
        low, high: 95 % interval; None where it is undefined.
        p: two-sided, of no difference; 1 where there is no interval.
        smallest: the difference that would have been shown four times in five; None without an interval.
        n: images.
    """

    value: float
    low: float | None
    high: float | None
    p: float
    smallest: float | None
    n: int


def groups_of(n: int, seed: int = 0) -> Array:
    """The group of each of n images, (n,), by chance; groups are as large as each other, but for one image."""
    found = np.arange(n) % min(GROUPS, n)
    return np.asarray(np.random.default_rng(seed).permutation(found))


def difference(value: float, without: Sequence[float], n: int, *, share: bool) -> Difference:
    """The delete-a-group jackknife (Efron & Stein, Ann. Stat. 1981; Kott, J. Off. Stat. 2001), with Student's t.

    For figures that are smooth functions of means, as shares, errors and their ratios are; both figures leave out the same
    images, so that what they share drops out.

    Args:
        value: of all images.
        without: for each group, the value without it; not finite where it is undefined.
        n: images.
        share: a difference of shares: the interval is then never narrower than that of n pairs without a difference
            (Bonett & Price, J. Educ. Behav. Stat. 2012), since images that agree say that differences are rare, not that
            there are none.

    >>> difference(0.1, [0.1] * 20, 98, share=True).high > 0.12
    True
    """
    given = np.asarray(without, np.float64)
    count = len(given)
    if n < FEWEST or count < 2 or not np.isfinite(given).all():
        return Difference(value, None, None, 1.0, None, n)
    error = sqrt((count - 1) / count * float(np.square(given - given.mean()).sum()))
    wide = float(t.ppf(0.975, count - 1))
    if share:
        error = max(error, Z95 * sqrt(2) / (n + 2) / wide)
    if error == 0:
        return Difference(value, value, value, 1.0 if value == 0 else 0.0, 0.0, n)
    p = 2 * float(t.sf(abs(value) / error, count - 1))
    smallest = (wide + float(t.ppf(POWER, count - 1))) * error
    return Difference(value, value - wide * error, value + wide * error, p, smallest, n)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values (Scand. J. Stat. 1979): each below 0.05 with all such errors together at 5 %.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    found, reached = [0.0] * len(p), 0.0
    for rank, place in enumerate(order):
        reached = max(reached, min(1.0, (len(p) - rank) * p[int(place)]))
        found[int(place)] = round(reached, 12)
    return found
