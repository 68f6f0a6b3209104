"""Falling curves and channels: what was put in comes out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from eyechart.stats.psychometric import (
    channel_bounds,
    channels,
    falling,
    falling_thresholds,
    full_width,
    gauss,
    polished_channel,
    threshold_bounds,
)

NOISE = np.array([0.02, 0.04, 0.08, 0.16])
BANDS = np.arange(7)


@pytest.mark.parametrize("threshold", [0.018, 0.045, 0.1, 0.2])
@pytest.mark.parametrize("slope", [1.0, 3.0])
def test_a_curves_threshold_comes_back(threshold: float, slope: float) -> None:
    left = falling(NOISE, np.array(threshold), np.array(slope))
    assert float(falling_thresholds(NOISE, left)) == pytest.approx(threshold, rel=0.08)
    assert falling(np.array(threshold), np.array(threshold), np.array(slope)) == 0.5


def test_thresholds_stay_within_their_bounds_and_say_nothing_of_nothing() -> None:
    low, high = threshold_bounds(NOISE)
    assert (low, high) == (0.005, 0.64)
    found = falling_thresholds(NOISE, np.array([[0.0] * 4, [1.0] * 4, [np.nan] * 4]))
    assert found[:2] == pytest.approx([low, high])
    assert np.isnan(found[2])


@pytest.mark.parametrize(("peak", "centre", "width"), [(3.0, 3.0, 0.6), (2.0, 4.3, 1.5), (4.0, 1.0, 0.4)])
def test_a_channel_comes_back(peak: float, centre: float, width: float) -> None:
    heights = gauss(BANDS, np.array(peak), np.array(centre), np.array(width))
    assert channels(heights, 4.0) == pytest.approx([peak, centre, width], rel=0.05)
    assert polished_channel(heights, 4.0) == pytest.approx([peak, centre, width], rel=1e-4)
    assert full_width(width) == pytest.approx(2.3548 * width, rel=1e-4)


def test_scipys_own_fit_of_counted_thresholds_agrees() -> None:
    counted = np.array([0.0, 1, 3, 3, 2, 1, 0])
    low, high = channel_bounds(7, 4.0)
    (a, m, s), _ = curve_fit(
        lambda f, a, m, s: a * np.exp(-((f - m) ** 2) / (2 * s**2)), BANDS, counted, (1, 3, 1), bounds=(low, high)
    )
    assert polished_channel(counted, 4.0) == pytest.approx([a, m, s], rel=1e-3)


def test_no_fit_runs_away() -> None:
    flat = polished_channel(np.full(7, 2.0), 4.0)  # unbounded, its width would be endless
    assert flat[2] <= 10
    rising = polished_channel(np.array([0.0, 0, 0, 0, 0, 0, 4]), 4.0)
    assert -1 <= rising[1] <= 7
    assert np.isnan(channels(np.zeros(7), 4.0)).all()
    assert np.isnan(polished_channel(np.zeros(7), 4.0)).all()


def test_many_are_fitted_as_one_is() -> None:
    heights = np.random.default_rng(0).uniform(0, 4, (5, 7))
    each = np.stack([channels(h, 4.0) for h in heights])
    np.testing.assert_array_equal(channels(heights, 4.0), each)
