"""Temperatures against softmax itself and a general optimiser, and on logits whose temperature is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from eyechart.stats.temperature import LIMITS, OWN, SLOPES, Curves, at_limit, best_temperature, odds_against

Data = tuple[np.ndarray, np.ndarray]


def sampled(n: int, classes: int, scale: float, seed: int = 0) -> Data:
    """Logits, and labels drawn from their own softmax: the right temperature is 1."""
    chance = np.random.default_rng(seed)
    logits = scale * chance.normal(size=(n, classes))
    return logits, (log_softmax(logits, 1) + chance.gumbel(size=(n, classes))).argmax(1)


def curves(logits: np.ndarray, labels: np.ndarray) -> Curves:
    """As an exam has them: kept in float32."""
    log_p = log_softmax(logits, 1)
    return Curves.of(
        odds_against(log_p).astype(np.float32), (-log_p[np.arange(len(labels)), labels]).astype(np.float32)
    )


@pytest.mark.parametrize("temperature", [0.25, 0.3, 0.77, 1.0, 1.3, 2.9, 7.0, 8.0])
@pytest.mark.parametrize(
    ("classes", "scale"), [(1, 1.0), (2, 0.5), (2, 8.0), (3, 300.0), (10, 3.0), (1000, 2.0), (1000, 0.05)]
)
def test_everything_at_a_temperature_is_what_softmax_says(temperature: float, classes: int, scale: float) -> None:
    logits, labels = sampled(60, classes, scale)
    found = curves(logits, labels)
    log_p = log_softmax(logits / temperature, 1)
    own = log_p[np.arange(60), labels]
    brier = np.exp(2 * log_p).sum(1) - 2 * np.exp(own) + 1
    np.testing.assert_allclose(found.confidence(temperature), np.exp(log_p.max(1)), atol=1e-4)
    np.testing.assert_allclose(found.nll(np.array([temperature]))[:, 0], -own, atol=3e-4, rtol=1e-5)
    np.testing.assert_allclose(found.brier(temperature), brier, atol=3e-4)


def test_slopes_reach_twice_the_largest_and_hold_one() -> None:
    assert SLOPES[OWN] == 1
    assert (SLOPES[0], SLOPES[-1]) == (1 / LIMITS[1], 2 / LIMITS[0])


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_the_best_temperature_is_that_of_a_general_optimiser(factor: float) -> None:
    logits, labels = sampled(500, 10, 2.0, seed=1)
    logits = factor * logits

    def loss(temperature: float) -> float:
        return -float(log_softmax(logits / temperature, 1)[np.arange(500), labels].mean())

    oracle = minimize_scalar(loss, bounds=LIMITS, method="bounded", options={"xatol": 1e-6}).x
    assert best_temperature(curves(logits, labels)).value == pytest.approx(oracle, rel=1e-3)


def test_logits_times_a_number_have_a_temperature_times_that_number() -> None:
    logits, labels = sampled(400, 5, 2.0, seed=2)
    plain, tripled = (best_temperature(curves(factor * logits, labels)) for factor in (1, 3))
    for end in ("value", "low", "high"):
        assert getattr(tripled, end) == pytest.approx(3 * getattr(plain, end), rel=2e-3)
    assert plain.low < plain.value < plain.high


def test_the_interval_holds_the_true_temperature() -> None:
    hits = []
    for seed in range(40):
        logits, labels = sampled(150, 4, 2.0, seed)
        found = best_temperature(curves(2 * logits, labels), seed=seed)
        hits.append(found.low <= 2 <= found.high)
    assert np.mean(hits) > 0.85


def test_always_right_and_never_right_lie_at_the_ends() -> None:
    logits, _ = sampled(50, 4, 2.0)
    always = best_temperature(curves(logits, logits.argmax(1)))
    never = best_temperature(curves(logits, logits.argmin(1)))
    assert (always.value, never.value) == (pytest.approx(LIMITS[0]), pytest.approx(LIMITS[1]))
    assert at_limit(always.value)
    assert at_limit(never.value)
    assert not at_limit(1.0)


def test_no_answers_no_temperature_and_five_no_interval() -> None:
    logits, labels = sampled(5, 3, 1.0)
    assert best_temperature(curves(logits[:0], labels[:0])).value is None
    few = best_temperature(curves(logits, labels))
    assert few.value is not None
    assert few.low is None
