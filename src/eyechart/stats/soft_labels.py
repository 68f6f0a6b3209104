"""How far a model's probabilities are from those that people give: divergences of distributions over classes, in nats.

Soft labels as in Peterson et al. (ICCV 2019, arXiv 1908.07086): of each image the shares of people who answered each class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import xlogy

from eyechart.stats.intervals import DRAWS, FEWEST, Interval, resamples

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
    return np.asarray(0.0 - xlogy(shares, shares).sum(-1))  # not -0.0


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


def rank_correlation(first: Array, second: Array, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Spearman's rho of two (n,) columns, ties sharing their rank; every resample of the rows is ranked anew.

    Undefined where either column is all equal, and for fewer than six rows, whose ranks agree by chance too often to say
    anything. Resamples in which a column is all equal are left out.
    """
    n = len(first)
    if n < FEWEST or not np.ptp(first) or not np.ptp(second):
        return Interval(None, None, None, n, "bootstrap")
    columns = tuple(_Ranks(column) for column in (first, second))
    value = float(_rho(columns, np.ones((1, n)))[0])
    drawn = np.concatenate([_rho(columns, weights) for weights in resamples(n, draws, seed)])
    low, high = np.percentile(drawn[~np.isnan(drawn)], [2.5, 97.5])
    return Interval(value, min(float(low), value), max(float(high), value), n, "bootstrap")


class _Ranks:
    """A column sorted once, to be ranked in any resample of its rows."""

    def __init__(self, column: Array) -> None:
        values, self._place = np.unique(column, return_inverse=True)
        self._order = np.argsort(self._place, kind="stable")
        self._starts = np.searchsorted(self._place[self._order], np.arange(len(values)))

    def centred(self, weights: Array) -> Array:
        """(m, n) ranks less their mean, rows counted ``weights`` (m, n) times; equal values share the middle one."""
        equal = np.add.reduceat(weights[:, self._order], self._starts, axis=1)
        middle = np.cumsum(equal, axis=1) - equal / 2
        return np.asarray((middle - weights.sum(1, keepdims=True) / 2)[:, self._place])


def _rho(columns: Sequence[_Ranks], weights: Array) -> Array:
    """(m,) correlation of ranks; NaN where a column is all equal."""
    x, y = (column.centred(weights) for column in columns)
    wx = weights * x
    spread = (wx * x).sum(1) * (weights * y * y).sum(1)
    return np.where(spread > 0, (wx * y).sum(1) / np.sqrt(np.where(spread > 0, spread, 1.0)), np.nan)
