"""Rank correlation of change and size, over all pairs and image by image."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from eyechart.core.exam import Array
from eyechart.stats.intervals import Interval, of_means


def pooled_trend(changed: Array, valid: Array, pixels: Array) -> Interval:
    """Spearman's rho of change and size over all pairs of all images, with a bootstrap of the images.

    Change is 0 or 1 and has two ranks, so rho is Pearson's correlation of change with the rank of the size: a figure of sums.
    The size is ranked among those of its own image, and what is shown equally large has one rank. An image that lacks a pair
    has no part in it, so that each image has the same mean rank. A resample in which nothing varies shows no trend and counts
    as 0.

    Args:
        changed, valid: (n, sizes, pairs) bool.
        pixels: (n, sizes) what is shown is so large.
    """
    fit = valid.all((1, 2))
    whole = changed[fit]
    if not len(whole) or whole.all() or not whole.any() or not np.ptp(pixels[fit], axis=1).any():
        return Interval(None, None, None, len(whole), "bootstrap")
    ranks = _centred_ranks(pixels[fit])
    each = whole.mean(2)
    columns = np.stack([each.mean(1), (each * ranks).mean(1), (ranks**2).mean(1)], axis=1)

    def rho(mean: Array) -> Array:
        share, product, variance = mean[..., 0], mean[..., 1], mean[..., 2]
        spread = np.sqrt(np.maximum(share * (1 - share), 0) * variance)
        return np.where(spread > 1e-12, product / np.maximum(spread, 1e-12), 0.0)

    return of_means(rho, columns)


def trends(changes: Array, pixels: Array) -> Array:
    """(n,) Spearman's rho of each image's changes with its sizes, both (n, sizes); NaN where either is all equal or lacks one.

    >>> sizes = np.array([[3, 7, 9]] * 3 + [[3, 7, 7]])
    >>> changes = np.array([[0.9, 0.5, 0.1], [0.0, 0.0, 1.0], [0.2, 0.2, 0.2], [0.9, 0.5, 0.1]])
    >>> trends(changes, sizes).round(3)
    array([-1.   ,  0.866,    nan, -0.866])
    """
    found = np.full(len(changes), np.nan)
    whole = np.flatnonzero(~np.isnan(changes).any(1))
    fit = whole[(np.ptp(changes[whole], axis=1) > 0) & (np.ptp(pixels[whole], axis=1) > 0)]
    ranks, sizes = _centred_ranks(changes[fit]), _centred_ranks(pixels[fit])
    found[fit] = (ranks * sizes).sum(1) / np.sqrt((ranks**2).sum(1) * (sizes**2).sum(1))
    return found


def means_of_pairs(values: Array, valid: Array) -> Array:
    """(n, sizes) mean over the pairs that could be drawn, NaN where none could."""
    count = valid.sum(2)
    return np.where(count > 0, np.where(valid, values, 0.0).sum(2) / np.maximum(count, 1), np.nan)


def _centred_ranks(values: Array) -> Array:
    """Ranks within each row, ties sharing theirs, less their mean."""
    return np.asarray(rankdata(values, axis=1) - (values.shape[1] + 1) / 2)
