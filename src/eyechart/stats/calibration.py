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
            normal around the gap, less the gap; Kumar et al., NeurIPS 2019, arXiv 1909.10155, for the L1 error). Bins that
            are all right or all wrong show no noise and get no correction.
        seed: of the bootstrap.

    The interval is the basic bootstrap (2 * value - percentiles): the error is inflated by noise, and resampling inflates
    it once more, so plain percentiles would sit too high. It is still no test of calibration, since the error cannot be
    negative: where the value does not exceed ``ece_if_calibrated``, its low end is 0.
    """
    n = len(confidence)
    if n == 0:
        return Interval(None, None, None, 0, "basic bootstrap")
    conf, hit = _sorted(confidence, correct)

    def error(weights: Array) -> Array:
        return _binned_error(weights.astype(np.float64), conf, hit, min(bins, n), debiased)

    value = float(error(np.ones((1, n)))[0])
    low, high = np.percentile(resample(n, error, _draws(n), seed), [2.5, 97.5])
    low, high = max(0.0, 2 * value - float(high)), min(1.0, 2 * value - float(low))
    if value <= ece_if_calibrated(confidence, bins, debiased=debiased, seed=seed):
        low = 0.0
    return Interval(value, min(low, value), max(high, value), n, "basic bootstrap")


def ece_if_calibrated(confidence: Array, bins: int = 15, *, debiased: bool = False, seed: int = 0) -> float:
    """The error that a perfectly calibrated model with these confidences stays below in 97.5 % of such samples."""
    n = len(confidence)
    conf, _ = _sorted(confidence, confidence)
    rng, ones = np.random.default_rng(seed), np.ones((1, n))
    drawn = [
        _binned_error(ones, conf, (rng.random(n) < conf).astype(np.float64), min(bins, n), debiased)[0]
        for _ in range(_draws(n) // 2)
    ]
    return float(np.percentile(drawn, 97.5))


def _draws(n: int) -> int:
    return DRAWS if n <= BOOTSTRAP_UP_TO else 300  # many images: less noise to resolve, more work a draw


def _sorted(confidence: Array, correct: Array) -> tuple[Array, Array]:
    order = np.argsort(confidence, kind="stable")
    return np.asarray(confidence, np.float64)[order], np.asarray(correct, np.float64)[order]


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
        gap = 2 * gap - folded  # may be negative in a bin: cut off bin by bin, the correction would be half lost
    return np.asarray(np.maximum(0.0, (gap * size).sum(1) / total[:, 0]))
