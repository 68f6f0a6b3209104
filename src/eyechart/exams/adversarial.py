"""How small a change, made for the purpose, costs the model its answer; and whether that figure can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, field_validator, model_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.settings import Distinct
from eyechart.core.tally import Kept, Tally, best
from eyechart.exams.adversarial_estimates import Reckoning
from eyechart.exams.adversarial_layout import NAMES, STEPS, Layout, Name, size_of, sizes_for
from eyechart.exams.adversarial_pictures import charts
from eyechart.exams.adversarial_rows import dissected, fates, manners, spectra
from eyechart.exams.adversarial_words import findings
from eyechart.views.attacks.ball import Norm


class Adversarial(Exam):
    """DOC"""

    name: ClassVar[str] = "adversarial"
    headline: ClassVar[tuple[str, ...]] = ("robust_accuracy", "median_distance", "flags_failed")
    title: ClassVar[str] = "Changes made to mislead"
    explanation: ClassVar[str] = (
        "Each image is changed by a few brightness steps at most, not at random but in the direction that misleads this model. "
        "The checks say whether the search had a fair chance: a model on which it fails for want of a gradient is not safe."
    )
    needs_labels: ClassVar[bool] = True
    chosen: ClassVar[Mapping[str, tuple[str, ...]]] = {"flag": ("status",)}

    norm: Norm = Field(
        "linf", description="Size of a change: linf (largest change of a value) or l2 (root of the sum of squares)."
    )
    eps: tuple[float, ...] | None = Field(
        None,
        description='Sizes, of [0, 1]; text such as "8/255" is understood. Default: 1, 2, 4, 8 /255; l2: see below.',
    )
    at: float | None = Field(
        None, description="The one of them that checks and costly attacks are about; default the largest."
    )
    attacks: Annotated[tuple[Name, ...], Distinct] = Field(
        NAMES, min_length=1, description="Which; see below. standard is AutoAttack standard, at one size: slow."
    )
    images: int = Field(500, ge=1, description="At most so many images, the first of the seeded order.")
    steps: int = Field(20, ge=1, description="Of PGD.")
    queries: int = Field(200, ge=1, description="Of Square, which follows no gradient (published: 5000).")
    radius: float | None = Field(
        None, ge=0, description="That parts a change's coarse from its fine waves; default half of n/2."
    )
    gallery: int = Field(6, ge=0, description="Images whose change is shown.")

    @field_validator("eps", mode="before")
    @classmethod
    def _in_words(cls, eps: object) -> object:
        several = eps.split(",") if isinstance(eps, str) else eps
        return [size_of(one) for one in several] if isinstance(several, (list, tuple)) else several

    @field_validator("at", mode="before")
    @classmethod
    def _one_in_words(cls, at: object) -> object:
        return size_of(at)

    @field_validator("eps")
    @classmethod
    def _rising(cls, eps: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if eps is not None and (not eps or len(set(eps)) < len(eps) or min(eps) <= 0):
            raise ValueError('give one size or more, all different and above 0, such as ["2/255", "8/255"]')
        return eps if eps is None else tuple(sorted(eps))

    @model_validator(mode="after")
    def _within(self) -> Adversarial:
        known = self.eps or (STEPS["linf"] if self.norm == "linf" else None)
        if self.norm == "linf" and known and known[-1] > 1:
            raise ValueError("eps is a change of values from 0 to 1: write 8/255, not 8")
        if self.at is not None and (known is None or not any(isclose(self.at, eps) for eps in known)):
            raise ValueError("at is one of the sizes: name it in eps, too")
        return self

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The image as it is, the checkup, and every attack."""
        return None if so_far else self._layout(subject).asked()

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image; an entry for each size where an attack is run at several."""
        layout, labels = self._layout(batch.subject), batch.labels
        rows: dict[str, Array] = {
            "image_top1": answers[CLEAN].top1.astype(np.int32),
            **manners(answers),
            **fates(answers, layout, labels),
            **dissected(answers, layout, labels),
            **spectra(answers, layout),
        }
        return Tally(rows, kept=best(self.gallery, self._cases(rows, batch)), limit=self.gallery)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Over the images with a label."""
        return Estimates(Reckoning.of(self.estimate, self._layout(subject), tally, labels, subject).estimates())

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Accuracy by size, the changes themselves, what they are made of, and the checks."""
        return charts(estimates, self.norm)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """What a small change costs, and whether that can be believed."""
        return findings(estimates, self.norm)

    def _cases(self, rows: Mapping[str, Array], batch: Batch) -> Sequence[Kept]:
        return ()

    def _layout(self, subject: Subject) -> Layout:
        sizes = self.eps or sizes_for(self.norm, subject.size)
        at = sizes[-1] if self.at is None else min(sizes, key=lambda eps: abs(eps - (self.at or 0)))
        radius = max(subject.size) / 4 if self.radius is None else self.radius
        return Layout(subject.size, self.norm, self.attacks, sizes, at, self.steps, self.queries, radius)
