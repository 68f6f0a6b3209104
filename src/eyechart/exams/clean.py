"""How well the model does on the images as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from eyechart.core.chart import Bars, Chart, Finding, Series
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.words import figure, percent, points
from eyechart.stats.calibration import ece, ece_if_calibrated
from eyechart.stats.intervals import means, wilson

ENOUGH = 100  # images: fewer are not enough to praise
FEWEST = 20  # images: fewer are not enough to blame


class Clean(Exam):
    """Accuracy and calibration on the images as the model's own preprocessing shows them.

    Measures:
        accuracy: share of images whose top class is the label.
        commonest_label_share: share of the images whose label is the commonest, what always giving one answer would get right.
        top5_accuracy: share of images whose label is among the five highest outputs.
        nll: mean negative log likelihood of the label, nats (0 = certain and right; log(classes) = no idea).
        brier: mean squared distance between the probabilities and the label, summed over classes (0 best, 2 worst).
        ece: expected calibration error: gap between confidence and accuracy over equal-mass bins of the top confidence.

        ece_if_calibrated: the calibration error that a perfectly calibrated model with these confidences stays below in
            97.5 % of such samples; only an ece above it speaks of the model.

    Coordinates: none; beside training images also accuracy and nll at {images: training}, and accuracy_gap, nll_gap: training
    minus examined (images differ, so these are not paired; no calibration error, which depends on the number of images).

    Rows: ``top1`` (class index), ``confidence`` (probability of it), ``rank`` (of the label, 0 = top), ``nll`` (nats),
    ``brier``.
    """

    name: ClassVar[str] = "clean"
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "ece")
    training: ClassVar[tuple[str, ...]] = ("accuracy", "nll")
    title: ClassVar[str] = "The images as they are"
    explanation: ClassVar[str] = (
        "Before anything is changed: how often the model is right, and whether its confidence can be believed. "
        "Every other exam compares with these figures."
    )
    needs_labels: ClassVar[bool] = True
    only_estimates: ClassVar[tuple[str, ...]] = ("ece_bins", "ece_debiased")

    ece_bins: int = Field(15, ge=1, description="Number of equal-mass bins of the calibration error.")
    ece_debiased: bool = Field(False, description="Subtract what sampling noise adds to the calibration error.")

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass, once."""
        return None if so_far else (CLEAN,)

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image."""
        answer = answers[CLEAN]
        return Tally(
            rows={
                "top1": answer.top1.astype(np.int32),
                "confidence": answer.confidence.astype(np.float32),
                "rank": _rank(answer, batch.labels).astype(np.int32),
                "nll": answer.nll(batch.labels).astype(np.float32),
                "brier": _brier(answer, batch.labels).astype(np.float32),
            }
        )

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Over the images that have a label."""
        known = labels >= 0
        rows = {name: column[known] for name, column in tally.rows.items()}
        n = int(known.sum())
        right = rows["rank"] == 0
        top5 = wilson(int((rows["rank"] < 5).sum()), n)
        nll, brier = means(np.stack([rows["nll"], rows["brier"]], axis=1))
        calibration = ece(rows["confidence"], right, self.ece_bins, debiased=self.ece_debiased)
        too_few = subject.n_classes <= 5
        return Estimates(
            (
                self.estimate("accuracy", **figure(wilson(int(right.sum()), n))),
                self.estimate(
                    "top5_accuracy", **figure(top5, "the model has five classes or fewer" if too_few else "")
                ),
                self.estimate("commonest_label_share", **_commonest(labels[known])),
                self.estimate("nll", unit="nats", **figure(nll)),
                self.estimate("brier", unit="squared distance", **figure(brier)),
                self.estimate("ece", unit="probability", **figure(calibration)),
                self.estimate("ece_if_calibrated", unit="probability", **self._noise(rows["confidence"])),
            )
        )

    def _noise(self, confidence: Array) -> dict[str, Any]:
        if not len(confidence):
            return {"value": None, "n": 0, "reason": "no image counts here"}
        limit = ece_if_calibrated(confidence, self.ece_bins, debiased=self.ece_debiased)
        return {"value": limit, "n": len(confidence), "method": "97.5 % point under calibration"}

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Accuracy bars."""
        shown = [e for m in ("accuracy", "top5_accuracy") if (e := estimates.one(m)) and e.value is not None]
        if not shown:
            return ()
        names = {"accuracy": "right at the first guess", "top5_accuracy": "right among five guesses"}
        return (
            Bars(
                title="How often the model is right",
                x_label="share of images",
                categories=[names[e.measure] for e in shown],
                series=[
                    Series(
                        "images as they are", [e.value for e in shown], [e.low for e in shown], [e.high for e in shown]
                    )
                ],
                x_range=(0.0, 1.0),
                caption=_calibration_line(estimates),
            ),
        )

    def findings_beside(self, training: Estimates) -> Sequence[Finding]:
        """How much better it is on images that it was fitted to."""
        accuracy, gap = training.one("accuracy"), training.one("accuracy_gap")
        if accuracy is None or gap is None or accuracy.value is None:
            return ()
        told = f"On the training images beside them it is right {percent(accuracy)} of the time, a difference of {points(gap)}."
        return [Finding("note", told)]

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Accuracy, and whether confidence can be believed."""
        accuracy, calibration = estimates.one("accuracy"), estimates.one("ece")
        if accuracy is None or accuracy.value is None:
            return ()
        found = [Finding("note", f"On the images as they are the model is right {percent(accuracy)} of the time.")]
        found += _guessing(accuracy, estimates.one("commonest_label_share"))
        noise = estimates.one("ece_if_calibrated")
        if not (calibration and noise) or calibration.value is None or noise.value is None:
            return found
        if calibration.value > noise.value and (calibration.low or 0.0) > 0.03:
            advice = "Scale the logits by a temperature fitted on held-out images before you trust its probabilities."
            found.append(Finding("weak", f"Its confidence is off by {percent(calibration)} on average.", advice))
        elif accuracy.n >= ENOUGH and calibration.high is not None and max(calibration.high, noise.value) < 0.03:
            sentence = f"Its confidence can be believed: it is off by only {percent(calibration)} on average."
            found.append(Finding("strong", sentence))
        return found


