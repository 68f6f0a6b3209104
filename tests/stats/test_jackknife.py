"""Paired differences from leaving out groups of images."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, ttest_rel

from eyechart.stats.draws import values_alone
from eyechart.stats.intervals import DRAWS, resamples
from eyechart.stats.jackknife import difference, groups_of, holm


def left_out(gap: np.ndarray, seed: int = 0) -> list[float]:
    group = groups_of(len(gap), seed)
    return [float(gap[group != k].mean()) for k in range(group.max() + 1)]


def test_groups_are_of_one_size() -> None:
    assert sorted(np.bincount(groups_of(103))) == [5] * 17 + [6] * 3
    assert len(np.bincount(groups_of(13))) == 13


def test_one_image_a_group_is_the_paired_t_test() -> None:
    """Leaving out single images of a mean, the jackknife's error is the usual one."""
    chance = np.random.default_rng(0)
    first, second = chance.normal(0.3, 1, 20), chance.normal(0, 1, 20)
    found = difference(float((first - second).mean()), left_out(first - second), 20, share=False)
    wanted = ttest_rel(first, second)
    ends = wanted.confidence_interval()
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.p == pytest.approx(wanted.pvalue)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    chance = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        both = chance.random((300, 1)) < 0.7
        flips = chance.random((300, 2)) < (0.2, 0.1)
        gap = (both ^ flips) @ np.array([1.0, -1.0])
        found = difference(float(gap.mean()), left_out(gap), 300, share=True)
        held += found.low <= 0.4 * -0.1 <= found.high  # each flip costs 2 * 0.7 - 1 of right answers
    assert 0.92 <= held / 400 <= 0.98


def test_images_that_all_agree_leave_room() -> None:
    found = difference(0.0, [0.0] * 20, 198, share=True)
    assert found.low == pytest.approx(-1.96 * np.sqrt(2) / 200, rel=1e-3)
    assert found.p == 1.0
    assert difference(0.1, [0.1] * 5, 8, share=True).low is None
    assert difference(0.1, [0.1, float("nan")], 50, share=True).low is None


def test_the_smallest_difference_is_shown_four_times_in_five() -> None:
    chance = np.random.default_rng(2)
    nothing = (difference(0.0, left_out(chance.normal(0, 1, 400)), 400, share=False).smallest for _ in range(50))
    first = float(np.mean(list(nothing)))
    shown = [
        difference(float(gap.mean()), left_out(gap), 400, share=False).p < 0.05
        for gap in (chance.normal(first, 1, 400) for _ in range(300))
    ]
    assert 0.72 < np.mean(shown) < 0.88


def test_holm_by_hand() -> None:
    p = [0.001, 0.04, 0.03, 0.5]
    assert holm(p) == pytest.approx([0.004, 0.09, 0.09, 0.5])
    assert all(a >= b - 1e-12 for a, b in zip(holm(p), false_discovery_control(p), strict=True))
    assert holm([]) == []


def test_fewer_resamples_within_and_all_of_them_after() -> None:
    with values_alone():
        assert sum(len(part) for part in resamples(10)) == 2
    assert sum(len(part) for part in resamples(10)) == DRAWS
