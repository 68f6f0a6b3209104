"""The shape_bias exam on stimuli that can hardly say anything, and on names and labels meant to upset it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eyechart.core.chart import Dots
from eyechart.core.estimate import Estimates
from eyechart.exams.shape_bias import ShapeBias
from eyechart.images.arrays import array_set
from eyechart.images.cues import read_cues
from eyechart.report.run_page import write_report
from eyechart.stats.intervals import wilson
from eyes import ConstantEye, examined, one, seen_by, sitting
from eyes_cues import SIXTEEN, SIZE, cue_eye, cue_pictures, names

Array = np.ndarray[Any, Any]


def on(
    shapes: Sequence[int], textures: Sequence[int], ids: Sequence[str], by: str = "shape", **settings: Any
) -> Estimates:
    images = array_set("few", cue_pictures(np.array(shapes), np.array(textures)), tuple(ids), {}, ())
    sat = sitting(ShapeBias(**settings), cue_eye(by), images)
    sat.exam.charts(sat.estimates)
    assert all(len(found.sentence) > 20 for found in sat.exam.findings(sat.estimates))
    return sat.estimates


def test_one_stimulus_says_what_it_says_and_no_more() -> None:
    found = on([7], [11], ["cat/cat1-elephant1.png"])
    bias = one(found, "shape_bias", aggregation="mean")
    assert (bias.value, bias.n, bias.method) == (1.0, 1, "wilson")
    assert (bias.low, bias.high) == (wilson(1, 1).low, 1.0)
    assert "not reliable" in bias.reason
    gap = one(found, "reciprocal_rank_gap")
    assert (gap.low, gap.high) == (None, None)


def test_one_category_against_all_others() -> None:
    textures = [k for k in range(16) if k != 7]
    exam, found = ShapeBias(), on([7] * 15, textures, names(np.full(15, 7), np.array(textures)))
    (dots,) = [chart for chart in exam.charts(found) if isinstance(chart, Dots)]
    assert list(dots.categories) == ["cat"]
    assert not dots.rules  # the published figures are about sixteen
    assert "people" not in exam.findings(found)[0].sentence


def test_three_hundred_stimuli_of_one_content_count_as_their_textures() -> None:
    textures = np.tile([k for k in range(16) if k != 7], 20)
    ids = [f"cat/{i:03d}_cat1-{SIXTEEN[t]}1.png" for i, t in enumerate(textures)]
    bias = one(on([7] * 300, textures.tolist(), ids), "shape_bias", aggregation="mean")
    assert (bias.value, bias.n) == (1.0, 300)
    assert bias.low == wilson(15, 15).low  # fifteen textures, not 300 images


def test_a_model_of_two_outputs() -> None:
    shapes, textures = np.array([3, 8] * 6), np.array([8, 3] * 6)
    images = array_set(
        "two",
        cue_pictures(shapes, textures),
        tuple(f"{SIXTEEN[s]}{i}-{SIXTEEN[t]}{i}.png" for i, (s, t) in enumerate(zip(shapes, textures, strict=True))),
        {},
        (),
    )
    eye = seen_by(ConstantEye(0.0, 1.0), SIZE, class_names=("bird", "chair"))
    exam = ShapeBias(categories={SIXTEEN[3]: [0], SIXTEEN[8]: [1]}, radii=(2.0, 4.0))
    found = sitting(exam, eye, images).estimates
    assert [e.value for e in found.of("shape_bias", aggregation="mean")] == [0.5] * 5
    assert [e.value for e in found.of("either_cue_accuracy", aggregation="mean")] == [1.0] * 5
    assert one(found, "reciprocal_rank_by_chance", cue="shape").value == pytest.approx(0.75)
    assert "from the smallest radius on" in one(found, "crossover_radius", cue="texture").reason


def test_hostile_names_of_categories_are_words_and_nothing_else(tmp_path: Path) -> None:
    evil = ("<script>alert(1)</script>", "{x.y}")
    ids = tuple(f"{i}.png" for i in range(12))
    columns = {
        "shape": np.array([evil[i % 2] for i in range(12)], object),
        "texture": np.array([evil[1 - i % 2] for i in range(12)], object),
    }
    images = array_set("evil", cue_pictures(np.zeros(12, int), np.ones(12, int)), ids, columns, ())
    exam = ShapeBias(categories={evil[0]: [0], evil[1]: [1]})
    found = examined(seen_by(ConstantEye(0.0, 1.0), SIZE), images, [exam], tmp_path).estimates
    assert one(found, "shape_bias", aggregation="mean").value == 0.5
    (dots,) = [chart for chart in exam.charts(found) if isinstance(chart, Dots)]
    assert set(dots.categories) == set(evil)
    page = Path(write_report(str(tmp_path))).read_text("utf-8")
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_columns_of_numbers_are_names_and_missing_cells_no_stimuli(tmp_path: Path) -> None:
    columns = {"shape": np.array([3.0, np.nan, 1234567.0]), "texture": np.array([4, 3, 5])}
    cues = read_cues(("a", "b", "c"), columns)
    assert cues.shapes.tolist() == ["3", "", "1234567"]
    assert cues.textures.tolist() == ["4", "3", "5"]
    images = array_set("n", cue_pictures(np.zeros(3, int), np.ones(3, int)), ("a", "b", "c"), columns, ())
    exam = ShapeBias(categories={"3": [0], "4": [1]})
    found = examined(seen_by(ConstantEye(1.0, 0.0), SIZE), images, [exam], tmp_path).estimates
    assert [e.value for e in found.of("stimuli")] == [1, 0, 1, 1]
    assert one(found, "shape_accuracy", aggregation="mean").value == 1.0


def test_some_pictures_lead_whatever_is_answered() -> None:
    shapes, textures = np.repeat([3, 8, 9], 3), np.tile([10, 11, 12], 3)
    images = array_set("own", cue_pictures(shapes, textures), names(shapes, textures), {}, ())
    led = [
        [
            (one.key, one.id)
            for one in sitting(ShapeBias(gallery=2), cue_eye(by), images).whole.kept
            if "featured" in one.key
        ]
        for by in ("shape", "texture")
    ]
    assert led[0] == led[1]
    assert len(led[0]) == 2
