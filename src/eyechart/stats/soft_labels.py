"""How far a model's probabilities are from those that people give: divergences of distributions over classes, in nats.

Soft labels as in Peterson et al. (ICCV 2019, arXiv 1908.07086): of each image the shares of people who answered each class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import xlogy
from scipy.stats import rankdata

from eyechart.stats.intervals import Interval, of_means

Array = np.ndarray[Any, Any]

SUM_SLACK = 1e-3  # by which a row of rounded shares may miss one


def faulty_row(shares: Array) -> tuple[int, str] | None:
    """The first row of (n, k) shares that is no distribution, and why; None if all are.

    >>> faulty_row(np.array([[0.5, 0.5], [0.5, 0.4]]))
    (1, 'it sums to 0.9')
    """
    finite: Array = np.asarray(np.isfinite(shares).all(1))
    inside: Array = np.asarray(((shares >= 0) & (shares <= 1 + SUM_SLACK)).all(1))
    sums: Array = np.where(np.isfinite(shares), shares, 0.0).sum(1)
    wrong = np.flatnonzero(~(finite & inside & (np.abs(sums - 1) <= SUM_SLACK)))
    if not len(wrong):
        return None
    row = int(wrong[0])
    if not finite[row]:
        return row, "it holds what is no finite number"
    return row, f"it sums to {sums[row]:.6g}" if inside[row] else "it holds shares outside 0 to 1"


def entropy(shares: Array) -> Array:
    """(n,) entropy of each row of (n, k)."""
    return np.asarray(-xlogy(shares, shares).sum(-1))


def cross_entropy(people: Array, log_p: Array) -> Array:
    """(n,) -sum q log p, for people's shares q and the model's log probabilities; infinite where an answer given has none."""
    return np.asarray(-np.where(people > 0, people * np.where(people > 0, log_p, 0.0), 0.0).sum(-1))


def kullback_leibler(people: Array, log_p: Array) -> Array:
    """(n,) sum q log(q / p): cross-entropy less the entropy of the people, never below 0."""
    return np.asarray(np.maximum(cross_entropy(people, log_p) - entropy(people), 0.0))


def jensen_shannon(first: Array, second: Array) -> Array:
    """(n,) mean divergence of two distributions from their mean: 0 where they are equal, ln 2 where they share no class.

    >>> jensen_shannon(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).round(4)
    array([0.6931])
    """
    middle = entropy((first + second) / 2)
    return np.asarray(np.clip(middle - (entropy(first) + entropy(second)) / 2, 0.0, np.log(2)))


def rank_correlation(first: Array, second: Array) -> Interval:
    """Spearman's rho of two (n,) columns, ties sharing their rank, with a bootstrap of the rows (whose ranks stay).

    Undefined where either column is all equal. A resample in which one is counts as 0.
    """
    n = len(first)
    if n < 2 or not np.ptp(first) or not np.ptp(second):
        return Interval(None, None, None, n, "bootstrap")
    x, y = ((rankdata(column) - (n + 1) / 2) / n for column in (first, second))

    def rho(mean: Array) -> Array:
        mx, my, xx, yy, xy = (mean[..., k] for k in range(5))
        spread = np.sqrt(np.maximum(xx - mx * mx, 0.0) * np.maximum(yy - my * my, 0.0))
        return np.where(spread > 1e-12, (xy - mx * my) / np.maximum(spread, 1e-12), 0.0)

    return of_means(rho, np.stack([x, y, x * x, y * y, x * y], axis=1))
