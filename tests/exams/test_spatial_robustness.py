"""The worst of many turns and moves, on eyes whose answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import ndimage
from torch import Tensor, nn

from embedded import turned, yardsticks
from eyechart.core.chance import generator
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Subject
from eyechart.core.tally import Tally
from eyechart.errors import SettingError
from eyechart.exams.spatial_robustness import SpatialRobustness
from eyes import ConstantEye, LowPassEye, OnePixelEye, Sitting, image_set, noise_images, seen_by, sitting
from figures import value

N, SIZE = 40, 16


def sat(eye: nn.Module, labels: Array | None = None, **settings: Any) -> tuple[Sitting, Estimates]:
    found = sitting(SpatialRobustness(**settings), seen_by(eye, SIZE), image_set(noise_images(N), labels))
    return found, found.exam.estimates(found.whole, found.batch.labels, found.subject)


def seen(image: Array, degrees: float, down: float, right: float, row: int, column: int) -> float:
    """Red at one pixel of an image turned about its centre, then moved, on black; in [0, 1]."""
    mid, a = (SIZE - 1) / 2, np.deg2rad(degrees)
    x, y = column - mid - right, row - mid - down
    at = [[np.sin(a) * x + np.cos(a) * y + mid], [np.cos(a) * x - np.sin(a) * y + mid]]
    return float(ndimage.map_coordinates(image[..., 0] / 255, at, order=1, mode="grid-constant")[0])


def test_what_one_pixel_sees_computed_once_more() -> None:
    row, column, labels, images = 4, 9, np.arange(N) % 2, noise_images(N)
    one, found = sat(OnePixelEye(row, column), labels)
    assert value(found, "limit_pixels") == 2  # 24 / 224 of 16
    top1 = np.empty((N, 10), int)
    for i in range(N):
        for k in range(10):
            drawn = generator(0, f"spatial_robustness.{k}", f"{i:04d}").uniform(-1, 1, 3) * (30, 2, 2)
            np.testing.assert_allclose(
                [one.whole.rows[f"random_{d}"][i, k] for d in ("degrees", "down", "right")], drawn, 1e-5
            )
            top1[i, k] = seen(images[i], *drawn.tolist(), row, column) > 0.5
    np.testing.assert_array_equal(one.whole.rows["random_top1"], top1)
    plain = (images[:, row, column, 0] / 255 > 0.5).astype(int)
    right = np.concatenate([(plain == labels)[:, None], top1 == labels[:, None]], 1)
    assert value(found, "natural_accuracy") == pytest.approx(right[:, 0].mean())
    assert value(found, "one_random_accuracy") == pytest.approx(right[:, 1].mean())
    assert value(found, "average_accuracy", search="random") == pytest.approx(right[:, 1:].mean())
    for k in range(1, 11):
        assert value(found, "worst_of_k_accuracy", k=k) == pytest.approx(right[:, : k + 1].all(1).mean())
    changed = (top1 != plain[:, None]).any(1)
    assert value(found, "changed_anywhere", given="all") == pytest.approx(changed.mean())
    assert value(found, "changed_anywhere", given="correct") == pytest.approx(changed[plain == labels].mean())
    assert value(found, "all_answers_alike") == pytest.approx(1 - changed.mean())
    assert value(found, "worst_case_drop") == pytest.approx(right[:, 0].mean() - right.all(1).mean())


@pytest.mark.parametrize("identity", [True, False])
def test_the_worst_case_only_falls_and_is_no_better_than_the_average(identity: bool) -> None:
    labels = np.random.default_rng(3).integers(0, 4, N)
    _, found = sat(LowPassEye(4, SIZE), labels, include_identity=identity, draws=15, degrees=10, pixels=1)
    worst = [e.value for e in found.of("worst_of_k_accuracy")]
    assert worst == sorted(worst, reverse=True)
    assert worst[-1] <= value(found, "average_accuracy", search="random")
    if identity:
        assert worst[0] <= min(value(found, "natural_accuracy"), value(found, "one_random_accuracy"))
    else:
        assert worst[0] == value(found, "one_random_accuracy")


def test_no_limits_are_no_change() -> None:
    labels = np.arange(N) % 4
    _, found = sat(LowPassEye(6, SIZE), labels, degrees=0, pixels=0, grid=True)
    natural = value(found, "natural_accuracy")
    for measure in (
        "one_random_accuracy",
        "worst_of_k_accuracy",
        "average_accuracy",
        "worst_of_grid_accuracy",
        "accuracy_at",
    ):
        assert {e.value for e in found.of(measure)} == {natural}
    assert {e.value for e in found.of("all_answers_alike")} == {1.0}
    assert {e.value for m in ("changed_anywhere", "answer_change", "worst_case_drop") for e in found.of(m)} == {0.0}


def test_the_grid_is_every_turn_with_every_move() -> None:
    labels, images = np.arange(N) % 2, noise_images(N)
    one, found = sat(OnePixelEye(4, 9), labels, grid=True, grid_angles=3, grid_moves=3, degrees=20, pixels=2)
    places = [(a, d, r) for a in (-20, 0, 20) for d in (-2, 0, 2) for r in (-2, 0, 2)]
    top1 = np.array([[seen(image, *place, 4, 9) > 0.5 for place in places] for image in images]).astype(int)
    np.testing.assert_array_equal(one.whole.rows["grid_top1"], top1)
    right = top1 == labels[:, None]
    assert value(found, "worst_of_grid_accuracy") == pytest.approx(right.all(1).mean())
    assert value(found, "accuracy_at", degrees=20.0) == pytest.approx(right[:, 18:].mean())
    assert value(found, "accuracy_at", down=-2.0, right=2.0) == pytest.approx(right[:, [2, 11, 20]].mean())
    assert SpatialRobustness(grid=True).most(one.subject) == 100
    assert len(SpatialRobustness(grid=True).ask(Subject((32, 32), 10), ()) or ()) == 10 + 775


def test_the_image_as_it_is_lies_on_every_grid() -> None:
    for wrong in ({"grid_moves": 4}, {"grid_angles": 30}):
        with pytest.raises(ValidationError, match="odd"):
            SpatialRobustness(grid=True, **wrong)
    with pytest.raises(SettingError, match=r"spatial_robustness\.pixels = 17.*Give 16 or less"):
        SpatialRobustness(pixels=17).ask(Subject((SIZE, SIZE), 10), ())


@pytest.mark.parametrize("size", [(32, 3.0), (224, 24.0), (64, 7.0)])
def test_limits_in_pixels_follow_the_paper(size: tuple[int, float]) -> None:
    exam = SpatialRobustness()
    rows = Tally({"image_top1": np.zeros(3, int), "random_top1": np.zeros((3, 10), int)})
    found = exam.estimates(rows, np.full(3, -1), Subject((size[0], size[0]), 10))
    assert value(found, "limit_pixels") == size[1]


def test_of_what_changes_much_it_is_not_said_that_little_can() -> None:
    exam, subject = SpatialRobustness(), Subject((32, 32), 10)
    for changing, told in ((120, ["weak"]), (0, ["note", "note"])):
        rows = Tally({"image_top1": np.zeros(400, int), "random_top1": np.zeros((400, 10), int)})
        rows.rows["random_top1"][:changing, 3] = 1
        found = exam.estimates(rows, np.full(400, -1), subject)
        assert [f.verdict for f in exam.findings(found)] == told


def test_who_is_right_nowhere_earns_no_praise_for_losing_nothing() -> None:
    exam, subject, chance = SpatialRobustness(), Subject((32, 32), 10), np.random.default_rng(0)
    rows = Tally({"image_top1": chance.integers(9, size=300), "random_top1": chance.integers(9, size=(300, 10))})
    told = exam.findings(exam.estimates(rows, np.full(300, 9), subject))
    assert [f.verdict for f in told] == ["note", "weak"]
    assert "changes the answer" in told[1].sentence


def test_embeddings_of_turned_images_computed_once_more() -> None:
    """The red of two pixels, of images turned and moved on black."""

    class Pair(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, 0, [4, 10], [9, 6]]

    images = noise_images(N)
    exam = SpatialRobustness(draws=4, significant_quantile=0.3)
    one = sitting(exam, seen_by(Pair(), SIZE, outputs="embedding"), image_set(images))
    found, poses = one.estimates, np.stack([one.whole.rows[f"random_{d}"] for d in ("degrees", "down", "right")], 2)
    plain = images[:, [4, 10], [9, 6], 0] / 255
    moved = np.array(
        [[[seen(images[i], *poses[i, k], *at) for at in ((4, 9), (10, 6))] for k in range(4)] for i in range(N)]
    )
    mean, near = yardsticks(plain, one.whole.kept, "reference/", 0.3)
    turns = turned(moved, plain[:, None])
    far = turns > near
    assert 0 < far.mean() < 1
    assert value(found, "reference_distance") == pytest.approx(mean, rel=1e-4)
    assert value(found, "significant_change", search="random") == pytest.approx(far.mean())
    assert value(found, "significant_anywhere", search="random") == pytest.approx(far.any(1).mean())
    assert value(found, "cosine_distance", search="random") == pytest.approx(turns.mean(), rel=1e-3)
    distance = np.linalg.norm(moved - plain[:, None], axis=2).mean() / mean
    assert value(found, "embed_change", search="random") == pytest.approx(distance, rel=1e-3)
    (told,) = exam.findings(found)
    assert told.verdict == "weak"
    assert "at least one of 4 turns and moves by up to 30 degrees and 2 pixels" in told.sentence
    assert not found.of("changed_anywhere")


def test_a_constant_eye_is_steady_and_called_out() -> None:
    _, found = sat(ConstantEye(0.0, 0.0, 1.0))
    assert value(found, "all_answers_alike") == 1.0
    assert {e.at.get("given") for e in found} == {None, "all"}  # no labels
    said = SpatialRobustness().findings(found)
    assert any("one and the same answer" in f.sentence for f in said)
    assert {f.verdict for f in said} == {"note"}


def test_borders_change_what_an_eye_for_brightness_sees() -> None:
    """Black corners darken a red picture; mirrored or real borders do not."""
    red = np.zeros((4, SIZE, SIZE, 3), np.uint8)
    red[..., 0] = 200
    for border, alike in (("zero", False), ("reflect", True), ("margin", True)):
        exam = SpatialRobustness(border=border)
        got = sitting(exam, seen_by(BrightEye(), SIZE), image_set(red))
        assert (got.whole.rows["random_top1"] == 1).all() == alike
        assert (got.whole.rows["image_top1"] == 1).all()


class BrightEye(nn.Module):
    """Class 1 where the mean red is that of the whole picture."""

    def forward(self, x: Tensor) -> Tensor:
        red = 255 * x[:, 0].mean((1, 2))
        return torch.stack([torch.zeros_like(red), red - 199], 1)


def test_kept_cases_are_right_ones_fooled_in_their_surest_draw() -> None:
    labels = np.arange(N) % 2
    one, _ = sat(OnePixelEye(4, 9), labels)
    rows = one.whole.rows
    assert one.whole.kept
    for case in one.whole.kept:
        i = int(case.id)
        assert rows["image_top1"][i] == labels[i]
        assert rows["random_top1"][i, case.facts["draw"]] != labels[i]
        assert set(one.exam.pictures(case)) == {"plain", "worst"}
