"""Expected calibration error with equal-mass bins."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erf

from eyechart.stats.intervals import BOOTSTRAP_UP_TO, DRAWS, FEWEST, Interval, resamples, wilson

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
    negative: where the value does not exceed ``ece_if_calibrated``, its low end is 0. Where all are right, or all wrong,
    resampling shows no spread: the high end is then at least the widest gap between the mean confidence and Wilson's interval
    of the accuracy, which the error cannot be below. No interval for fewer than six samples.
    """
    n = len(confidence)
    if n == 0:
        return Interval(None, None, None, 0, "basic bootstrap")
    order = np.lexsort((correct, confidence))  # so that the order of the images makes no difference
    conf, hit = np.asarray(confidence, np.float64)[order], np.asarray(correct, np.float64)[order]
    starts = _bin_starts(n, bins)

    def error(weights: Array) -> Array:
        sums = [np.add.reduceat(weights * column, starts, axis=1) for column in (np.ones(n), hit, conf)]
        return _error(*sums, debiased=debiased)

    value = float(error(np.ones((1, n)))[0])
    if n < FEWEST:
        return Interval(value, None, None, n, "")
    drawn = np.concatenate([error(weights) for weights in resamples(n, _draws(n), seed)])
    low, high = np.percentile(drawn, [2.5, 97.5])
    low, high = max(0.0, 2 * value - float(high)), min(1.0, 2 * value - float(low))
    if value <= ece_if_calibrated(confidence, bins, debiased=debiased, seed=seed):
        low = 0.0
    if hit.min() == hit.max():
        right = wilson(float(hit.sum()), n)
        high = max(high, *(abs(float(conf.mean()) - (end or 0.0)) for end in (right.low, right.high)))
    return Interval(value, min(low, value), max(high, value), n, "basic bootstrap")


def ece_if_calibrated(confidence: Array, bins: int = 15, *, debiased: bool = False, seed: int = 0) -> float:
    """The error that a perfectly calibrated model with these confidences stays below in 97.5 % of such samples."""
    conf = np.sort(np.asarray(confidence, np.float64))
    starts, rng = _bin_starts(len(conf), bins), np.random.default_rng(seed)
    size, confident = (np.add.reduceat(column, starts)[None] for column in (np.ones(len(conf)), conf))
    hits = (rng.random(len(conf)) < conf for _ in range(_draws(len(conf)) // 2))
    right = np.stack([np.add.reduceat(hit.astype(np.float64), starts) for hit in hits])
    return float(np.percentile(_error(size, right, confident, debiased=debiased), 97.5))


def _draws(n: int) -> int:
    return DRAWS if n <= BOOTSTRAP_UP_TO else 300  # many images: less noise to resolve, more work a draw


def _bin_starts(n: int, bins: int) -> Array:
    """Where equal-mass bins of n sorted samples begin: the middle of a sample decides."""
    bins = min(bins, n)
    place = ((np.arange(n) + 0.5) / n * bins).astype(np.int64)
    return np.searchsorted(place, np.arange(bins))


def _error(size: Array, right: Array, confident: Array, *, debiased: bool) -> Array:
    """Error from sums per bin, each (m, bins): number, number right, sum of confidences -> (m,)."""
    held = np.maximum(size, 1.0)
    accuracy = right / held
    gap = np.abs(accuracy - confident / held)
    if debiased:
        spread = np.sqrt(np.maximum(accuracy * (1 - accuracy), 1e-12) / held)
        far = gap / spread
        folded = spread * np.sqrt(2 / np.pi) * np.exp(-(far**2) / 2) + gap * erf(far / np.sqrt(2))
        gap = 2 * gap - folded  # may be negative in a bin: cut off bin by bin, the correction would be half lost
    return np.asarray(np.maximum(0.0, (gap * size).sum(1) / size.sum(1)))
