"""Halves to choose by and to measure on: alike in size, and class by class."""

from __future__ import annotations

import numpy as np
import pytest

from eyechart.images.order import seeded_order
from eyechart.stats.halves import choosing_half
from eyechart.stats.intervals import of_means


@pytest.mark.parametrize("classes", [1, 2, 5, 10])
@pytest.mark.parametrize("n", [0, 1, 2, 37, 200])
def test_halves_of_each_class_though_classes_take_turns(classes: int, n: int) -> None:
    labels = np.arange(n) % classes
    labels = labels[seeded_order([str(i) for i in range(n)], labels, 0)]
    half = choosing_half(labels)
    assert half.sum() == (n + 1) // 2
    for c in range(classes):
        mine = half[labels == c]
        assert abs(2 * mine.sum() - len(mine)) <= 1


def test_a_figure_of_means_is_resampled_by_rows() -> None:
    rng = np.random.default_rng(0)
    columns = rng.normal(3, 1, (400, 2))
    found = of_means(lambda m: m[..., 0] - 2 * m[..., 1], columns)
    gap = columns[:, 0] - 2 * columns[:, 1]
    assert found.value == pytest.approx(gap.mean())
    assert found.low is not None
    assert found.high is not None
    half = 1.96 * gap.std() / 20
    assert (found.low, found.high) == pytest.approx((gap.mean() - half, gap.mean() + half), abs=0.15 * half)
    assert found.n == 400
    assert of_means(lambda m: m.sum(-1), np.empty((0, 3))).value is None
