"""The variants exam on an eye that measures dark areas, an eye for colour, and ready stimuli."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from eyechart.core.chart import Gallery, Table
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array
from eyechart.core.query import Query
from eyechart.exams.variants import Variants
from eyechart.views.whole import Whole
from eyes import Sitting, image_set, noise_images, one, seen_by, sitting
from eyes_cues import cue_eye, stimuli
from figures import value

SIZE, N, NOISE = 32, 12, 2
LARGE = np.arange(N) % 3 == 0  # four of twelve
LABELS = np.concatenate([LARGE.astype(int), np.ones(NOISE, int)])


class AreaEye(nn.Module):
    """Class 1 where more than half of the picture is darker than .9."""

    def forward(self, x: Tensor) -> Tensor:
        dark = 20 * ((x.mean(1) < 0.9).float().mean((1, 2)) - 0.5)
        return torch.stack([-dark, dark], 1)


class HueEye(nn.Module):
    """Class 1 where there is more green than red."""

    def forward(self, x: Tensor) -> Tensor:
        green = 40 * (x[:, 1] - x[:, 0]).mean((1, 2)) - 1e-3
        return torch.stack([-green, green], 1)


def objects() -> Array:
    """Dark squares of side 26 (two thirds of the picture) or 18 (a third) on white; then noise, which has no ground."""
    pixels = np.full((N, SIZE, SIZE, 3), 255, np.uint8)
    for picture, noise, large in zip(pixels, noise_images(N, SIZE), LARGE, strict=True):
        side = 26 if large else 18
        at = slice((SIZE - side) // 2, (SIZE + side) // 2)
        picture[at, at] = noise[at, at] // 2
    return np.concatenate([pixels, noise_images(NOISE, SIZE, seed=9)])


@pytest.fixture(scope="module")
def sat() -> Sitting:
    return sitting(Variants(), seen_by(AreaEye(), SIZE), image_set(objects(), LABELS))


@pytest.fixture(scope="module")
def found(sat: Sitting) -> Estimates:
    return sat.estimates


@pytest.mark.parametrize(
    ("variant", "right", "of", "as_they_are"),
    [
        ("grey", 14, 14, 14),
        ("silhouette", 12, 12, 12),
        ("object_texture", 4, 12, 12),  # all dark, all called large
        ("patch_texture", 6, 14, 14),  # the middle half is dark everywhere
        ("edges", 8, 14, 14),  # little ink, all called small
    ],
)
def test_an_eye_for_area_keeps_silhouettes_alone(
    found: Estimates, variant: str, right: int, of: int, as_they_are: int
) -> None:
    accuracy = one(found, "accuracy", variant=variant)
    assert (accuracy.value, accuracy.n) == (pytest.approx(right / of), of)
    assert value(found, "original_accuracy", variant=variant) == as_they_are / of
    relative = one(found, "relative_accuracy", variant=variant)
    assert relative.value == pytest.approx(right / as_they_are)
    assert relative.low is not None
    assert relative.high is not None
    assert relative.low < right / as_they_are < max(relative.high, 1 + 1e-9)
    assert value(found, "agreement", variant=variant) == pytest.approx(right / of)
    assert value(found, "drawn", variant=variant) == of / 14
    assert value(found, "chance") == 0.5


def test_an_eye_that_loses_all_has_an_interval_that_is_not_of_zeros() -> None:
    images = noise_images(N, SIZE) // 2  # dark, so called large; their edges are called small
    found = sitting(
        Variants(variants=("edges",)), seen_by(AreaEye(), SIZE), image_set(images, np.ones(N, int))
    ).estimates
    relative = one(found, "relative_accuracy", variant="edges")
    assert (relative.value, relative.low) == (0, 0)
    assert relative.high is not None
    assert 0.1 < relative.high < 0.5
    (said,) = Variants(variants=("edges",)).findings(found)
    assert "Too little to judge by: fewer than 30 images" in said.sentence


def test_what_is_left_is_said_in_one_sentence_with_guessing_where_it_is_no_better() -> None:
    images = image_set(np.concatenate([objects()[:N]] * 3), np.tile(LABELS[:N], 3))
    found = sitting(Variants(), seen_by(AreaEye(), SIZE), images).estimates
    (said,) = Variants().findings(found)
    assert "100.0% (95% interval 90.4 to 100.0) are answered rightly as they are" in said.sentence
    assert "as line drawings 66.7%" in said.sentence
    assert "as nothing but a patch of themselves 33.3%" in said.sentence
    assert said.sentence.endswith("Guessing would give 50.0%.")


def test_an_eye_for_colour_sees_nothing_in_grey() -> None:
    tint = np.where(LARGE[:, None], [90, 160, 120], [160, 90, 120])
    images = np.broadcast_to(tint[:, None, None, :], (N, SIZE, SIZE, 3)).astype(np.uint8)
    exam = Variants(variants=("grey", "patch_texture"))
    found = sitting(exam, seen_by(HueEye(), SIZE), image_set(images, LARGE.astype(int))).estimates
    assert value(found, "accuracy", variant="original") == 1
    assert value(found, "accuracy", variant="grey") == pytest.approx(8 / 12)
    assert value(found, "relative_accuracy", variant="patch_texture") == 1


def test_without_a_ground_silhouettes_are_undefined_and_say_why() -> None:
    images = image_set(noise_images(N, SIZE), np.zeros(N, int))
    found = sitting(Variants(variants=("silhouette",)), seen_by(AreaEye(), SIZE), images).estimates
    for measure in ("accuracy", "original_accuracy", "relative_accuracy", "agreement"):
        e = one(found, measure, variant="silhouette")
        assert e.value is None
        assert "drawn of no image" in e.reason
    assert value(found, "drawn", variant="silhouette") == 0


@pytest.mark.parametrize(("by", "right"), [("shape", 1.0), ("texture", 1 / 16)])
def test_ready_stimuli_are_named_by_their_folder(by: str, right: float) -> None:
    exam, images = Variants(), stimuli()
    sat = sitting(exam, cue_eye(by), images)
    assert len(exam.ask(sat.subject, ()) or ()) == 1
    accuracy = one(sat.estimates, "accuracy", variant="ready", classes="categories")
    assert (accuracy.value, accuracy.n) == (right, 256)
    assert value(sat.estimates, "chance", classes="categories") == 1 / 16
    (said,) = exam.findings(sat.estimates)
    assert f"{100 * right:.1f}%" in said.sentence
    assert bool(sat.whole.kept) == (by == "texture")
    assert all(case.facts["truth"] != case.facts["answer"] for case in sat.whole.kept)
    charts = exam.charts(sat.estimates)
    assert [chart.pictures[0][0] for chart in charts if isinstance(chart, Gallery)] == ["ready"]
    assert "Categories are coarse classes" in charts[0].caption  # type: ignore[union-attr]


def test_an_answer_that_is_not_finite_costs_that_variant_alone() -> None:
    labels = np.ones(N + NOISE, int)  # of those that are right as they are, all are large
    sat = sitting(Variants(), seen_by(BlackBlindEye(), SIZE), image_set(objects(), labels))
    silhouettes = one(sat.estimates, "accuracy", variant="silhouette")
    assert silhouettes.n == (~LARGE).sum()
    assert value(sat.estimates, "drawn", variant="silhouette") == silhouettes.n / len(labels)
    for variant, of in (("original", 14), ("grey", 14), ("object_texture", N)):
        assert one(sat.estimates, "accuracy", variant=variant).n == of
    assert {"no finite answer", "not drawn"} == {case.facts["silhouette"] for case in sat.whole.kept}
    queries = sat.exam.ask(sat.subject, ()) or ()
    assert [sat.exam.tolerates(query) for query in queries] == [False] + 5 * [True]  # nothing goes without the original
    assert not Variants().tolerates(Query(Whole()))


class BlackBlindEye(AreaEye):
    """NaN where more than half of the picture is black."""

    def forward(self, x: Tensor) -> Tensor:
        black = (x.mean(1) == 0).float().mean((1, 2)) > 0.5
        return torch.where(black[:, None], torch.nan, super().forward(x))


def test_ready_may_be_switched_on_and_off() -> None:
    assert [Variants(ready=written).ready for written in (True, False, "auto")] == ["yes", "no", "auto"]  # type: ignore[arg-type]


def test_labels_decide_whether_images_are_drawn_of_unless_one_says_so(sat: Sitting) -> None:
    questions = [len(Variants(ready=ready).ask(sat.subject, ()) or ()) for ready in ("auto", "yes", "no")]
    assert questions == [6, 1, 6]


def test_the_table_has_a_row_for_every_variant(found: Estimates) -> None:
    bars, table, _ = Variants().charts(found)
    assert isinstance(table, Table)
    assert len(table.rows) == 6
    assert "ategor" not in bars.caption  # type: ignore[union-attr]


def test_kept_cases_are_right_as_they_are(sat: Sitting) -> None:
    cases = sat.whole.kept
    assert cases
    for case in cases:
        names = {"original", "grey", "edges", "silhouette", "object_texture", "patch_texture"}
        assert names <= case.facts.keys()
        label = LABELS[int(case.id)]
        assert case.facts["original"] == f"class {label}"
        assert (case.facts["silhouette"] == "not drawn") == (int(case.id) >= N)


@pytest.mark.parametrize(
    "wrong",
    [
        {"variants": ("grey", "grey")},
        {"variants": ()},
        {"edge_percentiles": (90, 80)},
        {"patch": 0},
        {"ready": "maybe"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Variants(**wrong)
