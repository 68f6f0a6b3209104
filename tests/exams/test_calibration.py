"""The calibration exam on answers whose confidence is known, and on logits whose temperature is known."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import log_softmax, softmax
from torch import Tensor, nn, stack

from eyechart.core.chart import Dots, Lines, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.examination import examine
from eyechart.exams.calibration import Calibration
from eyechart.exams.calibration_conditions import PUBLISHED, Condition
from eyechart.exams.corruptions import Corruptions
from eyechart.exams.shift import Shift
from eyechart.stats.calibration import ece
from eyechart.stats.halves import choosing_half
from eyes import ConstantEye, Sitting, image_set, noise_images, said, seen_by, sitting
from figures import value

N, K = 400, 4
LABELS = np.arange(N) % K
FEW = Calibration(corruptions=("contrast", "brightness"), severities=(1, 5))
Logits = Callable[[Condition], Array]


class ContrastEye(nn.Module):
    """Class 0 where pixels differ by more than a little, else class 1."""

    def forward(self, x: Tensor) -> Tensor:
        above = 400 * (x.std((1, 2, 3)) - 0.04)
        return stack([above, -above], 1)


def judged(logits: Logits, exam: Calibration = FEW, labels: Array = LABELS) -> tuple[Sitting, Estimates]:
    """What the exam says of made-up answers to every condition."""
    subject = Subject((32, 32), K)
    batch = Batch(tuple(f"{i:04d}" for i in range(len(labels))), labels, subject)
    conditions = exam._layout.conditions
    sat = Sitting(exam, subject, Answers({c.query: said(logits(c)) for c in conditions}), batch)
    return sat, exam.estimates(sat.whole, labels, subject)


def alone(found: Estimates, measure: str, **at: Any) -> Estimate:
    """The only estimate at these coordinates and no others."""
    (estimate,) = [e for e in found.of(measure, **at) if {**e.at} == at]
    return estimate


def sure_of(confidence: float, right: Array) -> Array:
    """Logits that give one probability to one class each: the label where right, else the next."""
    said = np.where(right, LABELS, (LABELS + 1) % K)
    return log(confidence * (K - 1) / (1 - confidence)) * np.eye(K)[said]


def honest(scale: float, seed: int = 0) -> tuple[Array, Array]:
    """Logits, and labels drawn from their own softmax."""
    chance = np.random.default_rng(seed)
    logits = scale * chance.normal(size=(N, K))
    return logits, (log_softmax(logits, 1) + chance.gumbel(size=(N, K))).argmax(1)


def test_a_constant_confidence_is_off_by_its_distance_from_accuracy() -> None:
    """0.9 sure of all; right on 3 of 4 as they are, on 1 of 4 corrupted, on half where moved."""
    shares = {"clean": 3, "corrupted": 1, "crop": 2, "embedded": 2}
    of_class, judges = np.arange(N) // K % 4, ~choosing_half(LABELS)
    _, found = judged(lambda c: sure_of(0.9, of_class < shares[c.shown]))
    for shown, quarters in shares.items():
        accuracy = quarters / 4
        assert alone(found, "accuracy", shown=shown).value == accuracy
        assert alone(found, "confidence", shown=shown).value == pytest.approx(0.9, abs=1e-6)
        for measure in ("ece", "overconfidence"):
            e = alone(found, measure, shown=shown)
            assert e.value == pytest.approx(0.9 - accuracy, abs=1e-6)
            assert e.n == N
            assert e.low is not None
            assert e.low < 0.9 - accuracy
        p, q = 0.9, 0.1 / 3
        right, wrong = (p - 1) ** 2 + 3 * q**2, p**2 + (q - 1) ** 2 + 2 * q**2
        assert alone(found, "brier", shown=shown).value == pytest.approx(
            accuracy * right + (1 - accuracy) * wrong, abs=1e-5
        )
        assert alone(found, "nll", shown=shown).value == pytest.approx(
            -accuracy * log(p) - (1 - accuracy) * log(q), abs=1e-5
        )
        off = abs(0.9 - np.mean(of_class[judges] < quarters))
        assert alone(found, "held_out_ece", shown=shown, logits="as_is").value == pytest.approx(off, abs=1e-6)


def test_an_eye_that_says_one_thing_has_a_known_error() -> None:
    exam = FEW.model_copy(update={"corruptions": ("contrast",), "severities": (3,)})
    eye = seen_by(ConstantEye(2.0, 0.0, 0.0), size=32)
    found = sitting(exam, eye, image_set(noise_images(60, 32), np.arange(60) % 3)).estimates
    p = float(softmax([2.0, 0.0, 0.0])[0])
    for shown in ("clean", "corrupted", "crop", "embedded"):
        assert alone(found, "ece", shown=shown).value == pytest.approx(p - 1 / 3, abs=1e-5)
    assert value(found, "temperature") == pytest.approx(8, rel=0.01)  # knows nothing: the more even the better


def test_clean_figures_are_those_of_the_formulas() -> None:
    logits, labels = honest(2.0)
    _, found = judged(lambda c: logits, labels=labels)
    p = softmax(logits, 1)
    top, right = p.max(1), p.argmax(1) == labels
    assert alone(found, "ece", shown="clean").value == pytest.approx(ece(top, right).value, abs=1e-6)
    assert alone(found, "nll", shown="clean").value == pytest.approx(-np.log(p[np.arange(N), labels]).mean(), abs=1e-5)
    assert alone(found, "brier", shown="clean").value == pytest.approx(
        np.mean(np.sum((p - np.eye(K)[labels]) ** 2, 1)), abs=1e-5
    )


def test_answers_to_one_image_are_no_further_images() -> None:
    logits, labels = honest(2.0)
    _, found = judged(lambda c: logits, labels=labels)
    clean, corrupted = (alone(found, "overconfidence", shown=shown) for shown in ("clean", "corrupted"))
    for end in ("value", "low", "high", "n"):
        assert getattr(corrupted, end) == pytest.approx(getattr(clean, end))
    limits = [alone(found, "ece_if_calibrated", shown=shown).value for shown in ("clean", "corrupted")]
    assert limits[1] == pytest.approx(limits[0], rel=0.1)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_logits_times_a_number_are_repaired(factor: float) -> None:
    """Whatever they were multiplied by, with temperature they are what honest logits are with theirs."""
    logits, labels = honest(2.0)
    _, plain = judged(lambda c: logits, labels=labels)
    _, found = judged(lambda c: factor * logits, labels=labels)
    t = value(plain, "temperature")
    assert t == pytest.approx(1, abs=0.2)
    assert value(found, "temperature") == pytest.approx(factor * t, rel=2e-3)
    for shown in ("clean", "corrupted", "crop"):
        for measure, close in (("held_out_nll", 2e-3), ("held_out_brier", 1e-3), ("held_out_ece", 5e-3)):
            scaled = alone(found, measure, shown=shown, logits="scaled").value
            assert scaled == pytest.approx(alone(plain, measure, shown=shown, logits="scaled").value, abs=close)
    e = alone(found, "held_out_ece", shown="clean", logits="scaled")
    assert e.n == N / 2
    assert e.value is not None
    assert e.value <= alone(found, "held_out_ece_if_calibrated", shown="clean", logits="scaled").value


def test_what_a_temperature_removes_is_a_difference_paired_by_image() -> None:
    logits, labels = honest(2.0)
    _, found = judged(lambda c: 4 * logits, labels=labels)
    for name in ("ece", "nll"):
        e = alone(found, f"{name}_removed", shown="clean")
        before, after = (alone(found, f"held_out_{name}", shown="clean", logits=t).value for t in ("as_is", "scaled"))
        assert e.value == pytest.approx(before - after, abs=1e-6)
        assert e.low is not None
        assert 0 < e.low < e.value < e.high


def test_a_temperature_of_clean_images_does_not_repair_others() -> None:
    """Honest as they are, 0.9 sure and never right when corrupted: nothing to be had from clean images."""
    logits, labels = honest(2.0)
    wrong = log(27) * np.eye(K)[(labels + 1) % K]
    sat, found = judged(lambda c: wrong if c.shown == "corrupted" else logits, labels=labels)
    assert alone(found, "held_out_ece", shown="corrupted", logits="scaled").value > 0.8
    verdicts = {f.sentence.split(" it ")[0].split(" (")[0]: f.verdict for f in sat.exam.findings(found)}
    assert verdicts["On corrupted images"] == "weak"
    assert verdicts["On the images as they are"] != "weak"


def test_a_model_that_doubts_too_much_is_told_so_and_where_a_temperature_harms() -> None:
    """Half the logits that would be honest; small on black four times too many, which a temperature makes worse."""
    logits, labels = honest(4.0)
    sat, found = judged(lambda c: (4 if c.shown == "embedded" else 0.5) * logits, labels=labels)
    told = [f.sentence for f in sat.exam.findings(found)]
    assert "not sure enough by" in told[0]
    assert "too sure by" in told[3]
    assert told[4].endswith("less likely on images small on black.")


def test_severities_and_corruptions_are_told_apart() -> None:
    def logits(c: Condition) -> Array:
        right = np.arange(N) // K % 10 < {0: 9, 1: 8, 5: 4}[c.severity] - (c.corruption == "contrast")
        return sure_of(0.95, right)

    _, found = judged(logits)
    assert alone(found, "accuracy", shown="corrupted", severity=1).value == pytest.approx(0.75)
    assert alone(found, "accuracy", shown="corrupted", severity=5).value == pytest.approx(0.35)
    assert alone(found, "accuracy", shown="corrupted", corruption="contrast").value == pytest.approx(0.5)
    cell = {"shown": "corrupted", "corruption": "brightness", "severity": 5}
    assert alone(found, "ece", **cell).value == pytest.approx(0.55, abs=1e-6)
    assert alone(found, "accuracy", shown="corrupted").value == pytest.approx(0.55)


def test_bins_hold_all_answers_and_add_up_to_the_error() -> None:
    logits, labels = honest(2.0)
    _, found = judged(lambda c: 3 * logits, labels=labels)
    right, sure = (
        [e for e in found.of(m, shown="clean") if "severity" not in e.at]
        for m in ("accuracy_in_bin", "confidence_in_bin")
    )
    assert sum(e.n for e in right) == N
    assert [e.at["bin"] for e in right] == list(range(1, len(right) + 1))
    assert [e.value for e in sure] == sorted(e.value or 0.0 for e in sure)
    error = sum(r.n * abs((r.value or 0.0) - (s.value or 0.0)) for r, s in zip(right, sure, strict=True)) / N
    assert error == pytest.approx(alone(found, "ece", shown="clean").value, abs=1e-6)


def test_errors_among_the_surest() -> None:
    """Confidence 0.5 to 0.9 by fifths; the least sure fifth is wrong as it is, the surest is wrong when corrupted."""
    fifth = np.arange(N) // K % 5
    sure = np.array([0.5, 0.6, 0.7, 0.8, 0.9])[fifth]

    def logits(c: Condition) -> Array:
        wrong = fifth == (4 if c.shown == "corrupted" else 0)
        high = np.log(sure * (K - 1) / (1 - sure))
        return high[:, None] * np.eye(K)[np.where(wrong, (LABELS + 1) % K, LABELS)]

    _, found = judged(logits)
    assert alone(found, "selective_error", shown="clean", threshold="own").value == 0
    assert alone(found, "selective_error", shown="clean", threshold="clean").value == 0
    assert alone(found, "selective_error", shown="corrupted", threshold="clean").value == pytest.approx(0.25)
    assert alone(found, "selective_share", shown="corrupted", threshold="clean").value == pytest.approx(0.8)
    _, half = judged(logits, FEW.model_copy(update={"coverage": 0.2}))
    assert alone(half, "selective_error", shown="corrupted", threshold="own").value == 1


def test_the_surest_answers_are_told_apart_where_confidence_is_one() -> None:
    """Logits so large that float32 knows no probability beside 1."""
    logits, labels = honest(2.0)
    (_, plain), (_, huge) = (judged(lambda c, by=by: by * logits, labels=labels) for by in (1, 60))
    assert (said(60 * logits).confidence.astype(np.float32) == 1).mean() > 0.3
    assert alone(huge, "selective_error", shown="clean", threshold="clean").value == pytest.approx(
        alone(plain, "selective_error", shown="clean", threshold="clean").value, abs=0.04
    )  # the surest by the distance of the two highest logits are nearly the surest by all
    assert alone(huge, "selective_share", shown="clean", threshold="clean").value == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("factor", "said_of"), [(200.0, "far too large"), (0.02, "far too small")])
def test_logits_beyond_all_temperatures_are_called_so(factor: float, said_of: str) -> None:
    logits, labels = honest(2.0)
    sat, found = judged(lambda c: factor * logits, labels=labels)
    sentences = [f for f in sat.exam.findings(found) if "No temperature" in f.sentence]
    assert len(sentences) == 1
    assert said_of in sentences[0].sentence
    assert not any("see below" in f.advice for f in sat.exam.findings(found))


def test_images_that_cannot_be_moved_take_no_part_there() -> None:
    drawn = np.arange(N) < 100

    def answer(c: Condition) -> Answer:
        made = said(sure_of(0.9, np.arange(N) % 2 == 0))
        return Answer("logits", made.values, {}, drawn) if c.shown == "crop" else made

    subject = Subject((32, 32), K)
    batch = Batch(tuple(map(str, range(N))), LABELS, subject)
    sat = Sitting(FEW, subject, Answers({c.query: answer(c) for c in FEW._layout.conditions}), batch)
    assert alone(sat.estimates, "accuracy", shown="crop").n == 100
    assert alone(sat.estimates, "accuracy", shown="embedded").n == N
    drawn[:] = False
    none = sat.exam.estimates(sat.whole, LABELS, subject)
    assert alone(none, "ece", shown="crop").value is None
    assert alone(none, "ece_removed", shown="crop").reason
    sat.exam.charts(none)
    sat.exam.findings(none)


def test_unlabelled_images_change_nothing() -> None:
    logits, labels = honest(2.0)
    blank = np.where(np.arange(N) < 200, labels, -1)
    _, found = judged(lambda c: logits, labels=blank)
    _, fewer = judged(lambda c: logits[:200], labels=labels[:200])
    assert found == fewer


def test_a_model_that_knows_what_it_knows_is_praised() -> None:
    chance = np.random.default_rng(3)
    confidence = chance.uniform(0.7, 1.0, 3000)
    labels = np.arange(3000) % K
    answer = np.where(chance.random(3000) < confidence, labels, (labels + 1) % K)
    logits = np.log(confidence * (K - 1) / (1 - confidence))[:, None] * np.eye(K)[answer]
    sat, found = judged(lambda c: logits, Calibration(corruptions=("contrast",), severities=(1,)), labels)
    assert sat.exam.findings(found)[0].verdict in ("strong", "note")
    assert "no error of its confidence shows" in sat.exam.findings(found)[0].sentence


def test_queries_are_shared_with_the_shift_exam_and_severities_stand_together() -> None:
    subject = Subject((32, 32), K)
    asked = set(Calibration().ask(subject, ()) or ())
    assert len(asked) == 1 + 45 + 2
    shared = asked & set(Shift().ask(subject, ()) or ())
    assert len(shared) == 3  # clean, crop, embedded
    for size in (32, 224):
        subject = Subject((size, size), K)
        both = set(Calibration().ask(subject, ()) or ()) & set(Corruptions().ask(subject, ()) or ())
        assert len(both) == 1 + 45
    order = [c.corruption for c in Calibration()._layout.conditions if c.corruption]
    assert order == [name for name in PUBLISHED for _ in range(3)]


def test_charts_show_what_there_is() -> None:
    logits, labels = honest(2.0)
    sat, found = judged(lambda c: 3 * logits, labels=labels)
    kinds = [type(chart) for chart in sat.exam.charts(found)]
    assert kinds[:6] == [Lines, Lines, Lines, Dots, Table, Table]
    plain = Calibration(corruptions=(), shifts=())
    sat, found = judged(lambda c: 3 * logits, plain, labels)
    assert [type(chart) for chart in sat.exam.charts(found)][:3] == [Lines, Table, Table]
    assert tuple(sat.exam.ask(sat.subject, ()) or ()) == (CLEAN,)


def test_a_run_keeps_sure_mistakes_and_pictures_them(tmp_path: Path) -> None:
    exam = Calibration(corruptions=("contrast",), severities=(5,), shifts=())
    dark = noise_images(40, 32) // 4
    eye = seen_by(ContrastEye(), size=32)
    run = examine(eye, image_set(dark, np.zeros(40, np.int64)), [exam], out=tmp_path, workers=0)
    found = Estimates(e for e in run.estimates if e.exam == "calibration")
    assert alone(found, "accuracy", shown="clean").value == 1
    assert alone(found, "accuracy", shown="corrupted").value == 0
    kept = list(Path(tmp_path).glob("kept/**/*"))
    assert kept


def test_settings() -> None:
    for wrong in (
        {"corruptions": ("fogg",)},
        {"severities": (0,)},
        {"severities": ()},
        {"shifts": ("up",)},
        {"coverage": 0},
    ):
        with pytest.raises(ValidationError):
            Calibration(**wrong)
    assert Calibration(severities=(5, 1)).severities == (1, 5)
    assert Query(Condition("corrupted", "fog", 1).query.view) == Condition("corrupted", "fog", 1).query
