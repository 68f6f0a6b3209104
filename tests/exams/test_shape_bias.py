"""The shape_bias exam on eyes that go by shape, by texture, by a coin; on names, columns and models that do not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import exams.test_contract as contract
from eyechart.core.chart import Dots, Gallery, Lines, Table
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Subject
from eyechart.core.tally import Tally
from eyechart.errors import ClassMapError, SettingError
from eyechart.exams.shape_bias import ShapeBias
from eyechart.exams.shape_bias_estimates import random_reciprocal_rank
from eyechart.images.arrays import array_set
from eyechart.images.folder import open_folder
from eyechart.images.labels import read_labels, relabel
from eyechart.models.load import load_model
from eyechart.report.run_page import write_report
from eyechart.run.plan import exam_key
from eyechart.stats.cue_conflict import Decisions, bias_gap
from eyes import SHARED, ConstantEye, Sitting, examined, image_set, noise_images, one, seen_by, sitting
from eyes_cues import OUTPUTS, SIXTEEN, SIZE, cue_eye, cue_pictures, names, pairs, stimuli


class Shuffling(torch.nn.Module):
    """Twelve outputs in an order that the pixels' last digits make up."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        digits = (255 * x[:, 0, 0, :12]).round()
        return torch.frac(digits * 0.618034 + torch.arange(12) * 1e-3)


COINS = np.random.default_rng(3).integers(0, 2, 256)
CONFLICT = np.subtract(*pairs()) != 0


def asked(by: str, **settings: Any) -> Sitting:
    return sitting(ShapeBias(**settings), cue_eye(by), stimuli(COINS))


def counted(found: Estimates, **at: Any) -> tuple[float | None, ...]:
    at = {"aggregation": "mean", **at}
    return tuple(one(found, "answers", answer=answer, **at).value for answer in ("shape", "texture", "other"))


@pytest.fixture(scope="module")
def sat() -> Sitting:
    return asked("both", radii=(4.0, 2.0))


@pytest.mark.parametrize(
    ("by", "counts"),
    [
        ("texture", (0, 240, 0)),
        ("shape", (240, 0, 0)),
        ("both", (240, 0, 0)),
        ("coin", (COINS[CONFLICT].sum(), 240 - COINS[CONFLICT].sum(), 0)),
    ],
)
@pytest.mark.parametrize("aggregation", ["mean", "sum", "max", "strict"])
def test_eyes_score_what_they_are_made_to(by: str, counts: tuple[int, ...], aggregation: str) -> None:
    found = asked(by, aggregation=aggregation).estimates
    assert counted(found, aggregation=aggregation) == counts
    bias = one(found, "shape_bias", aggregation=aggregation)
    assert (bias.value, bias.n) == (counts[0] / 240, 240)
    assert one(found, "either_cue_accuracy", aggregation=aggregation).value == 1.0
    assert one(found, "shape_accuracy", aggregation=aggregation).value == counts[0] / 240
    said = ShapeBias(aggregation=aggregation).findings(found)
    assert said[0].verdict == {"texture": "weak", "coin": "note"}.get(by, "strong")


def test_one_answer_for_all_is_each_cue_as_often_as_the_other() -> None:
    eye = ConstantEye(*(float(k == 5) for k in range(17)))
    found = sitting(ShapeBias(), seen_by(eye, SIZE, class_names=OUTPUTS), stimuli()).estimates
    assert counted(found) == (15, 15, 210)
    assert one(found, "shape_bias", aggregation="mean").value == 0.5
    assert one(found, "either_cue_accuracy", aggregation="mean").value == 30 / 240


def test_one_answer_for_all_is_no_bias_where_stimuli_are_lopsided() -> None:
    """Mostly cats, in other textures: an eye that says cat whatever it sees would seem to go by shape."""
    shapes, textures = np.repeat([7, 3], [60, 36]), np.tile([k for k in range(16) if k not in (3, 7)][:12], 8)
    ids = tuple(f"{SIXTEEN[s]}{i}-{SIXTEEN[t]}{i}.png" for i, (s, t) in enumerate(zip(shapes, textures, strict=True)))
    images = array_set("cats", cue_pictures(shapes, textures), ids, {}, ())
    always = seen_by(ConstantEye(*(float(k == 7) for k in range(17))), SIZE, class_names=OUTPUTS)
    said = []
    for eye, level in ((always, 60 / 96), (cue_eye("shape"), (60**2 + 36**2) / 96**2)):
        found = sitting(ShapeBias(), eye, images).estimates
        assert one(found, "shape_bias", aggregation="mean").value == 1.0
        assert one(found, "accuracy_by_chance", aggregation="mean", cue="shape").value == pytest.approx(level)
        said.append(ShapeBias().findings(found)[0])
    assert [finding.verdict for finding in said] == ["note", "strong"]
    assert "dealt to these pictures at random, would name the shape in 62.5%" in said[0].sentence


