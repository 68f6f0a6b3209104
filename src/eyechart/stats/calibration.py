"""Expected calibration error with equal-mass bins."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erf

from eyechart.stats.intervals import BOOTSTRAP_UP_TO, DRAWS, Interval, resampled_sums

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
    order = np.lexsort((correct, confidence))  # so that the order of the images makes no difference
    conf, hit = np.asarray(confidence, np.float64)[order], np.asarray(correct, np.float64)[order]
    held = _bins(conf, bins)
    columns = np.concatenate([held, held * hit[:, None], held * conf[:, None]], axis=1)
    value = float(_error(columns.sum(0, keepdims=True), debiased)[0])
    drawn = _error(resampled_sums(columns, _draws(n), seed), debiased)
    low, high = np.percentile(drawn, [2.5, 97.5])
    low, high = max(0.0, 2 * value - float(high)), min(1.0, 2 * value - float(low))
    if value <= ece_if_calibrated(confidence, bins, debiased=debiased, seed=seed):
        low = 0.0
    return Interval(value, min(low, value), max(high, value), n, "basic bootstrap")


def ece_if_calibrated(confidence: Array, bins: int = 15, *, debiased: bool = False, seed: int = 0) -> float:
    """The error that a perfectly calibrated model with these confidences stays below in 97.5 % of such samples."""
    conf = np.sort(np.asarray(confidence, np.float64))
    held, rng = _bins(conf, bins), np.random.default_rng(seed)
    fixed = np.concatenate([held.sum(0), (held * conf[:, None]).sum(0)])
    k = held.shape[1]
    hits = [(rng.random(len(conf)) < conf) @ held for _ in range(_draws(len(conf)) // 2)]
    sums = np.concatenate(
        [np.tile(fixed[:k], (len(hits), 1)), np.stack(hits), np.tile(fixed[k:], (len(hits), 1))], axis=1
    )
    return float(np.percentile(_error(sums, debiased), 97.5))


def _draws(n: int) -> int:
    return DRAWS if n <= BOOTSTRAP_UP_TO else 300  # many images: less noise to resolve, more work a draw


def _bins(conf: Array, bins: int) -> Array:
    """(n, bins) one-hot: equal-mass bins in the order of confidence; ties in the order given."""
    n = len(conf)
    bins = min(bins, n)
    place = np.empty(n, np.int64)
    place[np.argsort(conf, kind="stable")] = np.arange(n)
    return np.asarray(np.eye(bins)[((place + 0.5) / n * bins).astype(np.int64)])


def _error(sums: Array, debiased: bool) -> Array:
    """Error from sums per bin, (m, 3 * bins): number, number right, sum of confidences -> (m,)."""
    size, right, confident = np.split(sums, 3, axis=1)
    held = np.maximum(size, 1.0)
    accuracy = right / held
    gap = np.abs(accuracy - confident / held)
    if debiased:
        spread = np.sqrt(np.maximum(accuracy * (1 - accuracy), 1e-12) / held)
        far = gap / spread
        folded = spread * np.sqrt(2 / np.pi) * np.exp(-(far**2) / 2) + gap * erf(far / np.sqrt(2))
        gap = 2 * gap - folded  # may be negative in a bin: cut off bin by bin, the correction would be half lost
    return np.asarray(np.maximum(0.0, (gap * size).sum(1) / size.sum(1)))
