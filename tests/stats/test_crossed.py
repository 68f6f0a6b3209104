"""The crossed bootstrap against a loop that draws contents and textures by hand, and whether it covers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eyechart.stats.crossed import Crossing, crossed_figure, crossed_ratios
from eyechart.stats.intervals import means, wilson

Array = np.ndarray[Any, Any]


def stimuli(contents: int, styles: int, n: int, seed: int = 0) -> tuple[Array, Array]:
    """n different pairs of a content and a style."""
    cells = np.random.default_rng(seed).choice(contents * styles, n, replace=False)
    return cells // styles, cells % styles


def by_hand(y: Array, m: Array, first: Array, second: Array, draws: int) -> list[float]:
    """Draw whole contents and whole textures, put together every image whose two were drawn, divide."""
    chance, found = np.random.default_rng(99), []
    for _ in range(draws):
        contents = chance.choice(np.unique(first), len(np.unique(first))).tolist()
        styles = chance.choice(np.unique(second), len(np.unique(second))).tolist()
        above = below = 0.0
        for i in range(len(y)):
            for _ in range(contents.count(first[i]) * styles.count(second[i])):
                above, below = above + y[i], below + m[i]
        if below:
            found.append(above / below)
    return found


def test_the_ends_are_those_of_a_loop_over_drawn_contents_and_textures() -> None:
    first, second = stimuli(12, 8, 60)
    chance = np.random.default_rng(1)
    m = (chance.random(60) < 0.7).astype(float)
    y = m * (chance.random(60) < 0.2 + 0.05 * second)
    (found,) = crossed_ratios(y[:, None], m[:, None], first, second, share=True, draws=4000)
    low, high = np.percentile(by_hand(y, m, first, second, 1500), [2.5, 97.5])
    assert found.value == pytest.approx(y.sum() / m.sum())
    assert (found.n, found.method) == (m.sum(), "crossed bootstrap")
    assert found.low == pytest.approx(low, abs=0.025)
    assert found.high == pytest.approx(high, abs=0.025)


def simulated(effects: float, seed: int) -> tuple[Array, Array, Array]:
    """0/1 outcomes whose chance moves with the content and the texture; on average one half."""
    chance = np.random.default_rng(seed)
    first, second = stimuli(30, 20, 150, seed)
    a, b = effects * chance.standard_normal(30), effects * chance.standard_normal(20)
    p = 1 / (1 + np.exp(-(a[first] + b[second])))
    return (chance.random(150) < p).astype(float), first, second


@pytest.mark.parametrize("effects", [0.0, 1.0])
def test_it_covers_where_images_share_their_luck_and_wilson_does_not(effects: float) -> None:
    held, taken_as_independent = [], []
    for seed in range(120):
        y, first, second = simulated(effects, seed)
        (found,) = crossed_ratios(y[:, None], np.ones((150, 1)), first, second, share=True, draws=300)
        held.append((found.low or 0) <= 0.5 <= (found.high or 0))
        plain = wilson(y.sum(), 150)
        taken_as_independent.append((plain.low or 0) <= 0.5 <= (plain.high or 0))
    assert np.mean(held) >= 0.93
    assert bool(np.mean(taken_as_independent) < 0.85) is (effects > 0)


def test_a_factor_without_shared_levels_is_none() -> None:
    every, styles = np.arange(60), np.arange(60) % 10
    assert Crossing.of(every, styles).method == "clustered bootstrap"
    assert Crossing.of(every, every).method == "bootstrap"
    assert Crossing.of(0 * every, styles).method == "clustered bootstrap"
    y = np.random.default_rng(2).random((60, 1))
    (alone,), (usual,) = crossed_ratios(y, np.ones((60, 1)), every, every), means(y)
    assert alone.low == pytest.approx(usual.low, abs=0.01)
    assert alone.high == pytest.approx(usual.high, abs=0.01)


def test_of_two_factors_one_within_the_other_the_coarser_is_drawn() -> None:
    """Ten textures with six objects of their own each, answered by four people: sixty objects say no more than ten textures."""
    contents, styles = np.repeat(np.arange(60), 4), np.repeat(np.arange(60) // 6, 4)
    y = np.random.default_rng(6).random((240, 1)) < 0.4
    (alone,) = crossed_ratios(y, np.ones((240, 1)), np.zeros(240), styles, share=True)
    for factors in ((contents, styles), (styles, contents), (styles, styles)):
        (found,) = crossed_ratios(y, np.ones((240, 1)), *factors, share=True)
        assert found == alone
    assert alone.method == "clustered bootstrap"
    contents[0] = contents[-1]  # one object in two textures
    assert Crossing.of(contents, styles).method == "crossed bootstrap"


def test_names_of_levels_and_the_order_of_images_do_not_matter() -> None:
    first, second = stimuli(12, 8, 60)
    y, order = (np.random.default_rng(3).random((60, 1)) < 0.4), np.random.default_rng(4).permutation(60)
    named = np.array([f"content {level:02d}" for level in first])
    (found,) = crossed_ratios(y, np.ones((60, 1)), first, second, share=True)
    (other,) = crossed_ratios(y[order], np.ones((60, 1)), named[order], second[order], share=True)
    assert (other.value, other.low, other.high) == pytest.approx((found.value, found.low, found.high))


def test_wilson_steps_in_where_resamples_say_nothing() -> None:
    first, second = stimuli(12, 8, 60)
    ones = np.ones((60, 1))
    (alike,) = crossed_ratios(ones, ones, first, second, share=True)
    assert (alike.value, alike.low, alike.n, alike.method) == (1.0, wilson(8, 8).low, 60, "wilson")
    (few,) = crossed_ratios(ones * (np.arange(60) < 6)[:, None], ones, first % 5, second, share=True)
    assert (few.low, few.high) == pytest.approx((wilson(0.5, 5).low, wilson(0.5, 5).high))
    rare = np.zeros((60, 1))
    rare[:2] = 1
    (seldom,) = crossed_ratios(rare * (np.arange(60) == 0)[:, None], rare, first, second, share=True)
    assert (seldom.value, seldom.n, seldom.method) == (0.5, 2, "wilson")
    (mean,) = crossed_ratios(rare, ones, first % 5, second)
    assert (mean.low, mean.method) == (None, "")
    (nothing,) = crossed_ratios(0 * ones, 0 * ones, first, second, share=True)
    assert (nothing.value, nothing.n) == (None, 0)
    assert crossed_ratios(np.empty((0, 1)), np.empty((0, 1)), first[:0], second[:0])[0].value is None


def test_what_is_alike_throughout_is_not_certain() -> None:
    first, second = stimuli(12, 8, 60)
    halves = np.full((60, 1), 0.5)
    (mean,) = crossed_ratios(halves, np.ones((60, 1)), first, second)
    assert (mean.value, mean.low, mean.method) == (0.5, None, "")
    columns = np.concatenate([halves, np.ones((60, 1))], axis=1)
    figure = crossed_figure(lambda sums: sums[..., 0] / sums[..., 1], columns, first, second)
    assert (figure.value, figure.low, figure.method) == (0.5, None, "")


def test_many_images_of_one_content_are_as_uncertain_as_their_textures() -> None:
    styles = np.arange(300) % 10
    y = (styles < 4).astype(float)[:, None]  # the texture alone decides
    (found,) = crossed_ratios(y, np.ones((300, 1)), np.zeros(300), styles, share=True)
    assert found.method == "clustered bootstrap"
    assert (found.high or 0) - (found.low or 0) > 0.5  # ten textures, not 300 images
    (named,) = crossed_ratios(y, np.ones((300, 1)), np.zeros(300), np.zeros(300), share=True)
    assert named.method == "bootstrap"


def test_a_figure_of_sums_is_resampled_as_a_ratio_is() -> None:
    first, second = stimuli(12, 8, 60)
    columns = np.stack([np.random.default_rng(5).random(60) < 0.3, np.ones(60)], axis=1)
    (ratio,) = crossed_ratios(columns[:, :1], columns[:, 1:], first, second, share=True)
    figure = crossed_figure(lambda sums: sums[..., 0] / sums[..., 1], columns, first, second)
    assert (figure.value, figure.low, figure.high) == pytest.approx((ratio.value, ratio.low, ratio.high))
    assert (figure.n, figure.method) == (60, "crossed bootstrap")
    for few in (
        crossed_figure(lambda s: s[..., 0], columns, first % 5, second),
        crossed_figure(lambda s: np.inf * s[..., 1], columns, first, second),
    ):
        assert few.low is None
