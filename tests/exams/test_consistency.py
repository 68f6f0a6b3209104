"""The consistency exam on eyes that do, or do not, notice where a picture lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from embedded import turned, yardsticks
from eyechart.core.chance import generator
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Subject
from eyechart.core.tally import Tally
from eyechart.errors import SettingError
from eyechart.exams.consistency import Consistency
from eyes import (
    ConstantEye,
    LowPassEye,
    OnePixelEye,
    PolyphaseEye,
    ShiftBlindEye,
    Sitting,
    StrideEye,
    answered,
    image_set,
    noise_images,
    seen_by,
    sitting,
    tinted_images,
)
from figures import value

N, PASSES, SIZE, REACH = 40, 3, 16, 4


def consistent(
    eye: nn.Module, images: Array, labels: Array | None = None, size: int = SIZE, **settings: Any
) -> tuple[Sitting, Estimates]:
    exam = Consistency(**{"passes": PASSES, "modes": ("crop", "roll"), "reach": REACH, **settings})
    sat = sitting(exam, seen_by(eye, size), image_set(images, labels))
    return sat, exam.estimates(sat.whole, sat.batch.labels, sat.subject)


def test_a_shift_blind_eye_is_consistent_under_rolls_alone() -> None:
    sat, found = consistent(ShiftBlindEye(), tinted_images(N))
    assert len(set(sat.whole.rows["roll_top1_1"].ravel())) > 1
    assert value(found, "roll_consistency") == 1.0
    assert value(found, "roll_mean_absolute_change") < 1e-6
    assert value(found, "consistency") < 1.0  # new content comes into the window


@pytest.mark.parametrize("stride", [2, 4])
def test_a_polyphase_eye_subsamples_and_is_consistent_all_the_same(stride: int) -> None:
    images = noise_images(N)
    sat, found = consistent(PolyphaseEye(stride), images, modes=("roll",))
    assert len(set(sat.whole.rows["roll_top1_1"].ravel())) > 1
    assert value(found, "roll_consistency") == 1.0
    assert value(found, "roll_mean_absolute_change") < 1e-5
    x = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255
    first, other = (PolyphaseEye(stride)(y)[:, 0] for y in (x, x.roll((1, 3), (2, 3))))
    torch.testing.assert_close(first, other)
    assert (50 * x[..., ::stride, ::stride].mean((2, 3))[:, 0] - first).abs().max() > 0.1  # it does choose


def test_a_strided_eye_is_consistent_where_both_ways_are_multiples_of_its_stride() -> None:
    sat, found = consistent(StrideEye(2), noise_images(N, seed=1), modes=("roll",), passes=8)
    rows = sat.whole.rows
    on = (rows["roll_down"] % 2 == 0) & (rows["roll_right"] % 2 == 0)
    changed = rows["roll_top1_1"] != rows["roll_top1_2"]
    assert 0.15 < on.mean() < 0.35
    assert not changed[on].any()
    assert rows["roll_absolute_change"][on].max() < 1e-5
    assert changed[~on].mean() > 0.2
    assert value(found, "roll_consistency") == pytest.approx(1 - changed.mean())


def windows(image: Array, image_id: str, number: int) -> list[tuple[Array, int, int]]:
    """The published protocol written once more: both windows (16, 16, 3), and their places."""
    whole = np.asarray(Image.fromarray(image).resize((18, 18), Image.Resampling.BILINEAR))  # round(16 / 7) = 2
    rng = generator(0, f"consistency.crop.{number}", image_id)
    places = [divmod(int(rng.integers(4)), 2) for _ in range(2)]
    return [(whole[down : down + 16, right : right + 16], down, right) for down, right in places]


def rolls(image: Array, image_id: str, number: int) -> list[tuple[Array, int, int]]:
    rng = generator(0, f"consistency.roll.{number}", image_id)
    places = [divmod(int(rng.integers(64)), 8) for _ in range(2)]
    return [(np.roll(image, (down - 4, right - 4), (0, 1)), down, right) for down, right in places]


@pytest.mark.parametrize("mode", ["crop", "roll"])
def test_what_one_pixel_sees_computed_once_more(mode: str) -> None:
    images, labels, at = noise_images(N, SIZE), np.arange(N) % 2, 7
    sat, found = consistent(OnePixelEye(at, at), images, labels)
    cut = windows if mode == "crop" else rolls
    pairs = [[cut(images[i], f"{i:04d}", k) for k in range(PASSES)] for i in range(N)]
    red = np.array([[[frame[at, at, 0] for frame, _, _ in pair] for pair in of_image] for of_image in pairs]) / 255
    top = (red > 0.5).astype(int)
    rows, prefix = sat.whole.rows, "" if mode == "crop" else "roll_"
    np.testing.assert_array_equal(rows[f"{mode}_top1_1"], top[..., 0])
    np.testing.assert_array_equal(rows[f"{mode}_top1_2"], top[..., 1])
    p = 1 / (1 + np.exp(-8 * (red - 0.5)))
    of_first = np.where(top[..., :1] == 1, p, 1 - p)
    moved = np.abs(of_first[..., 0] - of_first[..., 1])
    changed = top[..., 0] != top[..., 1]
    right = answered(OnePixelEye(at, at), images) == labels
    assert changed.any()
    assert 0 < right.sum() < N
    assert value(found, f"{prefix}consistency", given="all") == pytest.approx(1 - changed.mean())
    assert value(found, f"{prefix}consistency", given="correct") == pytest.approx(1 - changed[right].mean())
    assert value(found, f"{prefix}mean_absolute_change", given="all") == pytest.approx(moved.mean(), abs=1e-6)
    assert value(found, f"{prefix}mean_absolute_change", given="correct") == pytest.approx(
        moved[right].mean(), abs=1e-6
    )
    assert value(found, f"{prefix}accuracy") == pytest.approx((top == labels[:, None, None]).mean())
    assert value(found, "clean_accuracy") == pytest.approx(right.mean())
    for k in range(2 * PASSES + 1):
        every = right & (top.reshape(N, -1)[:, :k] == labels[:, None]).all(1)
        assert value(found, f"{prefix}worst_accuracy", windows=k) == pytest.approx(every.mean())
    ways = np.array(
        [[[b - a for a, b in zip(*((d, r) for _, d, r in pair), strict=True)] for pair in ps] for ps in pairs]
    )
    far = np.hypot(ways[..., 0], ways[..., 1])
    told = found.of(f"{prefix}distance_change")
    counted = 0
    for e in told:
        inside = (far <= e.at["to"]) & ((far > e.at["from"]) | (e.at["to"] == 0))
        counted += inside.sum()
        assert e.value == pytest.approx(changed[inside].mean())
        (how,) = found.of(f"{prefix}distance_absolute_change", **e.at)
        assert how.value == pytest.approx(moved[inside].mean(), abs=1e-6)
    assert counted == far.size


@pytest.mark.parametrize("mode", ["crop", "roll"])
def test_embeddings_of_two_windows_computed_once_more(mode: str) -> None:
    images = noise_images(60, SIZE)
    exam = Consistency(passes=PASSES, modes=(mode,), reach=REACH, significant_quantile=0.3)
    sat = sitting(exam, seen_by(StrideEye(2), SIZE, outputs="embedding"), image_set(images))
    found, prefix, cut = sat.estimates, *(("", windows) if mode == "crop" else ("roll_", rolls))
    pairs = [[cut(images[i], f"{i:04d}", k) for k in range(PASSES)] for i in range(60)]
    seen = 50 * np.array([[[f[::2, ::2].mean((0, 1)) / 255 for f, _, _ in pair] for pair in own] for own in pairs])
    mean, near = yardsticks(50 * images[:, ::2, ::2].mean((1, 2)) / 255, sat.whole.kept, "reference/", 0.3)
    assert value(found, "reference_distance") == pytest.approx(mean, rel=1e-4)
    assert value(found, "significant_distance", quantile=0.3) == pytest.approx(near, rel=1e-3)
    turns, far = turned(seen[:, :, 0], seen[:, :, 1]), np.linalg.norm(seen[:, :, 0] - seen[:, :, 1], axis=2)
    assert 0 < (turns > near).mean() < 1
    assert value(found, f"{prefix}significant_change") == pytest.approx((turns > near).mean())
    assert value(found, f"{prefix}embed_change") == pytest.approx(far.mean() / mean, rel=1e-4)
    assert value(found, f"{prefix}cosine_distance") == pytest.approx(turns.mean(), rel=1e-3)
    places = np.array([[[(down, right) for _, down, right in pair] for pair in own] for own in pairs])
    apart = np.linalg.norm(places[:, :, 0] - places[:, :, 1], axis=2)
    for e in found.of(f"{prefix}distance_significant_change"):
        inside = (apart <= e.at["to"]) & ((apart > e.at["from"]) | (e.at["to"] == 0))
        assert e.value == pytest.approx((turns > near)[inside].mean())
        assert value(found, f"{prefix}distance_cosine_distance", **e.at) == pytest.approx(
            turns[inside].mean(), rel=1e-3, abs=1e-6
        )
    assert value(found, f"{prefix}distance_significant_change", to=0) == 0.0
    assert not found.of(f"{prefix}consistency")


def test_pairs_at_one_place_agree_and_can_be_left_out() -> None:
    _, found = consistent(LowPassEye(6, SIZE), noise_images(N))
    assert value(found, "distance_change", to=0) == 0.0
    assert value(found, "distance_absolute_change", to=0) == 0.0
    _, other = consistent(LowPassEye(6, SIZE), noise_images(N), distinct=True)
    assert not other.of("distance_change", to=0)
    assert value(other, "consistency") < value(found, "consistency")


def test_accuracy_can_only_fall_with_more_windows_and_stays_below_the_mean() -> None:
    images = noise_images(N)
    labels = answered(LowPassEye(4, SIZE), images)
    sat, found = consistent(LowPassEye(4, SIZE), images, labels, margin=1, last=True)
    for mode, prefix in (("crop", ""), ("roll", "roll_")):
        each = [e.value or 0.0 for e in found.of(f"{prefix}worst_accuracy")]
        assert each == sorted(each, reverse=True)
        assert each[0] == 1.0 > each[-1]
        frames = np.concatenate([sat.whole.rows[f"{mode}_top1_{f}"] for f in (1, 2)], axis=1)
        assert each[-1] <= (frames == labels[:, None]).mean()


def test_the_margin_of_small_pictures_is_said_to_be_none_of_theirs() -> None:
    _, found = consistent(ShiftBlindEye(), noise_images(N))
    assert value(found, "enlarged") == pytest.approx(18 / 16)
    assert any("enlarged 1.12 times" in f.sentence for f in Consistency().findings(found))
    _, large = consistent(ShiftBlindEye(), noise_images(N, 36))
    assert value(large, "enlarged") == pytest.approx(0.5)
    assert not any("enlarged" in f.sentence for f in Consistency().findings(large))


def test_an_eye_that_says_one_thing_is_not_praised() -> None:
    _, found = consistent(ConstantEye(1, 0, 0, 0), noise_images(N), np.arange(N) % 4)
    assert value(found, "consistency", given="all") == 1.0
    said = Consistency().findings(found)
    assert [f.verdict for f in said if "get one answer" in f.sentence] == ["note"]
    assert any("one and the same answer" in f.sentence for f in said)
    assert any("guessing" in f.sentence for f in said)


def rows(first: Any, second: Any, valid: Any = None) -> Tally:
    first, second = np.array(first), np.array(second)
    whole = {"top1_1": first, "top1_2": second, "absolute_change": np.zeros(first.shape)}
    whole |= {"down": np.ones(first.shape, int), "right": np.ones(first.shape, int)}
    whole["valid"] = np.ones(first.shape, bool) if valid is None else np.array(valid, bool)
    named = {f"crop_{name}": column for name, column in whole.items()}
    return Tally({"image_top1": first[:, 0], "crop_enlarged": np.ones(len(first)), **named})


SUBJECT = Subject((16, 16), 4)


def test_what_could_not_be_drawn_counts_nowhere() -> None:
    tally = rows([[0, 0], [1, 1], [2, 2]], [[1, 1], [0, 0], [2, 1]], [[1, 0], [0, 0], [1, 1]])
    found = Consistency().estimates(tally, np.array([0, 1, 2]), SUBJECT)
    (e,) = found.of("consistency", given="all")
    assert (e.value, e.n) == (pytest.approx(1 / 3), 2)
    assert value(found, "accuracy") == pytest.approx(4 / 6)
    assert value(found, "worst_accuracy", windows=4) == 0.0
    none = Consistency().estimates(rows([[0]], [[1]], [[0]]), np.array([-1]), SUBJECT)
    assert none.of("consistency")[0].value is None
    assert "No image" in Consistency().findings(none)[0].sentence


def test_the_verdict_follows_the_interval() -> None:
    def verdict(changes: int) -> str:
        first = np.tile(np.arange(400)[:, None] % 4, (1, 5))
        second = first.copy()
        second[:changes] += 1
        found = Consistency().estimates(rows(first, second), np.full(400, -1), SUBJECT)
        return Consistency().findings(found)[0].verdict

    assert [verdict(changes) for changes in (0, 12, 60)] == ["strong", "note", "weak"]


def test_rolls_are_binned_by_what_they_spread_over() -> None:
    """Places of a reach of 32 spread over 64 pixels: eight steps of 8, as 64 of margin would have."""
    _, found = consistent(OnePixelEye(7, 7), noise_images(N, 64), modes=("roll",), reach=32, size=64, passes=8)
    edges = [(e.at["from"], e.at["to"]) for e in found.of("roll_distance_change")]
    assert (0, 8) in edges
    assert max(stop for _, stop in edges) <= 48  # the shorter way round


@pytest.mark.parametrize("wrong", [{"margin": 17}, {"reach": 9}])
def test_more_than_the_frame_holds_is_refused(wrong: dict[str, int]) -> None:
    (name,) = wrong
    with pytest.raises(SettingError, match=f"consistency.{name}.*Give {wrong[name] - 1} or less"):
        Consistency(**wrong).ask(SUBJECT, ())


def test_modes_never_share_a_figure() -> None:
    _, found = consistent(LowPassEye(4, SIZE), noise_images(N))
    exam = Consistency(modes=("crop", "roll"))
    for chart in exam.charts(found):
        assert ("cyclic" in chart.title) != ("margin" in chart.title)
    with pytest.raises(ValueError, match="once"):
        Consistency(modes=("crop", "crop"))
