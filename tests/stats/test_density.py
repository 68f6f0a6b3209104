"""Kernel densities against scipy and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import gaussian_kde, norm

from eyechart.stats.density import density, scott

PLACES = np.linspace(-6, 10, 161)


def values(samples: np.ndarray, at: np.ndarray = PLACES) -> np.ndarray:
    return np.array([interval.value for interval in density(samples, at)])


@pytest.mark.parametrize("n", [2, 7, 300])
def test_equal_to_scipy(n: int) -> None:
    chance = np.random.default_rng(n)
    samples = np.concatenate([chance.normal(0, 1, n - n // 2), chance.normal(5, 0.5, n // 2)])
    theirs = gaussian_kde(samples)
    assert scott(samples) == pytest.approx(np.sqrt(theirs.covariance[0, 0]), rel=1e-12)
    np.testing.assert_allclose(values(samples), theirs(PLACES), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("samples", [[2.0], [2.0] * 50, [0.1] * 50])
def test_samples_that_are_all_alike_are_a_spike(samples: list[float]) -> None:
    step = PLACES[1] - PLACES[0]
    found = values(np.array(samples))
    assert scott(np.array(samples)) == 0
    np.testing.assert_allclose(found, norm(samples[0], step).pdf(PLACES), rtol=1e-6)
    assert found.sum() * step == pytest.approx(1, abs=1e-6)
    assert PLACES[found.argmax()] == pytest.approx(samples[0])
    assert (found > 1e-3).sum() < 12  # out of 161


def test_nearly_equal_samples_do_not_fall_between_two_places() -> None:
    samples = 2.03 + 1e-6 * np.random.default_rng(0).normal(size=40)
    assert values(samples).sum() * (PLACES[1] - PLACES[0]) == pytest.approx(1, abs=1e-3)


def test_nothing_has_no_density() -> None:
    assert {interval.value for interval in density(np.empty(0), PLACES)} == {None}


def test_a_sample_that_is_undefined_is_refused() -> None:
    with pytest.raises(ValueError, match="undefined"):
        density(np.array([1.0, np.nan]), PLACES)


def test_intervals_hold_the_smoothed_truth() -> None:
    """Of a normal seen through kernels of width h, the mean estimate is the normal of variance 1 + h ** 2."""
    at, hits = np.linspace(-2, 2, 17), []
    for seed in range(60):
        samples = np.random.default_rng(seed).normal(size=200)
        truth = norm(0, np.sqrt(1 + scott(samples) ** 2)).pdf(at)
        hits += [i.low <= t <= i.high for i, t in zip(density(samples, at), truth, strict=True)]
    assert 0.88 <= np.mean(hits) <= 0.99
