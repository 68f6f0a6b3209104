"""Paths of one-pixel steps, walked by eyes that do, or do not, notice."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import ValidationError

from embedded import turned, yardsticks
from eyechart.core.chart import Heatmap, Lines
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Subject
from eyechart.core.tally import Tally
from eyechart.errors import SettingError
from eyechart.examination import write_report
from eyechart.exams.shift_path import ShiftPath
from eyechart.exams.shift_path_figures import chosen_curves, total_variation
from eyes import (
    ConstantEye,
    LowPassEye,
    OnePixelEye,
    ShiftBlindEye,
    Sitting,
    StrideEye,
    examined,
    image_set,
    noise_images,
    said,
    seen_by,
    sitting,
)

N, SIZE, STEPS = 24, 16, 4
BILINEAR = Image.Resampling.BILINEAR


def walked(eye: Any, images: Array, labels: Array | None = None, **settings: Any) -> tuple[Sitting, Estimates]:
    sat = sitting(ShiftPath(**{"steps": STEPS, **settings}), seen_by(eye, SIZE), image_set(images, labels))
    return sat, sat.exam.estimates(sat.whole, sat.batch.labels, sat.subject)


def value(found: Estimates, measure: str, **at: Any) -> float:
    (e,) = found.of(measure, **at)
    assert e.value is not None, e
    return e.value


def test_a_shift_blind_eye_walks_without_a_turn() -> None:
    labels = np.arange(N) % 4
    sat, found = walked(ShiftBlindEye(), noise_images(N), labels, paths=("translate", "diagonal"), short_side=140)
    assert len(set(sat.whole.rows["translate_top1"].ravel())) > 1  # it has more than one thing to say
    for given in ("all", "correct"):
        at = {"path": "translate", "given": given}
        for end in ("", "_pred"):
            assert value(found, f"transitions_rate{end}", **at) == 0.0
            assert value(found, f"share_with_transition{end}", **at) == 0.0
            assert value(found, f"total_variation{end}", **at) == value(found, f"range{end}", **at) == 0.0
            (jagged,) = found.of(f"variation_over_range{end}", **at)
            assert jagged.value is None  # what float32 wavers by is not jagged
        assert value(found, "change_rate", **at) == 0.0
    assert value(found, "change_rate", path="diagonal", given="all") > 0  # new content comes into the window


def frames(path: str, picture: Array) -> list[Array]:
    """The frames of a path written once more, (T, 16, 16, 3)."""
    original, shown = Image.fromarray(picture), []
    for t in range(STEPS + 1):
        if path == "diagonal":
            larger = np.asarray(original.resize((SIZE + STEPS,) * 2, BILINEAR))
            shown.append(larger[t : t + SIZE, t : t + SIZE])
            continue
        frame = np.zeros((SIZE, SIZE, 3), np.uint8)
        side = 7 + t * (path == "scale")  # round(100 * 16 / 224) = 7
        at = round((SIZE - 7 - STEPS) / 2) + t * (path == "translate")
        frame[at : at + side, at : at + side] = np.asarray(original.resize((side, side), BILINEAR))
        shown.append(frame)
    return shown


@pytest.mark.parametrize("path", ["diagonal", "translate", "scale"])
def test_what_one_pixel_sees_computed_once_more(path: str) -> None:
    at, images, labels = 7, noise_images(N, 31), np.arange(N) % 2
    sat, found = walked(OnePixelEye(at, at), images, labels, paths=(path,))
    red = np.array([[frame[at, at, 0] for frame in frames(path, picture)] for picture in images]) / 255
    top = (red > 0.5).astype(int)
    p_one = 1 / (1 + np.exp(-8 * (red - 0.5)))
    rows = sat.whole.rows
    np.testing.assert_array_equal(rows[f"{path}_top1"], top)
    p_true = np.where(labels[:, None] == 1, p_one, 1 - p_one)
    p_pred = np.where(top[:, :1] == 1, p_one, 1 - p_one)
    np.testing.assert_allclose(rows[f"{path}_p_true"], p_true, atol=1e-6)
    np.testing.assert_allclose(rows[f"{path}_p_pred"], p_pred, atol=1e-6)
    turns = np.diff(top, axis=1) != 0
    assert 0 < turns.mean() < 1
    both = {"path": path, "given": "all"}
    assert value(found, "change_rate", **both) == pytest.approx(turns.mean())
    # two classes: a transition of either is a turn of the answer
    assert value(found, "transitions_rate", top=1, **both) == pytest.approx(turns.mean())
    assert value(found, "transitions_rate_pred", top=1, **both) == pytest.approx(turns.mean())
    assert value(found, "share_with_transition", top=1, **both) == pytest.approx(turns.any(1).mean())
    for end, p in (("", p_true), ("_pred", p_pred)):
        variation, reach = np.abs(np.diff(p, axis=1)).sum(1), p.max(1) - p.min(1)
        assert value(found, f"total_variation{end}", **both) == pytest.approx(variation.mean(), abs=1e-5)
        assert value(found, f"range{end}", **both) == pytest.approx(reach.mean(), abs=1e-5)
        ratio = variation.sum() / reach.sum()
        assert value(found, f"variation_over_range{end}", **both) == pytest.approx(ratio, abs=1e-4)
    assert value(found, "accuracy", path=path) == pytest.approx((top == labels[:, None]).mean())
    correct = rows["image_top1"] == labels
    assert 0 < correct.sum() < N
    assert value(found, "change_rate", path=path, given="correct") == pytest.approx(turns[correct].mean())


@pytest.mark.parametrize("path", ["diagonal", "translate", "scale"])
def test_the_way_of_an_embedding_computed_once_more(path: str) -> None:
    images = noise_images(60, 31)
    exam = ShiftPath(steps=STEPS, paths=(path,), significant_quantile=0.3)
    sat = sitting(exam, seen_by(StrideEye(2), SIZE, outputs="embedding"), image_set(images))
    found = sat.estimates
    way = 50 * np.array([[f[::2, ::2].mean((0, 1)) / 255 for f in frames(path, image)] for image in images])
    mean, near = yardsticks(way[:, 0], sat.whole.kept, f"reference/{path}/", 0.3)
    assert value(found, "reference_distance") == pytest.approx(mean, rel=1e-4)
    assert value(found, "significant_distance", quantile=0.3) == pytest.approx(near, rel=1e-3)
    far, steps = np.linalg.norm(way - way[:, :1], axis=2), np.linalg.norm(np.diff(way, axis=1), axis=2)
    turns = turned(way[:, 1:], way[:, :-1])
    assert 0 < (turns > near).mean() < 1
    assert value(found, "significant_change_rate") == pytest.approx((turns > near).mean())
    assert value(found, "share_with_significant_change") == pytest.approx((turns > near).any(1).mean())
    assert value(found, "step_cosine_distance") == pytest.approx(turns.mean(), rel=1e-3)
    assert value(found, "step_embed_change") == pytest.approx(steps.mean() / mean, rel=1e-4)
    for step in range(STEPS + 1):
        assert value(found, "embed_change", step=step) == pytest.approx(far[:, step].mean() / mean, rel=1e-4, abs=1e-5)
        cosine = turned(way[:, step], way[:, 0]).mean()
        assert value(found, "cosine_distance", step=step) == pytest.approx(cosine, rel=1e-3, abs=1e-6)
    assert value(found, "length_over_reach") == pytest.approx(steps.sum() / far.max(1).sum(), rel=1e-4)
    assert not sat.exam.plates(sat.whole, sat.subject)


def test_a_straight_way_has_one_and_a_way_to_and_fro_more() -> None:
    def ratio(way: Any) -> Any:
        way = np.array(way, float)  # (T,) places on a line
        rows = {
            "scale_distance": np.abs(way - way[0]),
            "scale_cosine_distance": 0 * way,
            "scale_step_distance": np.abs(np.diff(way)),
            "scale_step_cosine_distance": 0 * way[1:],
        }
        more = {"image_norm": np.ones(9), "scale_valid": np.ones(9, bool), "scale_capped": np.zeros(9, bool)}
        tally = Tally({name: np.tile(column, (9, 1)) for name, column in rows.items()} | more)
        (e,) = EXAM.estimates(tally, np.full(9, -1), Subject((16, 16), 3, kind="embedding")).of("length_over_reach")
        return e

    assert ratio([0, 1, 3, 9]).value == pytest.approx(1.0)
    assert ratio([0, 2, 0, 2, 0]).value == pytest.approx(4.0)
    still = ratio([0, 1e-6, 0, 1e-6])  # float32's own
    assert (still.value, still.reason) == (None, "the embedding stays on every image that counts here")


def test_a_constant_eye_turns_nowhere_and_is_not_praised() -> None:
    sat, found = walked(ConstantEye(0.0, 1.0, 0.5), noise_images(N), np.arange(N) % 3)
    for path in ("diagonal", "translate", "scale"):
        assert value(found, "change_rate", path=path, given="all") == 0.0
        assert value(found, "total_variation", path=path, given="all") == 0.0
        assert value(found, "commonest_answer_share", path=path) == 1.0
        (ratio,) = found.of("variation_over_range", path=path, given="all")
        assert ratio.value is None
        assert "constant" in ratio.reason
    told = sat.exam.findings(found)
    assert {f.verdict for f in told} == {"note"}
    assert any("one and the same answer" in f.sentence for f in told)
    assert not sat.whole.kept


def test_the_usual_number_of_steps() -> None:
    for size, frames_wanted in (((224, 224), 33), ((32, 32), 6), ((299, 299), 44)):
        queries = ShiftPath().ask(Subject(size, 10), ())
        assert queries is not None
        assert len(queries) == 1 + 3 * frames_wanted


def test_among_the_top_ties_go_to_the_lower_index() -> None:
    answer = said([[3, 1, 2, 2, 0, 2], [0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]])
    assert answer.among(np.array([3, 4, 0]), 5).tolist() == [True, True, False]
    assert answer.among(np.array([3, 1, 5]), 1).tolist() == [False, False, True]
    assert answer.among(np.array([3, 2, -1]), 3).tolist() == [True, True, False]


def tally(p: Any, top1: Any = None, valid: Any = None, image: Any = None) -> Tally:
    """Rows of the path ``scale`` from probabilities of the true class (n, T)."""
    p = np.array(p, np.float32)
    n = len(p)
    top1 = np.zeros(p.shape, np.int32) if top1 is None else np.array(top1)
    return Tally(
        {
            "image_top1": np.zeros(n, int) if image is None else np.array(image),
            "scale_top1": top1,
            "scale_p_true": p,
            "scale_p_pred": np.nan_to_num(p, nan=0.5),
            "scale_in_top_true": top1 == 0,
            "scale_in_top_pred": top1 == top1[:, :1],
            "scale_valid": np.ones(n, bool) if valid is None else np.array(valid, bool),
            "scale_capped": np.zeros(n, bool),
        }
    )


EXAM, SUBJECT = ShiftPath(paths=("scale",)), Subject((16, 16), 3)


def test_a_drift_one_way_has_one_and_a_sawtooth_its_number_of_teeth() -> None:
    drift = EXAM.estimates(tally([[0.1, 0.2, 0.7, 0.9], [0.8, 0.8, 0.6, 0.3]]), np.zeros(2, int), SUBJECT)
    assert value(drift, "variation_over_range", given="all") == pytest.approx(1.0)
    saw = EXAM.estimates(tally([[0.2, 0.8, 0.2, 0.8, 0.2]]), np.zeros(1, int), SUBJECT)
    assert value(saw, "variation_over_range", given="all") == pytest.approx(4.0)
    assert value(saw, "total_variation", given="all") == pytest.approx(2.4)


def test_images_that_could_not_be_drawn_or_have_no_label_count_where_they_can() -> None:
    rows = tally(
        [[0.1, 0.9, 0.1], [np.nan] * 3, [0.5, 0.5, 0.6]],
        top1=[[0, 1, 0], [1, 1, 0], [0, 0, 0]],
        valid=[1, 1, 0],
        image=[0, 1, 0],
    )
    found = EXAM.estimates(rows, np.array([0, -1, 0]), SUBJECT)
    assert value(found, "skipped_images") == 1
    (change,) = found.of("change_rate", given="all")
    assert (change.value, change.n) == (0.75, 2)
    (variation,) = found.of("total_variation", given="all")
    assert variation.n == 1
    assert variation.value == pytest.approx(1.6)
    assert value(found, "transitions_rate_pred", given="all") == 0.75
    (p, images) = next((c.z, len(c.y)) for c in EXAM.plates(rows, SUBJECT) if isinstance(c, Heatmap))
    assert images == 1
    np.testing.assert_allclose(p, [[0.1, 0.9, 0.1]])
    none = EXAM.estimates(rows, np.full(3, -1), SUBJECT)
    assert not none.of("accuracy")
    assert not none.of("total_variation")
    assert none.of("total_variation_pred")


def test_curves_lie_at_even_quantiles_of_variation_and_the_map_is_ordered() -> None:
    chance = np.random.default_rng(3)
    p = chance.uniform(0, 1, (300, 6)) * chance.uniform(0, 1, (300, 1))
    order = np.argsort(total_variation(p))
    assert chosen_curves(p, 8) == [order[k] for k in np.linspace(0, 299, 8).round().astype(int)]
    lines, heatmap = EXAM.plates(tally(p), SUBJECT)
    assert isinstance(lines, Lines)
    assert isinstance(heatmap, Heatmap)
    assert len(lines.series) == 8
    means = np.array(heatmap.z).mean(1)
    assert len(means) == 200
    assert (np.diff(means) > -1e-3).all()  # the surest on top, which is the last row


def test_the_most_jagged_image_is_kept_with_its_largest_step() -> None:
    sat, _ = walked(LowPassEye(7, SIZE), noise_images(N, 40), np.arange(N) % 4, paths=("scale",), gallery=2)
    whole = sat.whole
    p = whole.rows["scale_p_true"]
    variation = total_variation(p)
    best = sorted(range(N), key=lambda i: -variation[i])[:2]
    assert [case.id for case in whole.kept] == [sat.batch.ids[i] for i in best]
    case = whole.kept[0]
    at = int(np.abs(np.diff(p[best[0]])).argmax())
    assert (case.facts["at"], case.facts["step_after"]) == (at, at + 1)
    assert case.facts["p_after"] == pytest.approx(p[best[0], at + 1])
    assert list(sat.exam.pictures(case)) == ["first", "before", "after", "last"]


def test_verdicts_follow_the_interval() -> None:
    def first(turning: int) -> str:
        top1 = np.zeros((400, 5), int)
        top1[:200] = 1
        top1[:turning, ::2] = 2
        return EXAM.findings(EXAM.estimates(tally(np.full((400, 5), 0.5), top1), np.full(400, -1), SUBJECT))[0].verdict

    assert [first(n) for n in (0, 12, 120)] == ["strong", "note", "weak"]


def test_a_run_pictures_the_most_jagged_images_and_stops_at_its_limit(tmp_path: Path) -> None:
    labels = np.arange(30) % 5 - 1
    images = image_set(noise_images(30, 24), labels)
    run = examined(seen_by(LowPassEye(7, SIZE), SIZE), images, [ShiftPath(steps=STEPS, images=20, gallery=1)], tmp_path)
    (change,) = run.estimates.of("change_rate", path="translate", given="all")
    assert change.n == 20
    kept = pq.read_table(tmp_path / "kept" / next(p.name for p in (tmp_path / "kept").iterdir())).to_pylist()
    assert sorted({row["key"] for row in kept}) == ["shift_path/diagonal", "shift_path/scale", "shift_path/translate"]
    pictures = {
        row["name"]: np.asarray(Image.open(io.BytesIO(row["webp"]))) for row in kept if "translate" in row["key"]
    }
    assert list(pictures) == ["first", "before", "after", "last"]
    np.testing.assert_array_equal(pictures["before"][:-1, :-1], pictures["after"][1:, 1:])
    write_report(str(tmp_path))
    assert "Single images" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"top": 3}, "shift_path.top = 3"),
        ({"steps": 16}, "shift_path.steps = 16"),
    ],
)
def test_a_top_of_all_classes_and_a_path_without_room_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingError) as caught:
        ShiftPath(**settings).ask(SUBJECT, ())
    assert told in str(caught.value)
    assert ShiftPath(**{name: value - 1 for name, value in settings.items()}).ask(SUBJECT, ())


def test_a_weak_verdict_and_little_can_change_are_not_said_together() -> None:
    top1 = np.zeros((400, 5), int)
    top1[:120, 1::2] = 2
    for turning, words in ((400, False), (0, True)):
        found = EXAM.estimates(tally(np.full((400, 5), 0.5), top1 * (turning > 0)), np.full(400, -1), SUBJECT)
        assert value(found, "commonest_answer_share") == 1.0
        assert any("little can change" in f.sentence for f in EXAM.findings(found)) == words


def test_paths_are_named_once() -> None:
    with pytest.raises(ValidationError, match="once"):
        ShiftPath(paths=("scale", "scale"))
