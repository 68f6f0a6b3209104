"""Divergences of soft labels: an independent loop, scipy, and laws."""

from __future__ import annotations

from math import inf, log

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import spearmanr

from eyechart.stats.intervals import resamples
from eyechart.stats.soft_labels import (
    cross_entropy,
    entropy,
    faulty_row,
    jensen_shannon,
    kullback_leibler,
    rank_correlation,
)


def distributions(seed: int, n: int = 40, k: int = 5) -> np.ndarray:
    shares = np.random.default_rng(seed).dirichlet(np.full(k, 0.3), n)
    shares[:5] = np.eye(k)[:5]
    return shares


def test_divergences_by_a_loop() -> None:
    q, p = distributions(0), np.maximum(distributions(1), 1e-6)
    p /= p.sum(1, keepdims=True)
    for i in range(len(q)):
        by_hand = sum(a * (log(a) - log(b)) for a, b in zip(q[i], p[i], strict=True) if a > 0)
        assert kullback_leibler(q, np.log(p))[i] == pytest.approx(by_hand, abs=1e-9)
        assert jensen_shannon(q, p)[i] == pytest.approx(jensenshannon(q[i], p[i]) ** 2, abs=1e-9)
        assert cross_entropy(q, np.log(p))[i] == pytest.approx(by_hand + entropy(q)[i], abs=1e-9)


def test_laws_of_divergences() -> None:
    q, p = distributions(2), distributions(3)
    np.testing.assert_allclose(jensen_shannon(q, q), 0, atol=1e-12)
    np.testing.assert_allclose(jensen_shannon(q, p), jensen_shannon(p, q), atol=1e-12)
    assert (jensen_shannon(q, p) <= np.log(2)).all()
    np.testing.assert_allclose(entropy(np.full((1, 8), 1 / 8)), log(8))
    with np.errstate(divide="ignore"):
        assert kullback_leibler(np.array([[0.5, 0.5]]), np.log(np.array([[1.0, 0.0]])))[0] == inf
        assert kullback_leibler(np.array([[1.0, 0.0]]), np.log(np.array([[1.0, 0.0]])))[0] == 0


def test_rows_that_are_no_distribution_are_named() -> None:
    good = distributions(4)
    assert faulty_row(good) is None
    assert faulty_row(good.round(4)) is None
    for row, values, why in [
        (3, [0.5, 0.4, 0, 0, 0], "sums to 0.9"),
        (7, [np.nan, 1, 0, 0, 0], "no finite number"),
        (9, [-0.5, 1.0, 0.5, 0, 0], "outside 0 to 1"),
    ]:
        bad = good.copy()
        bad[row] = values
        found = faulty_row(bad)
        assert found is not None
        assert found[0] == row
        assert why in found[1]


def test_rank_correlation_as_scipy_has_it() -> None:
    chance = np.random.default_rng(5)
    x = chance.integers(0, 6, 300).astype(float)
    y = x + chance.normal(0, 3, 300).round()
    found = rank_correlation(x, y)
    assert found.value == pytest.approx(spearmanr(x, y).statistic)
    assert found.low < found.value < found.high
    assert rank_correlation(x, x).value == pytest.approx(1)
    assert rank_correlation(np.ones(9), np.arange(9.0)).value is None
    assert rank_correlation(np.arange(5.0), np.arange(5.0)).value is None  # too few
    assert rank_correlation(np.arange(6.0), np.arange(6.0)).value == pytest.approx(1)


def test_every_resample_is_ranked_anew() -> None:
    chance = np.random.default_rng(6)
    x = chance.integers(0, 9, 40).astype(float)
    y = x + chance.integers(-6, 7, 40)
    by_hand = [
        spearmanr(np.repeat(x, times), np.repeat(y, times)).statistic
        for weights in resamples(40, 200, 3)
        for times in weights.astype(int)
    ]
    found = rank_correlation(x, y, draws=200, seed=3)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(by_hand, [2.5, 97.5])))
