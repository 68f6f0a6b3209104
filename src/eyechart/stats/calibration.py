"""Expected calibration error with equal-mass bins."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erf

from eyechart.stats.intervals import BOOTSTRAP_UP_TO, DRAWS, Interval, resample

Array = np.ndarray[Any, Any]


def ece(confidence: Array, correct: Array, bins: int = 15, *, debiased: bool = False, seed: int = 0) -> Interval:
    """Top-label calibration error: mean over equal-mass bins of |accuracy - mean confidence|, weighted by bin size.

    Args:
        confidence: (n,) probability of the top class.
        correct: (n,) bool.
        bins: number of equal-mass bins of confidence (fewer where n < bins).
        debiased: subtract from each bin the amount by which noise alone inflates its absolute gap (the mean of a folded
            normal around the gap, less the gap; Kumar et al., NeurIPS 2019, arXiv 1909.10155, for the L1 error).
        seed: of the bootstrap.

    The interval is the basic bootstrap (2 * value - percentiles): the error is inflated by noise, and resampling inflates
    it once more, so plain percentiles would sit too high.
    """
    n = len(confidence)
    if n == 0:
        return Interval(None, None, None, 0, "basic bootstrap")
    order = np.argsort(confidence, kind="stable")
    conf, hit = np.asarray(confidence, np.float64)[order], np.asarray(correct, np.float64)[order]

    def error(weights: Array) -> Array:
        return _binned_error(weights.astype(np.float64), conf, hit, min(bins, n), debiased)

    value = float(error(np.ones((1, n)))[0])
    draws = DRAWS if n <= BOOTSTRAP_UP_TO else 300  # many images: less noise to resolve, more work a draw
    low, high = np.percentile(resample(n, error, draws, seed), [2.5, 97.5])
    low, high = max(0.0, 2 * value - float(high)), min(1.0, 2 * value - float(low))
    return Interval(value, min(low, value), max(high, value), n, "basic bootstrap")


def _binned_error(weights: Array, conf: Array, hit: Array, bins: int, debiased: bool) -> Array:
    """Error per resample: weights (m, n) over samples sorted by confidence -> (m,)."""
    mass = np.cumsum(weights, axis=1)
    total = mass[:, -1:]
    # A sample belongs to the bin in which the middle of its mass falls, so that bins are equal to within one sample.
    bin_of = np.minimum(((mass - weights / 2) / total * bins).astype(np.int64), bins - 1)
    flat = (bin_of + np.arange(len(weights))[:, None] * bins).ravel()

    def per_bin(values: Array) -> Array:
        return np.bincount(flat, values.ravel(), minlength=len(weights) * bins).reshape(len(weights), bins)

    size = per_bin(weights)
    held = np.maximum(size, 1.0)
    accuracy, confidence = per_bin(weights * hit) / held, per_bin(weights * conf) / held
    gap = np.abs(accuracy - confidence)
    if debiased:
        spread = np.sqrt(np.maximum(accuracy * (1 - accuracy), 1e-12) / held)
        folded = spread * np.sqrt(2 / np.pi) * np.exp(-(gap**2) / (2 * spread**2)) + gap * erf(
            gap / (spread * np.sqrt(2))
        )
        gap = np.maximum(0.0, 2 * gap - folded)
    return np.asarray((gap * size).sum(1) / total[:, 0])
