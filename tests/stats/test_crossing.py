"""Where a curve rises through zero, by hand and by a bootstrap written once more."""

from __future__ import annotations

import numpy as np
import pytest

from eyechart.stats.crossing import crossing, rises_through_zero
from eyechart.stats.intervals import resamples

PLACES = np.array([1.0, 2.0, 4.0, 8.0])


@pytest.mark.parametrize(
    ("heights", "place"),
    [
        ([-1, -1, 1, 1], 3.0),
        ([-3, 1, 2, 3], 1.75),
        ([-1, 0, 1, 1], 2.0),
        ([-1, 1, -1, 1], 6.0),  # from there on it stays above
        ([1, 1, -1, 3], 5.0),
        ([0, 1, 1, 1], -np.inf),
        ([1, 1, 1, 1], -np.inf),
        ([1, 1, 1, -1], np.inf),
        ([-1, -1, -1, -1e-9], np.inf),
    ],
)
def test_the_last_rise_counts(heights: list[float], place: float) -> None:
    assert rises_through_zero(np.array(heights, float), PLACES) == place
    both = rises_through_zero(np.array([heights, [-1, -1, 1, 1]], float), PLACES)
    assert both.tolist() == [place, 3.0]


def sample(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    counts = chance.integers(0, 3, (n, 4)).astype(float)
    gains = np.where(chance.random((n, 4)) < [0.1, 0.4, 0.6, 0.9], counts, -counts)
    return gains, counts


def test_the_interval_resamples_whole_units() -> None:
    gains, counts = sample()
    found = crossing(gains, counts, PLACES)
    held = counts.sum(1) > 0
    assert found.n == held.sum()
    assert found.value == rises_through_zero(gains.sum(0) / counts.sum(0), PLACES)
    weights = np.concatenate(list(resamples(int(held.sum()))))
    drawn = [rises_through_zero((w @ gains[held]) / (w @ counts[held]), PLACES) for w in weights]
    low, high = np.percentile(np.clip(drawn, 1, 8), [2.5, 97.5])
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.low < found.value < found.high  # type: ignore[operator]


def test_units_twice_give_the_same_place_in_a_narrower_interval() -> None:
    gains, counts = sample()
    one, twice = (crossing(np.tile(gains, (k, 1)), np.tile(counts, (k, 1)), PLACES) for k in (1, 4))
    assert one.value == twice.value
    assert (twice.high - twice.low) < 0.7 * (one.high - one.low)  # type: ignore[operator]


def test_no_crossing_is_told_apart_from_no_counts() -> None:
    gains, counts = sample()
    assert crossing(np.abs(gains), counts, PLACES).value == -np.inf
    never = crossing(-np.abs(gains), counts, PLACES)
    assert (never.value, never.low, never.high) == (np.inf, None, None)
    assert crossing(0 * gains, 0 * counts, PLACES).value is None
    counts[:, 1] = 0
    gains[:, 1] = 0
    assert (
        crossing(gains, counts, PLACES).value
        == crossing(gains[:, [0, 2, 3]], counts[:, [0, 2, 3]], PLACES[[0, 2, 3]]).value
    )


def test_resamples_that_do_not_cross_end_at_the_last_place() -> None:
    gains = np.where(np.arange(40)[:, None] < [40, 40, 40, 19], -1.0, 1.0)
    found = crossing(gains, np.ones((40, 4)), PLACES)
    assert (found.value, found.high) == (pytest.approx(4 + 4 * 20 / 21), 8.0)
    assert found.low == pytest.approx(4 + 4 * 1 / 1.4, abs=0.3)
