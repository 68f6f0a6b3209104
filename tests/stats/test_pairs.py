"""Figures by the distance of two units, against all pairs one by one."""

from __future__ import annotations

import numpy as np
import pytest

from eyechart.stats.intervals import resamples
from eyechart.stats.pairs import by_distance


def data(n: int) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(n)
    return chance.random((n, 2)), 3 + chance.standard_normal((n, 5))


def pairs(points: np.ndarray, weights: np.ndarray) -> float:
    """Mean squared distance of units drawn so often, pairs of one with itself left out."""
    found = [
        (float(np.square(a - b).sum()), v * w)
        for i, (a, v) in enumerate(zip(points, weights, strict=True))
        for b, w in zip(points[:i], weights[:i], strict=True)
    ]
    return sum(far * often for far, often in found) / sum(often for _, often in found)


def test_all_pairs_one_by_one() -> None:
    columns, points = data(8)
    found = by_distance(columns, points)
    drawn = [weights @ columns / 8 / pairs(points, weights) for part in resamples(8) for weights in part]
    for j, interval in enumerate(found):
        assert interval.value == pytest.approx(columns[:, j].mean() / pairs(points, np.ones(8)))
        assert (interval.low, interval.high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5], axis=0)[:, j]))


def test_predicting_by_another_unit_is_an_error_of_one() -> None:
    _, points = data(30)
    others = [np.delete(points, i, 0) for i in range(30)]
    errors = np.array([np.square(rest - p).sum(1).mean() for rest, p in zip(others, points, strict=True)])
    (found,) = by_distance(errors[:, None], points)
    assert found.value == pytest.approx(1)


def test_few_units_and_units_that_are_one() -> None:
    columns, points = data(5)
    assert by_distance(columns, points)[0].low is None
    assert by_distance(columns[:1], points[:1])[0].value is None
    assert by_distance(columns, np.ones((5, 3)))[0].value is None
    alike = np.ones((7, 3))
    alike[0] = 2
    (first, _) = by_distance(data(7)[0], alike)  # a third of the resamples lack the only one that differs
    assert first.value is not None
    assert first.low is None
