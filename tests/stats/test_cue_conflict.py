"""Counts and shares of cue-conflict answers against figures that are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from eyechart.stats.cue_conflict import CueCounts, Decisions, bias_gap, cue_counts, cue_shares, named_by_chance

Array = np.ndarray[Any, Any]
NAMES = ("answers", "shapes", "textures", "contents", "styles")


def published() -> tuple[Array, Array, Array, Array]:
    """Shapes, textures, contents and styles as in the public set: each pair of 16 categories five times, 160 contents."""
    cell = np.arange(1280)
    shapes, textures, copy = cell // 80, cell // 5 % 16, cell % 5
    return shapes, textures, 10 * shapes + (2 * copy + textures % 2) % 10, 3 * textures + (copy + shapes) % 3


def decisions(answers: Array) -> Decisions:
    return Decisions(answers, *published())


def answering(shape: int, texture: int) -> Decisions:
    """So many shapes, so many textures, and else something that is neither."""
    shapes, textures, *_ = published()
    answers, conflict = np.full(1280, -1), np.flatnonzero(shapes != textures)
    mixed = np.random.default_rng(0).permutation(conflict)
    answers[mixed[:shape]] = shapes[mixed[:shape]]
    answers[mixed[shape:][:texture]] = textures[mixed[shape:][:texture]]
    return decisions(answers)


@pytest.mark.parametrize(
    ("shape", "texture", "bias", "either"), [(162, 572, 0.2207, 0.6117), (182, 537, 0.2531, 0.5992)]
)
def test_the_published_counts_give_the_published_figures(shape: int, texture: int, bias: float, either: float) -> None:
    found = cue_shares(answering(shape, texture))
    assert found.counts == CueCounts(shape, texture, 1200 - shape - texture)
    assert found.shape_bias.value == pytest.approx(bias, abs=5e-5)
    assert found.either.value == pytest.approx(either, abs=5e-5)
    assert found.shape.value == pytest.approx(shape / 1200)
    assert found.texture.value == pytest.approx(texture / 1200)
    assert found.other.value == pytest.approx(1 - either, abs=5e-5)
    assert (found.shape_bias.n, found.either.n) == (shape + texture, 1200)
    assert found.shape_bias.method == "crossed bootstrap"


def test_wilson_of_162_of_734_is_narrower_than_what_contents_and_textures_leave_open() -> None:
    found = cue_shares(answering(162, 572))
    low, high = found.shape_bias_wilson.low or 0, found.shape_bias_wilson.high or 0
    assert (round(low, 3), round(high, 3)) == (0.192, 0.252)
    assert (found.shape_bias.low or 0) < low < high < (found.shape_bias.high or 0)


def test_eyes_with_a_known_prescription() -> None:
    shapes, textures, *_ = published()
    assert cue_counts(decisions(textures)) == CueCounts(0, 1200, 0)
    assert cue_counts(decisions(shapes)) == CueCounts(1200, 0, 0)
    constant = cue_shares(decisions(np.full(1280, 7)))
    assert constant.counts == CueCounts(75, 75, 1050)
    assert (constant.shape_bias.value, constant.either.value) == (0.5, 0.125)
    texture = cue_shares(decisions(textures)).shape_bias
    assert (texture.value, texture.low, texture.method) == (0.0, 0.0, "wilson")


def test_a_coin_between_all_categories_errs_as_expected() -> None:
    coin = cue_shares(decisions(np.random.default_rng(5).integers(16, size=1280)))
    assert (coin.either.low or 0) < 2 / 16 < (coin.either.high or 0)
    assert (coin.shape_bias.low or 0) < 0.5 < (coin.shape_bias.high or 0)


def test_agreeing_cues_say_nothing_and_no_cue_decision_is_undefined() -> None:
    shapes, _, contents, styles = published()
    agreeing = Decisions(shapes, shapes, shapes, contents, styles)
    assert cue_counts(agreeing) == CueCounts(0, 0, 0)
    assert cue_shares(agreeing).either.value is None
    none = cue_shares(decisions(np.full(1280, -1)))
    assert none.shape_bias.value is None
    assert none.shape_bias_wilson.value is None
    assert (none.other.value, none.counts.reliable) == (1.0, False)


def test_strings_do_as_well_and_na_is_another_answer() -> None:
    names = np.array([f"category {k}" for k in range(16)] + ["na"], dtype=object)
    numbers = answering(100, 300)
    named = Decisions(
        names[numbers.answers], names[numbers.shapes], names[numbers.textures], numbers.contents, numbers.styles
    )
    assert cue_counts(named) == cue_counts(numbers) == CueCounts(100, 300, 800)


def test_reliable_from_five_cue_decisions_on() -> None:
    assert [cue_counts(answering(2, k)).reliable for k in (2, 3)] == [False, True]


def test_columns_must_be_of_one_length() -> None:
    shapes, textures, contents, styles = published()
    with pytest.raises(ValueError, match="different lengths"):
        Decisions(shapes[:3], shapes, textures, contents, styles)


def test_two_that_mostly_agree_differ_by_less_than_their_intervals_tell() -> None:
    one = answering(162, 572)
    answers = one.answers.copy()
    chosen = np.random.default_rng(1).choice(np.flatnonzero(one.answers == one.textures), 60, replace=False)
    answers[chosen] = one.shapes[chosen]
    flipped = decisions(answers)
    gap, found = bias_gap(flipped, one), [cue_shares(each) for each in (one, flipped)]
    assert (gap.value, gap.n) == (pytest.approx(60 / 734), 1200)
    assert (gap.low or 0) > 0
    assert (found[0].shape_bias.high or 0) > (found[1].shape_bias.low or 0)  # though the intervals overlap
    back = bias_gap(one, flipped)
    assert (back.low, back.high) == pytest.approx((-(gap.high or 0), -(gap.low or 0)), abs=1e-3)
    same = bias_gap(one, one)
    assert (same.value, same.low) == (0.0, None)
    assert bias_gap(decisions(np.full(1280, -1)), one).value is None


def test_a_gap_may_be_to_several_answers_of_each_image() -> None:
    """Two observers pooled who differ: the gap is to the bias of all their answers, as a loop over drawn levels finds it."""
    net, people = answering(300, 500), [answering(700, 300), answering(900, 100)]
    pooled = Decisions(*(np.concatenate([getattr(p, f) for p in people]) for f in NAMES))
    gap = bias_gap(net, pooled)
    assert (gap.value, gap.n) == (pytest.approx(300 / 800 - 1600 / 2000), 1200)
    _, _, contents, styles = published()
    chance, drawn = np.random.default_rng(2), []
    for _ in range(300):
        often = [np.bincount(chance.integers(k, size=k), minlength=k) for k in (160, 48)]
        weights = often[0][contents] * often[1][styles] * (net.shapes != net.textures)
        counts = [
            [(weights * (each.answers == cue)).sum() for cue in (net.shapes, net.textures)] for each in (net, *people)
        ]
        both = np.sum(counts[1:], axis=0)
        drawn.append(counts[0][0] / sum(counts[0]) - both[0] / sum(both))
    assert (gap.low, gap.high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.02)


def test_what_answers_name_that_are_dealt_at_random() -> None:
    constant = np.full(1280, 3)
    assert named_by_chance(decisions(constant)) == (75 / 1200, 75 / 1200)  # each category is either 75 times
    images, chance = answering(400, 300).where(np.arange(1280) < 500).conflicting, np.random.default_rng(0)
    dealt = [cue_counts(replace(images, answers=chance.permutation(images.answers))) for _ in range(400)]
    by_hand = [np.mean([getattr(one, cue) for one in dealt]) / len(images) for cue in ("shape", "texture")]
    assert named_by_chance(images) == pytest.approx(by_hand, abs=0.01)
    assert by_hand[0] > 1.5 * by_hand[1]  # the first shapes alone, all textures
    assert np.isnan(named_by_chance(images.where(np.zeros(len(images), bool)))).all()
