"""The clean exam on eyes whose figures are known."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest

from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.query import CLEAN
from eyechart.exams.clean import Clean
from eyes import OracleEye, Sitting, answers_by, image_set, plain_images, seen_by, sitting


def judged(logits: Array, labels: list[int], exam: Clean | None = None) -> tuple[Sitting, Estimates]:
    logits, exam = np.asarray(logits, np.float32), exam or Clean()
    subject = Subject((8, 8), logits.shape[1])
    batch = Batch(tuple(f"{i:03d}" for i in range(len(labels))), np.array(labels), subject)
    sat = Sitting(exam, subject, answers_by([CLEAN], lambda _: logits), batch)
    return sat, exam.estimates(sat.whole, batch.labels, subject)


def value(estimates: Estimates, measure: str) -> float | None:
    (found,) = estimates.of(measure)
    return found.value


def test_figures_by_hand() -> None:
    _, found = judged([[2, 0, 0], [0, 2, 0], [0, 2, 0], [0, 0, 2]], [0, 1, 2, 1])
    high, low = exp(2) / (exp(2) + 2), 1 / (exp(2) + 2)
    right = (1 - high) ** 2 + 2 * low**2
    wrong = high**2 + low**2 + (1 - low) ** 2
    assert value(found, "accuracy") == 0.5
    assert value(found, "nll") == pytest.approx(-(log(high) + log(low)) / 2)
    assert value(found, "brier") == pytest.approx((right + wrong) / 2)
    assert value(found, "ece") == pytest.approx(high - 0.5)  # one confidence, one bin


def test_the_rank_counts_the_better_classes_and_ties_go_to_the_lowest() -> None:
    logits = [[3, 2, 1, 0], [3, 2, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 5, 5, 1], [9, 0, 0, 0]]
    sat, found = judged(logits, [0, 2, 0, 3, 2, -1])
    assert sat.whole.rows["rank"].tolist() == [0, 2, 0, 3, 1, -1]
    assert sat.whole.rows["top1"].tolist() == [0, 0, 0, 0, 1, 0]
    assert value(found, "accuracy") == 2 / 5


def test_right_means_rank_zero_means_top_class() -> None:
    chance = np.random.default_rng(0)
    logits, labels = chance.integers(0, 3, (200, 4)), chance.integers(0, 4, 200)  # full of ties
    sat, _ = judged(logits, labels.tolist())
    rows = sat.whole.rows
    np.testing.assert_array_equal(rows["rank"] == 0, rows["top1"] == labels)


def test_top_five() -> None:
    logits = -np.arange(7)[None].repeat(7, 0)
    _, found = judged(logits, list(range(7)))
    assert value(found, "top5_accuracy") == pytest.approx(5 / 7)


@pytest.mark.parametrize("classes", [2, 5])
def test_five_guesses_among_five_classes_are_no_measure(classes: int) -> None:
    _, found = judged(np.eye(classes), list(range(classes)))
    top5 = found.one("top5_accuracy")
    assert top5 is not None
    assert top5.value is None
    assert "five classes" in top5.reason


def test_images_without_label_are_left_out() -> None:
    logits = np.random.default_rng(0).normal(size=(30, 4))
    labels = np.random.default_rng(1).integers(0, 4, 30)
    labels[::3] = -1
    _, everything = judged(logits, labels.tolist())
    _, labelled = judged(logits[labels >= 0], labels[labels >= 0].tolist())
    assert everything == labelled
    assert {e.n for e in everything} == {20}


def test_the_settings_of_the_calibration_error_are_used() -> None:
    chance = np.random.default_rng(0)
    logits = chance.normal(size=(400, 4)) * 2
    labels = chance.integers(0, 4, 400).tolist()
    plain, one_bin, debiased = (
        value(judged(logits, labels, exam)[1], "ece") for exam in (Clean(), Clean(ece_bins=1), Clean(ece_debiased=True))
    )
    p = np.exp(logits.astype(np.float32)) / np.exp(logits.astype(np.float32)).sum(1, keepdims=True)
    assert one_bin == pytest.approx(abs(p.max(1).mean() - (logits.argmax(1) == labels).mean()), abs=1e-6)
    assert plain is not None
    assert debiased is not None
    assert debiased < plain


def test_confidence_that_lies_is_found_and_honest_confidence_praised() -> None:
    chance = np.random.default_rng(0)
    labels = chance.integers(0, 4, 2000)
    sure = 4.0 * np.eye(4)[labels]
    _, honest = judged(2 * sure, labels.tolist())  # 99.9 % sure, always right
    wrong = np.where(chance.uniform(size=2000) < 0.5, labels, (labels + 1) % 4)
    _, lies = judged(sure, wrong.tolist())  # 95 % sure, right half of the time
    assert [f.verdict for f in Clean().findings(lies)] == ["note", "weak"]
    assert [f.verdict for f in Clean().findings(honest)] == ["note", "strong"]
    ece = lies.one("ece")
    assert ece is not None
    assert ece.value == pytest.approx(exp(4) / (exp(4) + 3) - 0.5, abs=0.03)


def test_an_image_is_shown_as_the_preprocessing_says() -> None:
    images = plain_images([0, 1, 2])
    sat = sitting(Clean(), seen_by(OracleEye(), size=(8, 12)), image_set(images, [0, 1, 2]))
    assert sat.whole.rows["top1"].tolist() == [0, 1, 2]


def test_a_guesser_is_told_so_and_a_handful_is_not_praised() -> None:
    labels = np.arange(200) % 4
    for right, told in ((0.26, True), (0.6, False)):
        values = np.zeros((200, 4), np.float32)
        hits = np.random.default_rng(0).random(200) < right
        values[np.arange(200), np.where(hits, labels, (labels + 1) % 4)] = 3
        sat, estimates = judged(values, labels.tolist())
        found = sat.exam.findings(estimates)
        assert any("no better than guessing" in f.sentence for f in found) is told
    sure = np.full((5, 4), -20, np.float32)
    sure[np.arange(5), np.arange(5) % 4] = 20
    sat, estimates = judged(sure, [0, 1, 2, 3, 0])
    assert not [f for f in sat.exam.findings(estimates) if f.verdict == "strong"]
