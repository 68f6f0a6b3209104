"""Clips from one still, on eyes whose answers are known; distances of ranks written once more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import ndimage
from torch import nn

from eyechart.core.chance import generator
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Subject
from eyechart.core.tally import Tally
from eyechart.exams.jitter import Jitter
from eyechart.exams.jitter_ranks import top_distance, zipf_distance
from eyechart.models.load import wrap
from eyechart.models.preprocessing import Preprocessing
from eyes import (
    ConstantEye,
    LowPassEye,
    OnePixelEye,
    PolyphaseEye,
    Sitting,
    StrideEye,
    answered,
    image_set,
    noise_images,
    sitting,
)
from figures import value

N, WHOLE, SIZE = 30, 24, 16
ALL = ("walk", "shake", "translate", "rotate", "shear", "scale", "tilt")


def sat(eye: nn.Module, labels: Array | None = None, **settings: Any) -> tuple[Sitting, Estimates]:
    model = wrap(eye, preprocessing=Preprocessing(size=(SIZE, SIZE)), device="cpu")
    found = sitting(Jitter(**settings), model, image_set(noise_images(N, WHOLE), labels))
    return found, found.exam.estimates(found.whole, found.batch.labels, found.subject)


def ranks(values: Array) -> list[int]:
    """Rank, from 1, of every class."""
    order = sorted(range(len(values)), key=lambda c: (-values[c], c))
    return [order.index(c) + 1 for c in range(len(values))]


def published_top5(first: Array, second: Array) -> int:
    """The paper's double sum: over ranks i, over j from min(i, s) + 1 to max(i, s), of 1 where 1 <= j - 1 <= 5."""
    before, after = ranks(first), ranks(second)
    total = 0
    for i in range(1, 6):
        s = after[before.index(i)]
        total += sum(1 <= j - 1 <= 5 for j in range(min(i, s) + 1, max(i, s) + 1))
    return total


def published_zipf(first: Array, second: Array) -> float:
    pairs = list(zip(ranks(first), ranks(second), strict=True))
    return sum(abs(1 / r - 1 / s) / r for r, s in pairs)


def test_distances_as_published() -> None:
    chance = np.random.default_rng(0)
    for classes in (6, 7, 10, 40):
        first, second = chance.integers(0, 12, (2, 20, classes)).astype(float)  # with ties
        np.testing.assert_array_equal(
            top_distance(first, second), [published_top5(*p) for p in zip(first, second, strict=True)]
        )
        np.testing.assert_allclose(
            zipf_distance(first, second), [published_zipf(*p) for p in zip(first, second, strict=True)]
        )


def test_distances_of_known_changes() -> None:
    one = np.arange(12.0, 0, -1)[None]
    swapped, gone = one.copy(), one.copy()
    swapped[0, :2] = one[0, 1::-1]
    gone[0, :5] = 0
    assert top_distance(one, one) == [0]
    assert top_distance(one, swapped) == [2]
    assert top_distance(one, gone) == [15]
    assert zipf_distance(one, one) == [0.0]
    assert zipf_distance(one, swapped) == [0.5 + 0.25]
    assert top_distance(np.array([[1.0, 0]]), np.array([[0.0, 1]])) == [1]  # two classes: whether the first changed
    three = np.array([[3.0, 2, 1]])
    assert top_distance(three, three[:, ::-1]) == [2 + 0]  # ranks 1 to 2, and 3 for all behind


def test_a_constant_eye_never_flips_and_is_called_out() -> None:
    _, found = sat(ConstantEye(*range(7)), motions=ALL)
    for measure in ("flip_probability", "top5_distance", "zipf_distance", "flipped_clips", "change_from_anchor"):
        assert {e.value for e in found.of(measure)} == {0.0}
    said = Jitter(motions=ALL).findings(found)
    assert any("one and the same answer" in f.sentence for f in said)
    assert {f.verdict for f in said} == {"note"}


def test_a_short_clip_has_a_short_neighbourhood() -> None:
    _, found = sat(OnePixelEye(5, 11), np.arange(N) % 2, frames=5, motions=("walk", "rotate"))
    assert [e.at["frames"] for e in found.of("neighbourhood_drop")] == [2, 10]
    told = " ".join(f.sentence for f in Jitter(motions=("walk", "rotate")).findings(found))
    assert "in the 2 frames before and after" in told


