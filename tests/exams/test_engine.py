"""Exams through the engine: decisions do not depend on how the images are cut, and plain eyes get plain figures."""

from __future__ import annotations

from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from eyechart.core.catalogue import exam_table
from eyechart.errors import ModelOutputError
from eyechart.exams.calibration import Calibration
from eyechart.exams.loss_landscape import LossLandscape
from eyechart.run.engine import Engine
from eyechart.store.run_folder import Run
from eyes import (
    BehindKernels,
    ConstantEye,
    LowPassEye,
    NaNEye,
    OracleEye,
    examined,
    image_set,
    noise_images,
    plain_images,
    seen_by,
)

NEED_STIMULI = {"shape_bias", "human_likeness"}  # noise shows no conflict of cues, and to nobody
ALL = sorted(exam_table().keys() - NEED_STIMULI)
SMALLER: dict[str, Any] = {
    "loss_landscape": LossLandscape(points=7),  # a smaller grid: less time
    "calibration": Calibration(corruptions=("contrast", "gaussian_noise")),  # none makes images brighter
}
ASKED = [SMALLER.get(name, name) for name in ALL]
NO_ANSWERS = (
    "spectrum",
    "visibility",
    "kernel_smoothness",
    "feature_spectrum",
    "channels",
    "aliasing",
    "layer_shift",
)  # exams that ask the model for none


def columns(table: pa.Table) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.array(table[name].to_pylist()) for name in table.column_names}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return examined(eye(), IMAGES, ASKED, tmp_path_factory.mktemp("reference"), training=FITTED)


def eye() -> Any:
    return seen_by(BehindKernels(LowPassEye(4, 16)), name="eye")


IMAGES = image_set(noise_images(37), np.arange(37) % 5 - 1)
FITTED = image_set(noise_images(9, seed=3), name="fitted")  # for the exam that cannot do without


@pytest.mark.parametrize(("batch_size", "shard"), [(1, 64), (7, 16), (256, 5), (64, 1)])
def test_decisions_do_not_depend_on_batches_or_shards(
    reference: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int, shard: int
) -> None:
    monkeypatch.setattr(Engine, "shard_size", lambda self, queries: shard)
    run = examined(eye(), IMAGES, ASKED, tmp_path, batch_size=batch_size, training=FITTED)
    for exam in ALL:
        mine, theirs = columns(run.rows(exam)), columns(reference.rows(exam))
        assert mine.keys() == theirs.keys()
        for name, column in mine.items():
            if column.dtype.kind == "f":
                np.testing.assert_allclose(column, theirs[name], rtol=1e-5, atol=1e-5, err_msg=f"{exam} {name}")
            else:
                np.testing.assert_array_equal(column, theirs[name], err_msg=f"{exam} {name}")
    for ours, other in zip(run.estimates, reference.estimates, strict=True):
        assert (ours.exam, ours.measure, ours.at, ours.n) == (other.exam, other.measure, other.at, other.n)
        rounding = 1e-3 if ours.unit.endswith("squared") else 1e-5  # second differences over small steps magnify it
        for one, two in ((ours.value, other.value), (ours.low, other.low), (ours.high, other.high)):
            assert (one is None) == (two is None)
            assert one is None or one == pytest.approx(two, rel=rounding, abs=rounding)
    cases = [run.kept("eye", exam) for exam in ALL], [reference.kept("eye", exam) for exam in ALL]
    assert [[(c.key, c.id) for c in kept] for kept in cases[0]] == [[(c.key, c.id) for c in kept] for kept in cases[1]]


def values(run: Run, exam: str, measure: str, **at: Any) -> list[float | None]:
    found = [e.value for e in run.estimates.of(measure, **at) if e.exam == exam]
    assert found, f"{exam}.{measure} at {at}"
    return found


def test_an_oracle_gets_full_marks(tmp_path: Path) -> None:
    labels = [0, 1, 2, 1, 2, 1] * 4  # one in six is class 0
    run = examined(seen_by(OracleEye()), image_set(plain_images(labels), labels), ASKED, tmp_path)
    assert values(run, "clean", "accuracy") == [1.0]
    assert values(run, "clean", "nll") == [0.0]
    assert values(run, "clean", "brier") == [0.0]
    assert values(run, "clean", "ece") == [0.0]
    # a plain picture has no fine detail: the high band is empty, and the oracle then says class 0
    assert values(run, "bands", "accuracy", band="low") == [1.0] * 4
    assert values(run, "bands", "nll", band="low") == [0.0] * 4
    assert values(run, "bands", "accuracy", band="high") == [1 / 6] * 4
    assert values(run, "bands", "nll", band="high") == pytest.approx([log(3)] * 4)
    assert values(run, "bands", "commonest_answer_share", band="high") == [1.0] * 4
    assert values(run, "bands", "commonest_answer_share", band="low") == [1 / 2] * 4
    assert values(run, "bands", "high_not_low") == [0.0] * 4
    assert values(run, "bands", "low_not_high") == [5 / 6] * 4
    assert values(run, "bands", "high_agrees_not_low") == [0.0] * 4
    for given in ("all", "correct"):
        assert values(run, "shift", "p_top1_change", given=given) == [0.0] * 4
        assert values(run, "shift", "mean_absolute_change", given=given) == [0.0] * 4
    assert values(run, "shift", "accuracy") == [1.0] * 8
    assert values(run, "shift", "skipped_pairs") == [0.0] * 4