def _commonest(labels: Array) -> dict[str, Any]:
    if not len(labels):
        return {"value": None, "n": 0, "reason": "no image counts here"}
    return {"value": float(np.bincount(labels).max() / len(labels)), "n": len(labels)}


def _guessing(accuracy: Estimate, commonest: Estimate | None) -> list[Finding]:
    """Whether one and the same answer to everything might do as well."""
    if commonest is None or commonest.value is None or accuracy.low is None or accuracy.low > commonest.value:
        return []
    sentence = (
        f"That is no better than guessing, as far as {accuracy.n:,} images can tell: always naming the commonest class would "
        f"be right {100 * commonest.value:.1f}% of the time."
    )
    advice = (
        "Check class map and preprocessing (eyechart doctor) before you read on: the other figures then say little."
    )
    return [Finding("weak", sentence, advice)] if accuracy.n >= FEWEST else []


def _rank(answer: Answer, labels: Array) -> Array:
    """Rank of the label among the outputs, 0 = top; ties go to the lower index, as in top1. -1 without label."""
    index = np.maximum(labels, 0)
    own = answer.values[np.arange(len(labels)), index][:, None]
    before = (answer.values > own) | ((answer.values == own) & (np.arange(answer.values.shape[1]) < index[:, None]))
    return np.where(labels >= 0, before.sum(1), -1)


def _brier(answer: Answer, labels: Array) -> Array:
    p = np.exp(answer.log_p)
    return np.where(labels >= 0, (p**2).sum(1) - 2 * answer.p(labels) + 1, np.nan)


def _calibration_line(estimates: Estimates) -> str:
    parts: list[str] = []
    words: dict[str, Any] = {"nll": "negative log likelihood", "brier": "Brier score", "ece": "calibration error"}
    for measure, name in words.items():
        e = estimates.one(measure)
        if e and e.value is not None and e.low is not None and e.high is not None:
            parts.append(f"{name} {e.value:.3f} ({e.low:.3f} to {e.high:.3f})")
    return "; ".join(parts).capitalize() + "." if parts else ""
