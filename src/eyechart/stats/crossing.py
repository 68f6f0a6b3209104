"""Where a curve of paired counts rises through zero, with an interval that resamples whole units."""

from __future__ import annotations

from typing import Any

import numpy as np

from eyechart.stats.intervals import Interval, of_means

Array = np.ndarray[Any, Any]


def rises_through_zero(heights: Array, places: Array) -> Array:
    """The place from which on heights (..., k) at places (k,), ascending, are no longer below zero: (...,).

    Linear between the last place below zero and the next; minus infinity where no height is below zero, infinity where the last
    one is.

    >>> float(rises_through_zero(np.array([-1.0, -0.5, 0.5, 1.0]), np.array([1.0, 2.0, 4.0, 8.0])))
    3.0
    """
    heights, places = np.asarray(heights, np.float64), np.asarray(places, np.float64)
    below, k = heights < 0, heights.shape[-1]
    last = k - 1 - np.argmax(below[..., ::-1], axis=-1)
    after = np.minimum(last + 1, k - 1)
    low, high = (np.take_along_axis(heights, i[..., None], -1)[..., 0] for i in (last, after))
    part = np.where(high > low, -low / np.where(high > low, high - low, 1.0), 0.0)
    found = places[last] + part * (places[after] - places[last])
    found = np.where(below[..., -1], np.inf, found)
    return np.asarray(np.where(below.any(-1), found, -np.inf))


def crossing(gains: Array, counts: Array, places: Array, *, seed: int = 0) -> Interval:
    """Where the mean gain, sum(gains) / sum(counts), rises through zero; the value is infinite where it does not.

    Args:
        gains: (n, k) of each unit at each place, such as answers for one cue less those for the other.
        counts: (n, k) what they are sums of; a place without any is left out.
        places: (k,), ascending.
        seed: of the bootstrap.

    Resamples whose mean does not rise through zero count as crossing at the end of the places they do not reach, so that an
    interval may be cut off there.
    """
    held = counts.sum(0) > 0
    own = np.asarray(places, np.float64)[held]
    units = counts.sum(1) > 0
    columns = np.concatenate([gains[units][:, held], counts[units][:, held]], axis=1)
    if not columns.size:
        return Interval(None, None, None, 0, "bootstrap")

    def figure(means: Array) -> Array:
        k = len(own)
        return rises_through_zero(means[..., :k] / np.maximum(means[..., k:], 1e-300), own)

    value = float(figure(columns.mean(0)))
    if not np.isfinite(value):
        return Interval(value, None, None, len(columns), "bootstrap")
    return of_means(lambda means: np.clip(figure(means), own[0], own[-1]), columns, seed=seed)