def test_a_constant_eye_is_a_stopped_clock(tmp_path: Path) -> None:
    labels = np.arange(40) % 4
    run = examined(seen_by(ConstantEye(0.0, 0.0, 2.0, 0.0)), image_set(noise_images(40), labels), ASKED, tmp_path)
    total = exp(2) + 3
    p = [1 / total, 1 / total, exp(2) / total, 1 / total]
    nll = -sum(log(q) for q in p) / 4
    assert values(run, "clean", "accuracy") == [0.25]
    assert values(run, "clean", "top5_accuracy") == [None]
    assert values(run, "clean", "nll") == pytest.approx([nll])
    assert values(run, "clean", "brier") == pytest.approx([sum(q * q for q in p) - 2 * 0.25 + 1])
    assert values(run, "bands", "accuracy") == [0.25] * 8
    assert values(run, "bands", "nll") == pytest.approx([nll] * 8)
    assert values(run, "bands", "commonest_answer_share") == [1.0] * 9  # whole images, too
    assert values(run, "bands", "expected_accuracy_by_chance") == [0.25] * 8
    assert values(run, "bands", "outcome_share", image="right", low="right", high="right") == [0.25] * 4
    assert values(run, "bands", "outcome_share", image="wrong", low="wrong", high="wrong") == [0.75] * 4
    assert values(run, "bands", "high_not_low") == values(run, "bands", "low_not_high") == [0.0] * 4
    assert values(run, "shift", "p_top1_change") == values(run, "shift", "mean_absolute_change") == [0.0] * 8
    assert values(run, "shift", "commonest_answer_share") == [1.0] * 5  # unshifted, and by protocol
    stopped = [f["sentence"] for s in run.page["sections"] if s["exam"] == "shift" for f in s["findings"]]
    assert sum("little can change" in sentence for sentence in stopped) == 4


def test_an_eye_that_sees_nothing_at_all_is_turned_away() -> None:
    with pytest.raises(ModelOutputError, match="NaN"):
        seen_by(NaNEye(ConstantEye(0.0, 2.0), above=-1.0))


def test_images_that_the_model_cannot_answer_have_no_part_in_it(tmp_path: Path) -> None:
    images = noise_images(20)
    images[[3, 11]] = 250  # only these are brighter than the eye can bear
    labels = np.arange(20) % 4
    eye = BehindKernels(LowPassEye(4, 16))
    bright = seen_by(NaNEye(eye, above=0.9))
    run = examined(bright, image_set(images, labels), ASKED, tmp_path / "all", max_bad=2, training=FITTED)
    rest = np.setdiff1d(np.arange(20), [3, 11])
    for exam in ALL:
        rows = run.rows(exam).sort_by("id")
        unfit = [i for i, s in enumerate(rows["status"].to_pylist()) if s == "not_finite"]
        shown_bright = exam not in (*NO_ANSWERS, "critical_band")  # which shows all images faint
        assert unfit == ([3, 11] if shown_bright else []), exam
    counts = {(e.exam, e.n) for e in run.estimates if e.measure == "accuracy"}
    assert {n for exam, n in counts if exam in ("clean", "bands", "shift")} == {18}
    # a class of which three images remain is left out
    assert {n for exam, n in counts if exam == "layer_probe"} == {15}
    few = examined(seen_by(eye), image_set(images[rest], labels[rest]), ["clean"], tmp_path / "rest")
    for measure in ("accuracy", "nll", "brier"):
        assert values(run, "clean", measure) == pytest.approx(values(few, "clean", measure))


def test_without_labels_the_label_free_measures_remain(tmp_path: Path) -> None:
    images = noise_images(12)
    run = examined(eye(), image_set(images), ASKED, tmp_path / "bare")
    assert {s["exam"] for s in run.results["skipped"]} == {
        "clean", "layer_probe", "gradient_spectrum", "kernel_smoothing", "loss_landscape", "partial_invariance",
        "hybrids", "adversarial", "calibration", "worst_group",
    }  # fmt: skip
    measures = {(e.exam, e.measure, e.at.get("given")) for e in run.estimates}
    assert ("shift", "p_top1_change", "all") in measures
    assert ("bands", "high_agrees_not_low", None) in measures
    assert not {m for m in measures if m[1] in ("accuracy", "nll") or m[2] == "correct"}
    labelled = examined(eye(), image_set(images, np.arange(12) % 4), ASKED, tmp_path / "labelled")
    for e in run.estimates:
        if e.exam == "variants":  # takes images without labels for variants that were brought along
            continue
        (other,) = (o for o in labelled.estimates if (o.exam, o.measure, o.at) == (e.exam, e.measure, e.at))
        assert e.value == pytest.approx(other.value)
