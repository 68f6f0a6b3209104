"""Which octave of detail a model recognises things by, found with noise (Subramanian et al., NeurIPS 2023)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.by_category import ByCategory
from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.query import Answer, Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.words import figure
from eyechart.exams.critical_band_channel import Seen, channel_figures, threshold_figures
from eyechart.exams.critical_band_pictures import charts, findings
from eyechart.images.categories import Categories
from eyechart.images.category_labels import category_labels
from eyechart.stats.intervals import means, wilson
from eyechart.views.band_noise import CONTRAST, BandNoise, centre, octaves

STRONGEST = 0.16  # of the published noises


class CriticalBand(ByCategory):
    """The frequency channel of recognition, by critical-band masking (Subramanian et al., NeurIPS 2023, arXiv 2309.13190).

    Images are shown grey, at ``contrast`` (published: a fifth of theirs), about the mean .449, in Gaussian noise of one octave
    and of strength sd: centres 1.75, 3.5, ... cycles per image, as many as the frame has room for (7 at 224 pixels). Noise of
    every band has the same root mean square, .943 sd. Differences from the published code: bands have sharp edges (centre /
    sqrt 2 <= D < centre * sqrt 2) where it takes levels of a Laplacian pyramid; pixels out of range are clipped, and counted,
    where it moves or redraws them; thresholds are also fitted.

    Answers are by the model's own classes, or by categories (the 16 of Geirhos et al. for ImageNet's 1,000, as published), of
    images whose label, or else folder, names one; measures at {classes: own | categories} say which. By guessing 1 in as many
    as there are classes is right; where images are unevenly spread over them, saying one thing always does better.
        noiseless_accuracy: of the faint grey images, without noise.
        accuracy {centre, sd}: with noise; {centre} in cycles per image.
        threshold_sd {centre}: the noise at which half of what the noiseless accuracy has above chance is left: least squares of
            2 ** -(sd / threshold) ** slope, bounds: threshold from a quarter of the weakest to four times the strongest noise,
            slope .5 to 8. Undefined, with a reason, where it lies beyond the noises shown.
        failed_noises {centre}: the published threshold, how many noises, from the strongest down, leave no more than half of
            images right, until one does not (0: none; their number: all).
        With {fit: counted | fitted}, of a Gaussian through heights by octave, A exp(-(f - mu)^2 / (2 s^2)), bounds: A from 0 to
            the greatest height, mu from an octave below the first to one above the last, s from .2 to 10 octaves. Heights are
            failed_noises for counted (as published; undefined where no more than half are right without noise); for fitted,
            log2(strongest noise / threshold_sd), from 0 to an octave beyond the weakest noise; four at most by either.
            Undefined where no octave's threshold lies within the noises shown. Widths hang on the strongest noise, from which
            heights are counted, and on the contrast: compare them at the same settings only.
        channel_centre: 1.75 * 2^mu cycles per image. channel_bandwidth: full width at half maximum, octaves.
        channel_sensitivity: 2^(A - the greatest height), the published peak noise sensitivity.
        at_bound: 1 where the value of a fit lies at a bound and so means little, else 0.
    clipped_share {centre, sd}: mean share of pixels that left [0, 1].
    Intervals of fits resample images and fit anew.

    Published: people use a channel of about one octave; networks' are two to four times as wide, and wider after adversarial
    training (abstract; 14 people, 76 networks).

    Rows: ``right_own`` and, with categories, ``right_categories`` (an entry for each condition, the noiseless first; -1 where
    the image has no such class), ``clipped``.
    """

    name: ClassVar[str] = "critical_band"
    version: ClassVar[int] = 2  # 1 fitted channels where no threshold lay within the noises
    headline: ClassVar[tuple[str, ...]] = (
        "noiseless_accuracy",
        "channel_centre",
        "channel_bandwidth",
        "channel_sensitivity",
    )
    title: ClassVar[str] = "The channel of recognition"
    explanation: ClassVar[str] = (
        "Faint grey images are shown in noise of one coarseness at a time. Where little noise does harm, the model looks: "
        "people go by about one octave of detail, and noise elsewhere hardly troubles them."
    )

    noises: tuple[float, ...] = Field(
        (0.02, 0.04, 0.08, STRONGEST), min_length=2, description="Standard deviations of noise, pixels being 0 to 1."
    )
    contrast: float = Field(CONTRAST, gt=0, le=1, description="Of the images by their own, before noise.")
    draws: int = Field(200, ge=50, description="Resamples of images for the intervals of fits.")
    images: int = Field(1000, ge=1, description="At most so many images, the first of the seeded order.")

    @field_validator("noises")
    @classmethod
    def _growing(cls, noises: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(noises)) < len(noises) or not all(0 < sd <= 1 for sd in noises):
            raise ValueError("give noises above 0 and up to 1, all different: pixels go from 0 (black) to 1 (white)")
        return tuple(sorted(noises))

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """Without noise, then each band at each strength."""
        if so_far:
            return None
        self.known(subject)  # so that a mapping that does not fit is told at once
        return tuple(Query(view) for view in self._views(subject))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry a condition."""
        asked = [answers[Query(view)] for view in self._views(batch.subject)]
        rows = {
            "right_own": _right(np.stack([a.top1 for a in asked], 1), batch.labels),
            "clipped": np.stack([a.notes["clipped_share"] for a in asked], 1).astype(np.float32),
        }
        known = self.known(batch.subject)
        if known is not None:
            rows["right_categories"] = self._by_category(known, asked, batch)
        return Tally(rows)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Accuracies, thresholds, channels."""
        found = [*self._clipped(tally.rows["clipped"], subject)]
        known = self.known(subject)
        for classes, count in (("own", subject.n_classes), ("categories", len(known or ()))):
            right = tally.rows.get(f"right_{classes}", np.zeros((0, 1)))
            right = right[right[:, 0] >= 0]
            if len(right):
                found += self._of(classes, right, 1 / max(1, count), subject)
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Accuracy in noise, and the channel."""
        return charts(estimates)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Where the channel lies and how wide it is."""
        return findings(estimates, self.contrast == CONTRAST and max(self.noises) == STRONGEST)

    def _places(self, subject: Subject) -> list[tuple[int, float]]:
        """Octave and strength of every condition with noise, octave by octave."""
        return [(octave, sd) for octave in range(octaves(subject.size)) for sd in self.noises]

    def _views(self, subject: Subject) -> list[BandNoise]:
        places = [(0, 0.0), *self._places(subject)]
        return [BandNoise(octave, sd, self.contrast) for octave, sd in places]

    def _by_category(self, known: Categories, asked: Sequence[Answer], batch: Batch) -> Array:
        told = np.stack([known.answers(a.log_p, self.aggregation) for a in asked], 1)
        return _right(told, category_labels(known, batch.labels, batch.ids))

    def _clipped(self, clipped: Array, subject: Subject) -> Iterator[Estimate]:
        for (octave, sd), share in zip(self._places(subject), means(clipped[:, 1:]), strict=True):
            yield self.estimate("clipped_share", at={"centre": centre(octave), "sd": sd}, **figure(share))

    def _of(self, classes: str, right: Array, chance: float, subject: Subject) -> Iterator[Estimate]:
        """All figures by these classes: (n, conditions) of 0 and 1."""
        n, at = len(right), {"classes": classes}
        yield self.estimate("noiseless_accuracy", at=at, **figure(wilson(int(right[:, 0].sum()), n)))
        for (octave, sd), mine in zip(self._places(subject), right[:, 1:].T, strict=True):
            yield self.estimate("accuracy", at=_at(octave, at, sd=sd), **figure(wilson(int(mine.sum()), n)))
        seen = Seen(right, np.array(self.noises), octaves(subject.size), chance, self.draws)
        for octave, (fitted, failed) in enumerate(threshold_figures(seen)):
            yield self.estimate("threshold_sd", unit="pixel values", at=_at(octave, at), **fitted)
            yield self.estimate("failed_noises", unit="count", at=_at(octave, at), **failed)
        for fit in ("counted", "fitted"):
            for measure, unit, fields in channel_figures(seen, fit):
                yield self.estimate(measure, unit=unit, at={**at, "fit": fit}, **fields)


def _at(octave: int, at: dict[str, Any], **more: float) -> dict[str, Any]:
    return {"centre": centre(octave), **more, **at}


def _right(told: Array, truth: Array) -> Array:
    """(n, conditions) int8: 1 where right, 0 where wrong, -1 where there is no truth."""
    return np.where(truth[:, None] >= 0, told == truth[:, None], -1).astype(np.int8)