def walked(image: int, frames: int, reach: int) -> list[tuple[int, int]]:
    """(down, right) of each frame, written once more."""
    steps = generator(0, "jitter.walk", f"{image:04d}").integers(4, size=(2, frames))
    ways = {0: (1, 0), 1: (-1, 0), 2: (0, 1), 3: (0, -1)}
    middle, path = frames // 2, {frames // 2: (0, 0)}
    for row, way in ((0, 1), (1, -1)):
        at = (0, 0)
        for n in range(1, middle + 1):
            step = ways[int(steps[row, n - 1])]
            to = (at[0] + step[0], at[1] + step[1])
            at = to if max(map(abs, to)) <= reach else (at[0] - step[0], at[1] - step[1])
            path[middle + way * n] = at
    return [path[k] for k in range(frames)]


def test_what_one_pixel_sees_of_a_walk_computed_once_more() -> None:
    row, column, margin, labels, images = 5, 11, (WHOLE - SIZE) // 2, np.arange(N) % 2, noise_images(N, WHOLE)
    one, found = sat(OnePixelEye(row, column), labels, frames=11, neighbourhood=2, reach=3)
    red = np.array(
        [[images[i, row + margin - d, column + margin - r, 0] for d, r in walked(i, 11, 3)] for i in range(N)]
    )
    top1 = (red / 255 > 0.5).astype(int)
    np.testing.assert_array_equal(one.whole.rows["walk_top1"], top1)
    flips = top1[:, 1:] != top1[:, :-1]
    assert value(found, "flip_probability", given="all") == pytest.approx(flips.mean())
    assert value(found, "top5_distance", given="all") == pytest.approx(flips.mean())  # two classes
    assert value(found, "ranks_compared") == 1
    right = top1 == labels[:, None]
    assert value(found, "flip_probability", given="correct") == pytest.approx(flips[right[:, 5]].mean())
    assert value(found, "flipped_clips", given="all") == pytest.approx(flips.any(1).mean())
    assert value(found, "frame_accuracy") == pytest.approx(right.mean())
    assert value(found, "anchor_accuracy") == pytest.approx(right[:, 5].mean())
    assert value(found, "neighbourhood_accuracy") == pytest.approx(right[:, 3:8].all(1).mean())
    assert value(found, "neighbourhood_drop") == pytest.approx(right[:, 5].mean() - right[:, 3:8].all(1).mean())
    assert value(found, "change_from_anchor", frame=-5) == pytest.approx((top1[:, 0] != top1[:, 5]).mean())
    assert value(found, "invented_share") == 0
    _, apart = sat(OnePixelEye(row, column), labels, frames=11, reach=3, apart=3)
    assert value(apart, "flip_probability", given="all") == pytest.approx((top1[:, 3:] != top1[:, :-3]).mean())


@pytest.mark.parametrize("stride", [2, 4])
def test_a_polyphase_eye_sees_no_walk_of_a_picture_that_stays_in_the_frame(stride: int) -> None:
    """The middle on black, within reach: each frame is a cyclic shift, which it ignores and a plain stride does not."""
    images = np.zeros((N, WHOLE, WHOLE, 3), np.uint8)
    images[:, 8:16, 8:16] = noise_images(N, 8)  # pixels 4 to 11 of the frame, moved by 3 at most
    found = {}
    for eye in (PolyphaseEye(stride), StrideEye(stride)):
        model = wrap(eye, preprocessing=Preprocessing(size=(SIZE, SIZE)), device="cpu")
        one = sitting(Jitter(frames=11, reach=3), model, image_set(images))
        assert len(set(one.whole.rows["image_top1"])) > 1
        found[type(eye)] = one.estimates
    for measure in ("flip_probability", "flipped_clips", "top5_distance"):
        assert value(found[PolyphaseEye], measure, given="all") == 0.0
        assert value(found[StrideEye], measure, given="all") > 0.2
    assert {e.value for e in found[PolyphaseEye].of("change_from_anchor")} == {0.0}


def test_what_a_polyphase_eye_sees_of_a_walk_computed_once_more() -> None:
    """New content comes into the window: then it flips, too."""
    images, eye, margin = noise_images(N, WHOLE), PolyphaseEye(2), (WHOLE - SIZE) // 2
    one, found = sat(eye, frames=11, reach=3)
    top1 = np.empty((N, 11), int)
    for k in range(11):
        starts = [(margin - walked(i, 11, 3)[k][0], margin - walked(i, 11, 3)[k][1]) for i in range(N)]
        windows = np.stack([images[i, d : d + SIZE, r : r + SIZE] for i, (d, r) in enumerate(starts)])
        top1[:, k] = answered(eye, windows)
    np.testing.assert_array_equal(one.whole.rows["walk_top1"], top1)
    flips = (top1[:, 1:] != top1[:, :-1]).mean()
    assert 0 < flips < 1
    assert value(found, "flip_probability", given="all") == pytest.approx(flips)


