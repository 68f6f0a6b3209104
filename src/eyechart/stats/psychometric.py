"""How an observer's accuracy falls as noise grows, and the channel that thresholds over frequency describe."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np
from scipy.optimize import least_squares

Array = np.ndarray[Any, Any]

# Bounds of the fits. Of the falling curve: threshold in octaves beyond the weakest and the strongest noise, and slope.
BEYOND, SLOPES = 2.0, (0.5, 8.0)
# Of the channel: centre in bands beyond the first and last, and standard deviation in bands.
CENTRE_BEYOND, WIDTHS = 1.0, (0.2, 10.0)


def falling(noise: Array, threshold: Array, slope: Array) -> Array:
    """Share of what lies above chance that is left at ``noise``: 2 ** -(noise / threshold) ** slope, 1/2 at the threshold.

    A Weibull function of the noise. Arguments broadcast.

    >>> falling(np.array([0.0, 0.1, 0.2]), np.array(0.1), np.array(1.0)).tolist()
    [1.0, 0.5, 0.25]
    """
    return np.asarray(np.exp2(-((noise / threshold) ** slope)))


def threshold_bounds(noise: Array) -> tuple[float, float]:
    """Least and largest threshold that is fitted to these noises: two octaves beyond either end."""
    return float(noise.min() / 2**BEYOND), float(noise.max() * 2**BEYOND)


def falling_thresholds(noise: Array, left: Array) -> Array:
    """Thresholds of the ``falling`` curves nearest to what is left, by least squares within bounds.

    Args:
        noise: (k,) strengths above 0, ascending.
        left: (..., k), (accuracy - chance) / (accuracy without noise - chance).

    Returns:
        (...,) thresholds, from ``threshold_bounds``; slopes are fitted too, from .5 to 8. Found on a grid of 1/16 octave, so
        that thousands of resamples cost no more than one; NaN where ``left`` is.
    """
    low, high = threshold_bounds(noise)
    thresholds = np.geomspace(low, high, 1 + round(16 * np.log2(high / low)))
    grid = np.stack([a.ravel() for a in np.meshgrid(thresholds, np.geomspace(*SLOPES, 25), indexing="ij")])
    curves = falling(noise, grid[0][:, None], grid[1][:, None])
    return np.asarray(np.where(np.isnan(left).any(-1), np.nan, grid[0][_nearest(np.nan_to_num(left), curves)]))


def _nearest(points: Array, curves: Array) -> Array:
    """(...,) number of the curve (m, k) nearest to each of points (..., k)."""
    return np.asarray(((curves**2).sum(1) - 2 * points @ curves.T).argmin(-1))


def gauss(bands: Array, peak: Array, centre: Array, width: Array) -> Array:
    """peak * exp(-(bands - centre)^2 / (2 width^2)). Arguments broadcast."""
    return np.asarray(peak * np.exp(-((bands - centre) ** 2) / (2 * width**2)))


def full_width(width: float | Array) -> Any:
    """Full width at half maximum of a Gaussian of that standard deviation: 2 sqrt(ln 4) width."""
    return 2 * sqrt(log(4)) * width


def channel_bounds(count: int, most: float) -> tuple[Array, Array]:
    """Lower and upper ends for (peak, centre, width) of the channel of ``count`` bands, whose peak is at most ``most``."""
    low = np.array([0.0, -CENTRE_BEYOND, WIDTHS[0]])
    return low, np.array([most, count - 1 + CENTRE_BEYOND, WIDTHS[1]])


def channels(heights: Array, most: float) -> Array:
    """The Gaussian of bands 0, 1, ... nearest to heights (..., k) by least squares within ``channel_bounds``.

    Returns:
        (..., 3) peak, centre, width; NaN where no height is above 0. On a grid of 1/20 band and 3 % of width; the best peak for
        each is known in closed form.
    """
    count = heights.shape[-1]
    low, high = channel_bounds(count, most)
    centres = np.linspace(low[1], high[1], 1 + round(20 * (high[1] - low[1])))
    grid = np.stack([a.ravel() for a in np.meshgrid(centres, np.geomspace(*WIDTHS, 131), indexing="ij")])
    shapes = gauss(np.arange(count), np.array(1.0), grid[0][:, None], grid[1][:, None])
    found = np.full((*heights.shape[:-1], 3), np.nan)
    for at in np.ndindex(heights.shape[:-1]):
        if (heights[at] > 0).any():
            peaks = np.clip(shapes @ heights[at] / (shapes**2).sum(1), 0, most)
            k = int((peaks**2 * (shapes**2).sum(1) - 2 * peaks * (shapes @ heights[at])).argmin())
            found[at] = peaks[k], grid[0][k], grid[1][k]
    return found


def polished_channel(heights: Array, most: float) -> Array:
    """(3,) as ``channels`` for heights (k,), refined beyond the grid by SciPy's bounded least squares."""
    start = channels(heights, most)
    if np.isnan(start).any():
        return start
    low, high = channel_bounds(len(heights), most)
    bands = np.arange(len(heights))
    inside = np.clip(start, low + 1e-9, high - 1e-9)
    found = least_squares(lambda p: gauss(bands, p[0], p[1], p[2]) - heights, inside, bounds=(low, high))
    return np.asarray(found.x)
