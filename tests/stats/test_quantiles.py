"""Quantiles of clustered values: their definition, and how often their intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from eyechart.stats.intervals import median
from eyechart.stats.quantiles import quantiles

SHARES = (0.1, 0.5, 0.9)


def test_values_are_the_smallest_that_hold_the_share() -> None:
    values = np.random.default_rng(0).normal(size=37)
    found = quantiles(values, np.arange(37), SHARES)
    np.testing.assert_allclose([q.value for q in found], np.quantile(values, SHARES, method="inverted_cdf"))
    assert all(q.low <= q.value <= q.high and q.n == 37 for q in found)  # type: ignore[operator]


@pytest.mark.parametrize("members", [1, 5])
@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_intervals_hold_the_truth(members: int, shared: float) -> None:
    chance, clusters, held = np.random.default_rng(1), 60, np.zeros(len(SHARES))
    truth = np.array([-1.2815515655446004, 0.0, 1.2815515655446004])
    trials = 400
    for _ in range(trials):
        common, own = chance.normal(size=(clusters, 1)), chance.normal(size=(clusters, members))
        values = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
        found = quantiles(values.ravel(), np.repeat(np.arange(clusters), members), SHARES)
        held += [q.low <= t <= q.high for q, t in zip(found, truth, strict=True)]  # type: ignore[operator]
    assert (held / trials > 0.9).all(), held / trials


def test_whole_clusters_are_what_counts() -> None:
    values = np.random.default_rng(2).normal(size=50)
    alone = quantiles(values, np.arange(50), SHARES)
    thrice = quantiles(np.repeat(values, 3), np.repeat(np.arange(50), 3), SHARES)
    assert [(q.value, q.low, q.high) for q in alone] == [(q.value, q.low, q.high) for q in thrice]


def test_too_little_to_tell() -> None:
    assert quantiles(np.empty(0), np.empty(0, int), SHARES)[0].value is None
    single = quantiles(np.array([1.0, 2.0]), np.zeros(2, int), (0.5,))[0]
    assert (single.value, single.low, single.n) == (1.0, None, 1)
    alike = quantiles(np.ones(6), np.arange(6), (0.5,))[0]
    assert (alike.value, alike.low, alike.high) == (1.0, 1.0, 1.0)
    assert quantiles(np.arange(20.0), np.arange(20), (0.05,))[0].low is None


def test_single_values_have_the_interval_of_the_median() -> None:
    values = np.random.default_rng(3).normal(size=31)
    (ours,), theirs = quantiles(values, np.arange(31), (0.5,)), median(values)
    assert (ours.value, ours.low, ours.high) == (theirs.value, theirs.low, theirs.high)