def test_what_one_pixel_sees_of_a_turn_computed_once_more() -> None:
    row, column, margin, images, mid = 5, 11, (WHOLE - SIZE) // 2, noise_images(N, WHOLE), (SIZE - 1) / 2
    one, _ = sat(OnePixelEye(row, column), motions=("rotate", "scale"))
    for k, degrees in enumerate(range(-15, 16)):
        a, x, y = np.deg2rad(degrees), column - mid, row - mid
        at = [[np.sin(a) * x + np.cos(a) * y + mid + margin], [np.cos(a) * x - np.sin(a) * y + mid + margin]]
        red = [ndimage.map_coordinates(image[..., 0].astype(float), at, order=1)[0] for image in images]
        np.testing.assert_array_equal(one.whole.rows["rotate_top1"][:, k], np.floor(np.array(red) + 0.5) / 255 > 0.5)
    np.testing.assert_array_equal(one.whole.rows["scale_top1"][:, 24], one.whole.rows["image_top1"])  # 0.4 + 24 * 0.025


def test_a_shake_within_reach_of_one_pixel_sees_the_same_as_scipy() -> None:
    row, column, margin, images = 5, 11, (WHOLE - SIZE) // 2, noise_images(N, WHOLE)
    one, _ = sat(OnePixelEye(row, column), motions=("shake",), frames=5)
    for k in range(5):
        for i in range(N):
            down, right = generator(0, f"jitter.shake.{k}", f"{i:04d}").normal(0, 0.7, 2)
            at = [[row + margin - down], [column + margin - right]]
            red = np.floor(ndimage.map_coordinates(images[i, ..., 0].astype(float), at, order=1)[0] + 0.5)
            assert one.whole.rows["shake_top1"][i, k] == (red / 255 > 0.5)


def test_rates_are_relative_to_a_reference() -> None:
    settings: dict[str, Any] = {
        "flip_reference": {"walk": 0.2, "rotate": 0.1, "tilt": 1.0},
        "top5_reference": [["walk", 4]],
    }
    exam = Jitter(motions=("walk", "rotate"), **settings)
    assert hash(exam) == hash(Jitter(**exam.model_dump()))
    _, found = sat(LowPassEye(4, SIZE, classes=8), motions=("walk", "rotate"), **settings)
    walk, turn = (value(found, "flip_probability", motion=m, given="all") for m in ("walk", "rotate"))
    assert value(found, "flip_rate", motion="walk") == pytest.approx(walk / 0.2)
    assert value(found, "mean_flip_rate") == pytest.approx((walk / 0.2 + turn / 0.1) / 2)
    assert value(found, "mean_top5_rate") == pytest.approx(
        value(found, "top5_distance", motion="walk", given="all") / 4
    )
    _, raw = sat(LowPassEye(4, SIZE, classes=8))
    assert not raw.of("flip_rate")


def test_few_classes_are_said() -> None:
    _, found = sat(LowPassEye(4, SIZE, classes=4))
    assert value(found, "ranks_compared") == 3
    assert any("3 ranks only" in f.sentence for f in Jitter().findings(found))


@pytest.mark.parametrize(
    "settings",
    [
        {"flip_reference": {"run": 1.0}},
        {"top5_reference": {"walk": 0}},
        {"frames": 5, "apart": 5},
        {"neighbourhood": 16},
        {"motions": ("translate", "shear"), "neighbourhood": 20},
        {"motions": ("walk", "walk")},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"give numbers above 0|or less: the shortest clip has|once"):
        Jitter(**settings)


def test_clips_are_the_units() -> None:
    """100 clips that flip in all frames or in none: the interval is that of 100, not of 3,000."""
    exam = Jitter()
    top1 = np.zeros((100, 31), int)
    top1[:30, ::2] = 1
    zeros = {f"walk_{k}": np.zeros(100) for k in ("top5_distance", "zipf_distance", "invented")}
    rows = Tally({"image_top1": np.zeros(100, int), "walk_top1": top1, **zeros})
    (e,) = exam.estimates(rows, np.full(100, -1), Subject((32, 32), 10)).of("flip_probability")
    assert e.value == pytest.approx(0.3)
    assert e.low is not None
    assert e.high is not None
    assert e.high - e.low == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / 100), rel=0.1)