def test_a_cue_whose_categories_have_many_outputs_ranks_higher_by_chance_alone() -> None:
    """Dogs of eight outputs in the texture of an oven of one, for an eye whose outputs have an order of their own."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, SIZE, SIZE, 3)).astype(np.uint8)
    images = array_set("dogs", pixels, tuple(f"dog{k}-oven{k}.png" for k in range(40)), {}, ())
    exam = ShapeBias(categories={"dog": ["0-7"], "oven": [8]})
    found = sitting(exam, seen_by(Shuffling(), SIZE), images).estimates
    (gap,) = [e for e in found.of("reciprocal_rank_gap") if not e.at]
    assert (gap.low or 0) > 0
    (said,) = [f.sentence for f in exam.findings(found) if "reciprocal rank" in f.sentence]
    assert "neither cue is shown to rank higher than chance explains" in said


def test_the_coarse_part_keeps_the_shape_and_the_fine_part_the_texture(sat: Sitting) -> None:
    found = sat.estimates
    for radius in (2.0, 4.0):
        assert counted(found, band="low", radius=radius) == (240, 0, 0)
        assert one(found, "shape_bias", aggregation="mean", band="low", radius=radius).value == 1.0
        assert counted(found, band="high", radius=radius) == (0, 240, 0)
    assert one(found, "texture_accuracy", band="high", radius=4.0).at["radius_nyquist"] == 0.5
    sentences = [f.sentence for f in sat.exam.findings(found)]
    assert sum("its texture lives in the fine part" in s for s in sentences) == 1
    assert [e.value for e in found.of("band_gap", cue="texture")] == [-1.0, -1.0]
    assert [e.low for e in found.of("band_gap", cue="texture")] == [-1.0, -1.0]
    assert (
        -0.99 < (found.of("band_gap", cue="texture")[0].high or 0) < -0.8
    )  # 48 textures, not 240 pictures or certainty
    assert [e.value for e in found.of("band_gap", cue="shape")] == [1.0, 1.0]
    assert "the fine part still names it more often" in one(found, "crossover_radius", cue="texture").reason
    lines = [chart for chart in sat.exam.charts(found) if isinstance(chart, Lines)]
    assert [tuple(chart.x) for chart in lines] == [(2.0, 4.0)] * 2


def test_ranks_among_all_outputs(sat: Sitting) -> None:
    found = sat.estimates
    ranks = [e for e in found.of("reciprocal_rank") if "band" not in e.at]
    assert [e.value for e in ranks] == [1.0, 0.5]
    (gap,) = [e for e in found.of("reciprocal_rank_gap") if not e.at]
    assert (gap.value, gap.n) == (0.5, 240)
    assert (gap.low, gap.high) == (None, None)  # alike on all pictures: resamples say nothing
    assert one(found, "reciprocal_rank", cue="texture", band="high", radius=4.0).value == 1.0
    by_chance = sum(1 / k for k in range(1, 18)) / 17
    assert one(found, "reciprocal_rank_by_chance", cue="shape").value == pytest.approx(by_chance)


def test_random_ranks_by_drawing_them() -> None:
    orders = np.argsort(np.random.default_rng(0).random((20_000, 12)), axis=1)
    drawn = (1 / (1 + orders[:, :3].min(1))).mean()
    assert random_reciprocal_rank(3, 12) == pytest.approx(drawn, abs=0.01)
    assert random_reciprocal_rank(12, 12) == pytest.approx(1.0)


def test_rows_hold_every_score_and_answer(sat: Sitting) -> None:
    rows = sat.whole.rows
    scores = rows["scores_mean"].reshape(256, 5, 16)
    np.testing.assert_array_equal(scores[:, 0].argmax(1), rows["answer_mean"][:, 0])
    np.testing.assert_array_equal(rows["scores_sum"], rows["scores_mean"])  # one output each
    np.testing.assert_array_equal(rows["answer_strict"][:, 0], rows["top1"][:, 0])
    shapes, textures = pairs()
    np.testing.assert_array_equal(rows["shape"], shapes)
    np.testing.assert_array_equal(rows["texture"], textures)
    assert len(set(rows["content"].tolist())) == 160
    assert len(set(rows["style"].tolist())) == 48


def test_by_category_with_intervals_over_contents_and_textures() -> None:
    sat = asked("coin")
    found, (shapes, _) = sat.estimates, pairs()
    for k, name in enumerate(SIXTEEN):
        mine = CONFLICT & (shapes == k)
        e = one(found, "category_shape_bias", category=name)
        assert e.value == pytest.approx(COINS[mine].mean())
        assert e.n == 15
    bias = one(found, "shape_bias", aggregation="mean")
    wilson = one(found, "shape_bias_wilson", aggregation="mean")
    assert (bias.method, wilson.method) == ("crossed bootstrap", "wilson")
    assert (bias.low or 1) < (wilson.low or 0) < (wilson.high or 1) < (bias.high or 0)
    (dots,) = [chart for chart in sat.exam.charts(found) if isinstance(chart, Dots)]
    table = next(chart for chart in sat.exam.charts(found) if isinstance(chart, Table))
    assert "dealt to these pictures at random, would name the shape in 6.2% and the texture in 6.2%" in table.caption
    assert tuple(dots.categories) == SIXTEEN
    assert dots.pooled == [bias.value]
    assert [rule.label.split(",")[0] for rule in dots.rules] == ["people", "ResNet-50", "AlexNet"]
    assert [round(rule.y, 4) for rule in dots.rules] == [0.9587, 0.2207, 0.2531]


def test_the_pictures_everybody_knows_lead() -> None:
    sat = asked("texture", gallery=3)
    featured = [case for case in sat.whole.kept if case.key[:-1].endswith("featured/") and case.key[-1] != "3"]
    assert [(c.facts["shape"], c.facts["texture"]) for c in featured] == [
        ("cat", "elephant"),
        ("car", "clock"),
        ("bear", "bottle"),
    ]
    assert {c.facts["answer"] for c in featured} == {"elephant", "clock", "bottle"}
    assert len([case for case in sat.whole.kept if case.key.endswith("texture")]) == 3
    assert not [case for case in sat.whole.kept if case.key.endswith("shape")]
    first = sat.exam.charts(sat.estimates)[0]
    assert isinstance(first, Gallery)
    assert all(case.key.startswith(first.key) for case in featured)


def test_what_has_no_part_in_it_is_counted() -> None:
    shapes, textures = np.array([0, 1, 2, 3, 4]), np.array([1, 1, 3, 0, 0])
    ids = [*names(shapes, textures)[:3], "airplane1-zebra2.png", "holiday.png"]
    images = array_set("some", cue_pictures(shapes, textures), tuple(ids), {}, ())
    found = sitting(ShapeBias(), cue_eye("shape"), images).estimates
    fates = {e.at["fate"]: e.value for e in found.of("stimuli")}
    assert fates == {"conflict": 2, "agreeing": 1, "absent": 1, "no_stimulus": 1}
    bias = one(found, "shape_bias", aggregation="mean")
    assert (bias.value, bias.n) == (1.0, 2)
    assert "not reliable" in bias.reason
    said = [f.sentence for f in ShapeBias().findings(found)]
    assert "cannot be relied on" in said[0]
    assert "1 have a shape or texture that is in none of the categories" in said[-1]
    assert "shape_bias.categories takes a file of your own) and 1 are no such stimuli" in said[-1]


def test_no_cue_decision_leaves_the_bias_undefined() -> None:
    nothing = ConstantEye(*[0.0] * 16, 9.0)
    found = sitting(ShapeBias(), seen_by(nothing, SIZE, class_names=OUTPUTS), stimuli()).estimates
    bias = one(found, "shape_bias", aggregation="strict")
    assert (bias.value, bias.n) == (None, 0)
    assert "no answer named" in bias.reason
    assert one(found, "other_share", aggregation="strict").value == 1.0
    assert "cannot be told" in ShapeBias(aggregation="strict").findings(found)[0].sentence


def test_columns_say_what_names_do_not(tmp_path: Path) -> None:
    shapes, textures = (column[:40] for column in pairs())
    ids = tuple(f"{k:03d}.png" for k in range(40))
    rows = [f"{i},x,{SIXTEEN[s]},{SIXTEEN[t]}" for i, s, t in zip(ids, shapes, textures, strict=True)]
    (tmp_path / "cues.csv").write_text("\n".join(["file,label,shape,texture", *rows]))
    bare = array_set("bare", cue_pictures(shapes, textures), ids, {}, ())
    images = relabel(bare, read_labels(str(tmp_path / "cues.csv"), ids))
    run = examined(cue_eye("shape"), images, ["shape_bias"], tmp_path / "run")
    assert counted(run.estimates) == ((shapes != textures).sum(), 0, 0)
    assert one(run.estimates, "shape_bias", aggregation="mean").value == 1.0
    assert ShapeBias().unsuited(Subject((SIZE, SIZE), 17, OUTPUTS), bare)


def test_models_are_told_apart_on_the_same_images(tmp_path: Path) -> None:
    """The gap and its interval are those of the answers beside each other, and the page shows them."""
    eyes = [replace(cue_eye("coin"), name="coin"), replace(cue_eye("shape"), name="shape <b>")]
    run = examined(eyes, stimuli(COINS), ["shape_bias"], tmp_path / "run")
    gap = one(run.estimates, "shape_bias_gap", aggregation="mean", less="shape <b>")
    assert gap.model == "coin"
    assert (gap.value, gap.n) == (pytest.approx(COINS[CONFLICT].mean() - 1), 240)
    shapes, textures = (column[CONFLICT] for column in pairs())
    called = np.array(
        [name.split("/")[1].removesuffix(".png").split("-") for name in np.array(names(*pairs()))[CONFLICT]]
    )
    said = np.where(COINS[CONFLICT] == 1, shapes, textures)
    by_hand = bias_gap(*(Decisions(a, shapes, textures, called[:, 0], called[:, 1]) for a in (said, shapes)))
    assert (gap.low, gap.high) == pytest.approx((by_hand.low, by_hand.high), abs=0.01)
    page = Path(write_report(str(tmp_path / "run"))).read_text("utf-8")
    assert "Shape bias gap: one model less another" in page
    assert "shape &lt;b&gt;" in page
    others = ShapeBias(categories={"cat": ["cat"], "dog": ["dog"]})
    assert not others.estimates_against(Tally(), Tally(), Subject((8, 8), 2), Subject((8, 8), 2, ("cat", "dog")))
    alone = examined(cue_eye("coin"), stimuli(COINS), ["shape_bias"], tmp_path / "alone")
    assert not alone.estimates.of("shape_bias_gap")


def test_a_folder_whose_classes_are_not_the_model_s(tmp_path: Path) -> None:
    chosen = [SIXTEEN.index(name) for name in ("cat", "dog", "elephant", "oven")]
    shapes, textures = np.repeat(chosen, 4), np.tile(chosen, 4)
    for pixels, name in zip(cue_pictures(shapes, textures), names(shapes, textures), strict=True):
        (tmp_path / "stimuli" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "stimuli" / name)
    images, eye = open_folder(str(tmp_path / "stimuli")), ConstantEye(0.0, 0.0, 5.0, 0.0, 0.0)
    exam = ShapeBias(categories={"cat": [0, 1], "elephant": [2], "dog": ["3-4"]})
    run = examined(seen_by(eye, SIZE), images, [exam], tmp_path / "run")
    assert counted(run.estimates) == (2, 2, 2)
    fates = {e.at["fate"]: e.value for e in run.estimates.of("stimuli")}
    assert fates == {"conflict": 6, "agreeing": 3, "absent": 7, "no_stimulus": 0}
    with pytest.raises(ClassMapError):
        examined(seen_by(eye, SIZE), images, [exam, "clean"], tmp_path / "other")


def test_images_and_models_that_do_not_fit_are_skipped_with_a_reason(tmp_path: Path) -> None:
    run = examined(cue_eye("shape"), image_set(noise_images(8)), ["shape_bias", "spectrum"], tmp_path / "noise")
    (skipped,) = run.results["skipped"]
    assert "no cue-conflict stimuli" in skipped["reason"]
    run = examined(seen_by(ConstantEye(0.0, 1.0), SIZE), stimuli(), ["shape_bias", "spectrum"], tmp_path / "two")
    (skipped,) = run.results["skipped"]
    assert "not known which of this model's 2 outputs" in skipped["reason"]
    lacking = ShapeBias(categories={"zebra": [0], "horse": [1]})
    assert "two of the model's categories" in lacking.unsuited(Subject((SIZE, SIZE), 2), stimuli())


def test_categories_that_do_not_fit_are_an_error(tmp_path: Path) -> None:
    for table, said in (({"cat": [0], "dog": [99]}, "no output 99"), ({"cat": [0], "dog": [0]}, "'cat' and 'dog'")):
        with pytest.raises(SettingError, match=said):
            examined(cue_eye("shape"), stimuli(), [ShapeBias(categories=table)], tmp_path / "run")
    with pytest.raises(SettingError, match="cannot be read"):
        ShapeBias(categories=str(tmp_path / "none.toml"))
    with pytest.raises(ValueError, match="above 0"):
        ShapeBias(radii=(0.0,))


def test_a_file_of_categories_is_part_of_the_exam_s_identity(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("[categories]\ncat = ['cat']\nelephant = ['elephant']")
    first = ShapeBias(categories=str(file))
    file.write_text("[categories]\ncat = ['cat']\nelephant = ['dog']")
    second = ShapeBias(categories=str(file))
    assert exam_key(first, 0, "run") != exam_key(second, 0, "run")
    # with neither cue to see, cat comes first; in the second file dogs count as elephants
    eyes = [sitting(exam, cue_eye("texture"), stimuli()).estimates for exam in (first, second)]
    assert [counted(found) for found in eyes] == [(0, 2, 0), (1, 3, 0)]


def test_the_contract_s_laws_hold_on_stimuli(sat: Sitting) -> None:
    found = sat.estimates
    for edges in contract.cuts():
        which = np.searchsorted(np.array(edges) * 11, np.arange(256), side="right")
        merged, whole = Tally.merge(sat.part(which == k) for k in range(len(edges) + 1)), sat.whole
        assert merged.kept == whole.kept
        for name, column in whole.rows.items():
            np.testing.assert_allclose(merged.rows[name], column, rtol=1e-5, atol=1e-6)
    assert all(column.dtype.itemsize <= 4 for column in sat.whole.rows.values())
    for law in (
        contract.test_estimates_say_n_unit_and_interval,
        contract.test_no_two_estimates_have_one_address,
    ):
        law(found)
    contract.test_names_are_in_the_docstring(sat, found)
    for law_beside in (contract.test_charts_survive_json, contract.test_findings_are_sentences):
        law_beside(sat, found, Estimates())
    assert {*sat.exam.headline} <= {e.measure for e in found}


def test_models_of_other_frames_see_the_picture_whole(tmp_path: Path) -> None:
    """A resize and a crop would cut the rim off: eyes that look at the corner tell."""

    class CornerEye(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            shape = (255 * x[:, 0, 0, 0] / 10).round().long() - 1
            return 9 * torch.nn.functional.one_hot(shape % 17, 17).float()

    shapes, textures = pairs()
    pictures = cue_pictures(shapes, textures)
    pictures[:, 4:-4, 4:-4] = 0
    images = array_set("rim", pictures, names(shapes, textures), {}, ())
    model = seen_by(CornerEye(), 8, class_names=OUTPUTS)
    cropping = replace(model, preprocessing=replace(model.preprocessing, resize=16))
    assert counted(sitting(ShapeBias(), cropping, images).estimates) == (240, 0, 0)


@pytest.mark.shared
@pytest.mark.slow
def test_squeezenet_goes_by_texture(tmp_path: Path) -> None:
    weights, images = SHARED / "imagenet_nets/squeezenet1_1.safetensors", SHARED / "cue_conflict"
    if not weights.is_file() or not images.is_dir():
        pytest.skip("no shared data")
    model = load_model(str(weights), arch="torchvision:squeezenet1_1", device="cpu")
    run = examined(model, open_folder(str(images)), ["shape_bias"], tmp_path)
    shape, texture, other = counted(run.estimates)
    assert abs((shape or 0) - 65) <= 2
    assert abs((texture or 0) - 153) <= 2
    assert (shape or 0) + (texture or 0) + (other or 0) == 376
    assert one(run.estimates, "stimuli", fate="agreeing").value == 24
