"""How far classes change places between two answers (Hendrycks & Dietterich, ICLR 2019)."""

from __future__ import annotations

import numpy as np

from eyechart.core.exam import Array


def order(values: Array) -> Array:
    """(n, k) classes from the largest output to the smallest; the lower index first on a tie."""
    return np.argsort(-values, axis=1, kind="stable")


def later_ranks(first: Array, second: Array) -> Array:
    """(n, k) s_r: the rank, from 1, in the second outputs of the class of rank r = 1, 2, ... in the first."""
    ranks = np.empty(second.shape, np.int64)
    np.put_along_axis(ranks, order(second), np.arange(1, second.shape[1] + 1)[None], axis=1)
    return np.take_along_axis(ranks, order(first), axis=1)


def top_distance(first: Array, second: Array, top: int = 5) -> Array:
    """(n,) sum over r = 1 to k of |min(s_r, k + 1) - r|, k = ``top``, or one less than the classes if these are fewer.

    >>> one, swapped = np.array([[9, 8, 7, 6, 5, 4, 3]]), np.array([[8, 9, 7, 6, 5, 4, 3]])
    >>> top_distance(one, one).item(), top_distance(one, swapped).item()
    (0, 2)
    """
    k = min(top, first.shape[1] - 1)
    found = np.minimum(later_ranks(first, second)[:, :k], k + 1)
    return np.asarray(np.abs(found - np.arange(1, k + 1)).sum(1))


def zipf_distance(first: Array, second: Array) -> Array:
    """(n,) sum over all classes of (1 / r) |1 / r - 1 / s_r|."""
    r = np.arange(1, first.shape[1] + 1)
    return np.asarray((np.abs(1 / r - 1 / later_ranks(first, second)) / r).sum(1))
