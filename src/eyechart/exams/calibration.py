"""Whether confidence can be believed: on images as they are, corrupted and moved, and what a temperature mends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.settings import Distinct
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.view import View
from eyechart.exams.calibration_conditions import PUBLISHED, SHIFTS, Condition, Layout, Shift
from eyechart.exams.calibration_estimates import Believed
from eyechart.exams.calibration_pictures import charts
from eyechart.exams.calibration_repair import repaired
from eyechart.exams.calibration_words import findings
from eyechart.stats.temperature import odds_against
from eyechart.views.corruptions.corrupted import CORRUPTIONS, SEVERITIES

KEPT = 6


class Calibration(Exam):
    """Confidence against accuracy on images as they are, under corruptions and after a move, and a temperature that mends it.

    Calibration on clean images says little of other images (Ovadia et al., NeurIPS 2019, arXiv 1906.02530). Corruptions are
    those of Hendrycks & Dietterich (ICLR 2019, arXiv 1903.12261), of the severities 1, 3 and 5: both ends and the middle tell
    the trend at three fifths of the cost. Moved: a random square of the original, resized (crop), and the image shrunk on
    black at a random place (embedded), one draw an image, as in the exam ``shift``. Forwards an image: 48; with all five
    severities 78; with ``corruptions=["contrast"]`` 6.

    Measures at {shown: clean | corrupted | crop | embedded}, of corrupted images also at {severity}, {corruption} and both;
    answers to one image are alike, so intervals resample whole images:
        accuracy: share of answers that are the label.
        confidence: mean probability of the top class.
        overconfidence: confidence less accuracy; below 0 the model is more often right than it thinks.
        ece: expected calibration error, |accuracy - confidence| in equal-mass bins of confidence.
        ece_if_calibrated: what a perfectly calibrated model with these confidences stays below in 97.5 % of such samples;
            answers to one image taken to be right together as far as possible, so rather too high.
        nll: mean negative log likelihood of the label, nats. brier: mean squared distance of the probabilities from the label.
        selective_error {threshold: own | clean}: share of errors among the most confident answers: own, the ``coverage`` of
            these; clean, those that reach the confidence which that share of the answers to clean images reach.
        selective_share {threshold: clean}: how many answers reach it. The thresholds are taken as known.
    At {shown}, and {bin} from the least sure: confidence_in_bin, accuracy_in_bin, the reliability diagram.
    Temperature scaling (Guo et al., ICML 2017, arXiv 1706.04599): logits divided by the number that makes the likelihood
    highest on clean images. Fitted on every other image of each class, judged on the rest, at {shown} and {shown, severity}:
        temperature: that number, between 1/4 and 8; above 1 the model is too sure.
        held_out_ece, held_out_ece_if_calibrated, held_out_nll, held_out_brier {logits: as_is | scaled}: with and without it.
        ece_removed, nll_removed: as_is less scaled, paired by image; above 0 it helps. The temperature is taken as known.

    Rows: ``top1``, ``confidence``, ``nll``, ``brier``, ``valid`` (an entry for each condition: clean; every corruption's
    severities; shifts) and ``odds_against`` (log odds against the top class, 19 a condition: at the temperatures 1/b, b
    from 1/8 to 8 by thirds of an octave).

    Kept: mistakes made with most confidence, of images right as they are.
    """

    name: ClassVar[str] = "calibration"
    headline: ClassVar[tuple[str, ...]] = ("ece", "overconfidence", "held_out_ece", "temperature")
    title: ClassVar[str] = "Whether its confidence can be believed"
    explanation: ClassVar[str] = (
        "Of answers that a model gives with 80% confidence, 80% should be right. Here that is checked on images as they are, "
        "and on corrupted and moved ones, where many models stay sure and are no longer right."
    )
    needs_labels: ClassVar[bool] = True
    only_estimates: ClassVar[tuple[str, ...]] = ("ece_bins", "ece_debiased", "coverage")

    corruptions: Annotated[tuple[str, ...], Distinct] = Field(
        PUBLISHED, description="Which; none = []. All have 19 names."
    )
    severities: Annotated[tuple[int, ...], Distinct] = Field((1, 3, 5), min_length=1, description="From 1 to 5.")
    shifts: Annotated[tuple[Shift, ...], Distinct] = Field(SHIFTS, description="Ways to move the image; none = [].")
    ece_bins: int = Field(15, ge=1, description="Number of equal-mass bins of the calibration error.")
    ece_debiased: bool = Field(False, description="Subtract what sampling noise adds to the calibration error.")
    coverage: float = Field(0.8, gt=0, le=1, description="Share of answers that count as the most confident ones.")
    images: int = Field(1000, ge=1, description="At most so many images, the first of the seeded order.")

    @field_validator("corruptions")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if strange := [name for name in names if name not in CORRUPTIONS]:
            raise ValueError(f"there is no {strange[0]}; give some of {', '.join(CORRUPTIONS)}")
        return names

    @field_validator("severities")
    @classmethod
    def _ascending(cls, severities: tuple[int, ...]) -> tuple[int, ...]:
        if not {*severities} <= {*SEVERITIES}:
            raise ValueError("give whole numbers from 1 to 5")
        return tuple(sorted(severities))

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """Every condition, once."""
        return None if so_far else tuple(condition.query for condition in self._layout.conditions)

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry a condition."""
        asked = [answers[condition.query] for condition in self._layout.conditions]
        rows = {
            "top1": np.stack([a.top1 for a in asked], 1).astype(np.int32),
            "confidence": np.stack([a.confidence for a in asked], 1).astype(np.float32),
            "nll": np.stack([a.nll(batch.labels) for a in asked], 1).astype(np.float32),
            "brier": np.stack([_brier(a, batch.labels) for a in asked], 1).astype(np.float32),
            "valid": np.stack([a.valid for a in asked], 1),
            "odds_against": np.concatenate([odds_against(a.log_p) for a in asked], 1).astype(np.float32),
        }
        return Tally(rows, kept=best(KEPT, self._cases(asked, batch)), limit=KEPT)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Over the images that have a label."""
        known = labels >= 0
        rows = {name: column[known] for name, column in tally.rows.items()}
        believed = Believed(self.estimate, rows, labels[known], self.ece_bins, self.ece_debiased, self.coverage)
        groups = list(self._layout.groups())
        figures = (one for group in groups for one in believed.estimates(group))
        return Estimates((*figures, *repaired(believed, [group for group in groups if group.whole])))

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Reliability, confidence and accuracy by severity and by corruption, what a temperature does, sure mistakes."""
        return charts(estimates, self.coverage)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """How far confidence is off, as they are and corrupted, and what a temperature mends."""
        return findings(estimates, self._told)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """The image as it is, and as it was shown."""
        condition = Condition(case.facts["shown"], case.facts["corruption"], case.facts["severity"])
        return {"plain": CLEAN.view, "shown": condition.query.view}

    @property
    def _told(self) -> str:
        listed = f"{len(self.corruptions)} corruptions" if len(self.corruptions) > 2 else " and ".join(self.corruptions)
        several = "severities" if len(self.severities) > 1 else "severity"
        return f"{listed.replace('_', ' ')}, {several} {', '.join(map(str, self.severities))}"

    @property
    def _layout(self) -> Layout:
        return Layout(self.corruptions, self.severities, self.shifts)

    def _cases(self, asked: Sequence[Answer], batch: Batch) -> Iterator[Kept]:
        """Images right as they are and wrong otherwise: the most confident answer of each."""
        sure = np.stack([np.where(a.valid & (a.top1 != batch.labels), a.confidence, -1.0) for a in asked], 1)
        most = sure.argmax(1)
        for i in np.flatnonzero((asked[0].top1 == batch.labels) & (sure.max(1) > 0)):
            condition, answer = self._layout.conditions[int(most[i])], asked[int(most[i])]
            facts = {
                "shown": condition.shown,
                "corruption": condition.corruption,
                "severity": condition.severity,
                "named": condition.named,
                "before": batch.subject.class_name(int(asked[0].top1[i])),
                "after": batch.subject.class_name(int(answer.top1[i])),
                "p_before": float(asked[0].confidence[i]),
                "p_after": float(answer.confidence[i]),
            }
            yield Kept("calibration/", float(answer.confidence[i]), batch.ids[i], facts)


def _brier(answer: Answer, labels: Array) -> Array:
    squares = np.exp(2 * answer.log_p).sum(1)
    return np.where(labels >= 0, squares - 2 * answer.p(labels) + 1, np.nan)
