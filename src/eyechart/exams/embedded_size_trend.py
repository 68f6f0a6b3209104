"""Rank correlation of change and size, over all pairs and image by image."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from eyechart.core.exam import Array
from eyechart.stats.intervals import Interval, of_means


def pooled_trend(changed: Array, valid: Array) -> Interval:
    """Spearman's rho of change and size over all pairs of all images, with a bootstrap of the images.

    Change is 0 or 1 and has two ranks, so rho is Pearson's correlation of change with the rank of the size: a figure of sums.
    An image that lacks a pair has no part in it, so that each size has as many pairs and its rank is that among the sizes.
    A resample in which nothing varies shows no trend and counts as 0.

    Args:
        changed, valid: (n, sizes, pairs) bool, the sizes ascending.
    """
    whole = changed[valid.all((1, 2))]
    if not len(whole) or whole.all() or not whole.any():
        return Interval(None, None, None, len(whole), "bootstrap")
    ranks = np.arange(whole.shape[1], dtype=np.float64)
    columns = np.stack(
        [whole.mean((1, 2)), (whole.mean(2) * ranks).mean(1)], axis=1
    )  # means of change, change times rank

    def rho(mean: Array) -> Array:
        share, product = mean[..., 0], mean[..., 1]
        spread = np.sqrt(np.maximum(share * (1 - share), 0) * ranks.var())
        return np.where(spread > 1e-12, (product - share * ranks.mean()) / np.maximum(spread, 1e-12), 0.0)

    return of_means(rho, columns)


def trends(changes: Array) -> Array:
    """(n,) Spearman's rho of each image's changes (n, sizes) with the size; NaN where they are all equal or one is missing.

    >>> trends(np.array([[0.9, 0.5, 0.1], [0.0, 0.0, 1.0], [0.2, 0.2, 0.2]])).round(3)
    array([-1.   ,  0.866,    nan])
    """
    found = np.full(len(changes), np.nan)
    whole = np.flatnonzero(~np.isnan(changes).any(1))
    fit = whole[np.ptp(changes[whole], axis=1) > 0]
    ranks = rankdata(changes[fit], axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    sizes = np.arange(changes.shape[1]) - (changes.shape[1] - 1) / 2
    found[fit] = (ranks @ sizes) / np.sqrt((ranks**2).sum(1) * (sizes**2).sum())
    return found
