"""Places in the frame, seen by eyes that look everywhere, or at one place alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from torch import Tensor, nn

from eyechart.core.chart import Heatmap, Panels
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Subject
from eyechart.core.tally import Tally
from eyechart.errors import SettingError
from eyechart.exams.position_bias import PositionBias
from eyechart.exams.position_bias_figures import CROPS
from eyes import (
    ConstantEye,
    OnePixelEye,
    OracleEye,
    ShiftBlindEye,
    Sitting,
    image_set,
    noise_images,
    plain_images,
    seen_by,
    sitting,
)

N, SIZE, GRID = 24, 16, 5
SIDE = 8  # round(112 * 16 / 224): eight pixels free, places 0 2 4 6 8
BILINEAR = Image.Resampling.BILINEAR


class MiddleEye(nn.Module):
    """The mean colour of the middle quarter of the frame, in whole 8-bit steps: class 0 where nothing is there."""

    def forward(self, x: Tensor) -> Tensor:
        quarter = x.shape[-1] // 4
        return (255 * x[..., quarter:-quarter, quarter:-quarter].mean((2, 3))).round()


def placed(eye: Any, images: Array, labels: Any = None, **settings: Any) -> tuple[Sitting, Estimates]:
    exam = PositionBias(**{"sizes": (112,), "grid": GRID, **settings})
    sat = sitting(exam, seen_by(eye, SIZE), image_set(images, labels))
    return sat, exam.estimates(sat.whole, sat.batch.labels, sat.subject)


def value(found: Estimates, measure: str, **at: Any) -> float:
    (e,) = found.of(measure, **at)
    assert e.value is not None, e
    return e.value


def test_an_eye_that_looks_everywhere_has_no_place() -> None:
    labels = np.arange(N) % 3
    sat, found = placed(OracleEye(), plain_images(labels), labels)
    assert {e.value for e in found.of("accuracy")} == {1.0}
    assert {
        e.value for m in ("centre_gap", "edge_gap", "five_crop_gap", "answer_change_rate") for e in found.of(m)
    } == {0.0}
    for measure in ("right_everywhere", "right_somewhere"):
        assert value(found, measure) == 1.0
    for measure in ("alike_everywhere", "crops_alike"):
        assert {e.value for e in found.of(measure)} == {1.0}
    assert sat.exam.findings(found)


def test_a_shift_blind_eye_says_the_same_everywhere() -> None:
    sat, found = placed(ShiftBlindEye(), noise_images(N), sizes=(140,))
    assert len(set(sat.whole.rows["place_top1"].ravel())) > 1
    assert value(found, "alike_everywhere", given="all") == 1.0
    assert {e.value for e in found.of("answer_change_rate")} == {0.0}


def test_an_eye_for_the_middle_is_right_where_the_picture_reaches_it() -> None:
    """A picture of 8 pixels at 0 or 8 covers a quarter of the middle, at 2 and 6 three quarters of a side: it sees all."""
    labels = 1 + np.arange(N) % 2  # class 0 is what it says of black
    _, found = placed(MiddleEye(), plain_images(labels), labels)
    assert {e.value for e in found.of("accuracy")} == {1.0}
    far = PositionBias(sizes=(42,), grid=GRID)  # 3 pixels, places 0 3 6 10 13: the middle is 4 .. 11
    sat = sitting(far, seen_by(MiddleEye(), SIZE), image_set(plain_images(labels), labels))
    found = far.estimates(sat.whole, labels, sat.subject)
    right = np.array([[value(found, "accuracy", row=r / 4, column=c / 4) for c in range(5)] for r in range(5)])
    within = np.array([False, True, True, True, False])
    np.testing.assert_array_equal(right, np.outer(within, within))
    assert value(found, "centre_gap") == value(found, "edge_gap") == 1.0
    assert value(found, "right_everywhere") == 0.0
    assert value(found, "right_somewhere") == 1.0
    assert value(found, "alike_everywhere", given="all") == 0.0
    assert far.findings(found)[0].verdict == "weak"
    heatmap = next(c for c in far.charts(found) if isinstance(c, Heatmap))
    np.testing.assert_array_equal(np.array(heatmap.z), np.outer(within, within))


def test_the_map_of_the_frame_is_the_right_way_up() -> None:
    red = np.zeros((N, SIZE, SIZE, 3), np.uint8)
    red[..., 0] = 255
    sat, found = placed(OnePixelEye(0, 15), red, np.ones(N, int))  # the top right corner
    assert value(found, "accuracy", row=0.0, column=1.0) == 1.0
    assert value(found, "accuracy", row=1.0, column=0.0) == 0.0
    heatmap = next(c for c in sat.exam.charts(found) if isinstance(c, Heatmap))
    assert heatmap.z[-1][-1] == 1.0  # rows of a heat map begin at the bottom
    assert sum(map(sum, heatmap.z)) == 1.0


def test_what_one_pixel_sees_computed_once_more() -> None:
    at, images, labels = 5, noise_images(N, 31), np.arange(N) % 2
    sat, found = placed(OnePixelEye(at, at), images, labels, margin=4)
    place_top, crop_top = np.zeros((N, GRID, GRID), int), np.zeros((N, 5), int)
    for i, picture in enumerate(images):
        original = Image.fromarray(picture)
        small = np.asarray(original.resize((SIDE, SIDE), BILINEAR))
        for r, c in np.ndindex(GRID, GRID):
            canvas = np.zeros((SIZE, SIZE, 3), np.uint8)
            canvas[2 * r : 2 * r + SIDE, 2 * c : 2 * c + SIDE] = small
            place_top[i, r, c] = canvas[at, at, 0] > 127.5
        larger = np.asarray(original.resize((SIZE + 4, SIZE + 4), BILINEAR))
        for k, (down, right) in enumerate([(2, 2), (0, 0), (0, 4), (4, 0), (4, 4)]):
            crop_top[i, k] = larger[down + at, right + at, 0] > 127.5
    np.testing.assert_array_equal(sat.whole.rows["place_top1"].reshape(place_top.shape), place_top)
    np.testing.assert_array_equal(sat.whole.rows["crop_top1"], crop_top)
    hit, crop_hit = place_top == labels[:, None, None], crop_top == labels[:, None]
    for r, c in np.ndindex(GRID, GRID):
        where = {"row": r / 4, "column": c / 4}
        assert value(found, "accuracy", **where) == pytest.approx(hit[:, r, c].mean())
        away = (place_top[:, r, c] != place_top[:, 2, 2]).mean()
        assert value(found, "answer_change_rate", **where) == pytest.approx(away)
    corners = hit[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert value(found, "centre_gap") == pytest.approx(hit[:, 2, 2].mean() - corners.mean())
    rim = np.concatenate([hit[:, 0], hit[:, -1], hit[:, 1:-1, 0], hit[:, 1:-1, -1]], axis=1)
    assert rim.shape[1] == 16
    assert value(found, "edge_gap") == pytest.approx(hit[:, 2, 2].mean() - rim.mean())
    flat = place_top.reshape(N, -1)
    assert value(found, "alike_everywhere", given="all") == pytest.approx((np.ptp(flat, axis=1) == 0).mean())
    for k, crop in enumerate(CROPS):
        assert value(found, "crop_accuracy", crop=crop) == pytest.approx(crop_hit[:, k].mean())
    assert value(found, "five_crop_gap", margin=4) == pytest.approx(crop_hit[:, 0].mean() - crop_hit[:, 1:].mean())
    assert value(found, "crops_alike", given="all") == pytest.approx((np.ptp(crop_top, axis=1) == 0).mean())


def test_a_constant_eye_earns_no_praise() -> None:
    sat, found = placed(ConstantEye(0.0, 1.0), noise_images(N), np.arange(N) % 2)
    assert value(found, "commonest_answer_share") == 1.0
    assert value(found, "centre_gap") == 0.0
    told = sat.exam.findings(found)
    assert "strong" not in {f.verdict for f in told}
    assert any("one and the same answer" in f.sentence for f in told)
    weak = np.zeros((400, 9), int)
    weak[:260, 0] = 1
    told = EXAM.findings(EXAM.estimates(tally(weak), np.full(400, -1), SUBJECT))
    assert [f.verdict for f in told] == ["weak"]  # and not a word of little that can differ


def test_who_is_right_nowhere_earns_no_praise_for_being_even() -> None:
    answers = np.random.default_rng(0).integers(2, size=(400, 1)).repeat(9, 1)  # each image its own, wherever it lies
    for label, verdicts in ((2, ["note", "note"]), (0, ["strong", "note"])):
        told = EXAM.findings(EXAM.estimates(tally(answers), np.full(400, label), SUBJECT))
        assert [f.verdict for f in told][: len(verdicts)] == verdicts


EXAM, SUBJECT = PositionBias(grid=3), Subject((16, 16), 3)


def tally(places: Array, crops: Array | None = None, valid: Any = None) -> Tally:
    n = len(places)
    return Tally(
        {
            "image_top1": np.zeros(n, int),
            "crop_top1": np.zeros((n, 5), int) if crops is None else crops,
            "place_top1": places.reshape(n, 9),
            "place_capped": np.zeros((n, 1), bool),
            "place_valid": np.ones((n, 1), bool) if valid is None else np.array(valid, bool)[:, None],
        }
    )


def test_gaps_are_paired_by_image() -> None:
    """100 images, half of them right everywhere and half nowhere: no gap, and no doubt about it beyond what pairs leave."""
    places = np.zeros((100, 3, 3), int)
    places[50:] = 1
    (gap,) = EXAM.estimates(tally(places), np.zeros(100, int), SUBJECT).of("centre_gap")
    assert gap.value == 0.0
    assert gap.high is not None
    assert gap.high < 0.04  # unpaired it would be 0.12


def test_images_that_could_not_be_drawn_have_no_part() -> None:
    places = np.zeros((8, 3, 3), int)
    places[4:, 0, 0] = 1
    found = EXAM.estimates(tally(places, valid=[1] * 4 + [0] * 4), np.zeros(8, int), SUBJECT)
    (alike,) = found.of("alike_everywhere", given="all")
    assert (alike.value, alike.n) == (1.0, 4)
    assert value(found, "crop_accuracy", crop="centre") == 1.0


def test_without_labels_the_answers_still_tell() -> None:
    places = np.zeros((8, 3, 3), int)
    places[:2, 0, 0] = 1
    found = EXAM.estimates(tally(places), np.full(8, -1), SUBJECT)
    assert value(found, "alike_everywhere") == 0.75
    assert value(found, "answer_change_rate", row=0.0, column=0.0) == 0.25
    assert not found.of("accuracy")
    assert not found.of("five_crop_gap")


def test_several_sizes_are_shown_side_by_side() -> None:
    labels = np.arange(N) % 3
    sat, found = placed(OracleEye(), plain_images(labels), labels, sizes=(56, 112))
    assert [len(c.panels) for c in sat.exam.charts(found) if isinstance(c, Panels)] == [2, 2]


@pytest.mark.parametrize("size", [224, 210, 154])  # 0, 1 and 5 of 16 pixels are free
def test_sizes_that_cannot_move_are_refused(size: int) -> None:
    with pytest.raises(SettingError, match=r"position_bias\.sizes"):
        PositionBias(sizes=(100, size)).ask(SUBJECT, ())
    assert PositionBias(sizes=(100, 140)).ask(SUBJECT, ())  # six pixels for seven places


@pytest.mark.parametrize(("size", "words"), [(8, "Give sizes up to 56"), (4, "smaller position_bias.grid")])
def test_tiny_frames_are_told_what_fits(size: int, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        PositionBias().ask(Subject((size, size), 3), ())
    if size == 8:
        assert PositionBias(sizes=(56,)).ask(Subject((size, size), 3), ())


def test_an_even_grid_has_no_middle() -> None:
    with pytest.raises(ValidationError, match="odd"):
        PositionBias(grid=4)


def test_the_default_asks_49_places_and_five_crops() -> None:
    queries = PositionBias().ask(Subject((224, 224), 1000), ())
    assert queries is not None
    assert len(queries) == 1 + 5 + 49
