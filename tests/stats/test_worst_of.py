"""The lowest of many shares, by simulation: what the smallest count says of the smallest true share."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from eyechart.stats.intervals import wilson
from eyechart.stats.worst_of import lowest, lowest_by_chance, mean_of

ALIKE, APART = np.full(10, 0.8), np.linspace(0.5, 0.95, 10)


def counts(shares: np.ndarray, size: int, samples: int) -> np.ndarray:
    return np.random.default_rng(0).binomial(size, shares, (samples, len(shares)))


def test_of_one_group_it_is_that_group() -> None:
    worst, found = lowest(np.array([7]), np.array([10]))
    exact = binomtest(7, 10).proportion_ci(method="exact")
    assert worst == 0
    assert (found.value, found.low, found.high) == (0.7, pytest.approx(exact.low), pytest.approx(exact.high))


def test_none_and_all_have_ends_on_one_side() -> None:
    assert lowest(np.array([0, 10]), np.array([10, 10]))[1].low == 0
    full = lowest(np.array([10, 20]), np.array([10, 20]))[1]
    assert (full.value, full.high) == (1, 1)
    assert full.low == pytest.approx(binomtest(10, 10).proportion_ci(method="exact").low)


@pytest.mark.parametrize("size", [20, 100])
@pytest.mark.parametrize("shares", [ALIKE, APART])
def test_the_interval_covers_the_lowest_true_share(shares: np.ndarray, size: int) -> None:
    hits, naive = [], []
    for drawn in counts(shares, size, 600):
        worst, found = lowest(drawn, np.full(10, size))
        hits.append(found.low <= shares.min() <= found.high)
        naive.append(wilson(drawn[worst], size).high >= shares.min())
    assert np.mean(hits) > 0.94
    if shares is ALIKE:
        assert np.mean(naive) < 0.9  # the interval of the group that was found lowest does not


def test_the_lowest_count_lies_below_the_lowest_share_where_all_are_alike() -> None:
    found = [lowest(drawn, np.full(10, 100))[1].value for drawn in counts(ALIKE, 100, 300)]
    assert np.mean(found) < 0.76


def test_where_chance_puts_the_lowest() -> None:
    sizes = np.array([40, 100, 250])
    drawn = np.random.default_rng(1).binomial(sizes, 0.85, (20_000, 3)) / sizes
    limit = lowest_by_chance(0.85, sizes)
    assert np.mean(drawn.min(1) < limit - 1e-6) <= 0.028
    assert np.mean(drawn.min(1) <= limit + 1e-6) > 0.025


def test_of_one_group_chance_is_the_binomial_s() -> None:
    for share, size in ((0.5, 30), (0.9, 200), (0.02, 40)):
        assert lowest_by_chance(share, np.array([size])) == pytest.approx(
            binom.ppf(0.025, size, share) / size, abs=1e-6
        )
    assert lowest_by_chance(0.0, np.array([10])) == pytest.approx(0)
    assert lowest_by_chance(1.0, np.array([10])) == pytest.approx(1)


def test_the_mean_of_groups_counts_each_as_much_and_has_an_honest_interval() -> None:
    assert mean_of(np.array([10, 0]), np.array([10, 1000])).value == 0.5
    hits = []
    for drawn in counts(APART, 30, 300):
        found = mean_of(drawn, np.full(10, 30))
        hits.append(found.low <= APART.mean() <= found.high)
    assert 0.92 < np.mean(hits) <= 1
    full = mean_of(np.array([20, 20]), np.array([20, 20]))
    assert full.high == 1
    assert full.low < 1
