"""Errors under common corruptions of growing severity (Hendrycks & Dietterich, ICLR 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query, Reading
from eyechart.core.settings import Distinct
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.exams.corruptions_cases import KEPT, MILD, example, mild
from eyechart.exams.corruptions_cells import EXTRAS, PUBLISHED, SEVERITIES, Cell, Cells
from eyechart.exams.corruptions_estimates import Told, gaps, unlabelled
from eyechart.exams.corruptions_files import columns, in_files, left_out, unreadable
from eyechart.exams.corruptions_pictures import charts
from eyechart.exams.corruptions_reference import Reference
from eyechart.exams.corruptions_spectra import Spectra, change_energy, edges
from eyechart.exams.corruptions_words import findings
from eyechart.images.corrupted import Name
from eyechart.images.image_set import ImageSet
from eyechart.stats.intervals import commonest
from eyechart.views.corruptions.kind import Column
from eyechart.views.corruptions.picture import CorruptedPicture
from eyechart.views.whole import Whole

PIXELS, FILES = Query(reading="pixels"), Query(Whole())


class Corruptions(Exam):
    """Errors under fifteen common corruptions at five severities (Hendrycks & Dietterich, ICLR 2019, arXiv 1903.12261).

    On clean images it draws the corruptions itself, in the model's frame, with each image's own chance, the same for all
    severities. Such pictures are like those of CIFAR-10-C and ImageNet-C and are not them: ``generator`` is the version of what
    draws them, ``column`` whose parameters are taken (cifar, tiny, imagenet: that of the nearest size), ``saved`` whether they
    are saved as JPEG once more (jpeg85), as the published pictures of 64 and 224 pixels are and by their columns ours, or not
    (lossless), ``rounding`` whether grey levels are whole. Images that bring the columns
    ``corruption`` and ``severity`` along, such as ``cifar10c:DIR`` and ``imagenetc:DIR``, are shown as they are in the files,
    nothing cut off (ImageNet-C: without the 256/224 crop); those of one ``source`` are one unit, and without that column only
    a set of one corruption at one severity is taken. Every figure says which: {set: generated | files}; the two do not belong
    in one table.

    Measures, shares of images unless said otherwise:
        clean_error {chance}: on the images as they are, beside one answer in so many classes. Files may bring them along.
        commonest_label_share: images of the commonest class: what one and the same answer gets right.
        error {corruption, severity}.
        corruption_error {corruption}, family_error {family: noise | blur | weather | digital}, mean_corruption_error
            {corruptions, cells}: plain means over corruptions and severities (the mean corruption error that is given for
            CIFAR-10-C), with {given: all | correct}: correct, of images that are right as they are. The four extra corruptions
            are in no mean of several.
        error_increase {corruption}, family_error_increase {family}, mean_error_increase {corruptions, cells}: those less the
            error on the images as they are, of images that were shown both ways.
        family_difference {family, against}: error of one family less that of another.
        halved_at {corruption}: the first severity at which half of its accuracy is gone.
        ce {corruption, reference}, mce {reference}: 100 times the errors over the severities by those of AlexNet on ImageNet-C,
            and the mean over the fifteen, of whole sets alone. relative_ce, relative_mce: of errors less clean errors, by those
            of AlexNet; needs ``reference_clean_error``. Of pictures drawn here only where they are made like those that AlexNet
            was shown: column imagenet, saved as JPEG.
        agreement {corruption, severity}, mean_agreement: answers that are those to the image as it is (no labels needed).
        commonest_answer_share: answers to corrupted images that are the commonest class.
        unanswered: of the corrupted images, those with an answer that is not finite; they are left out of all other figures.
        left_out: of pictures in files, those whose corruption or severity is none, and those before the last of one source at
            one place.
    Of what is drawn here, at the middle of the severities, what a corruption changes in the picture's spectrum (radii are true
    circles, {radius, radius_nyquist} in cycles per image and as a share of n/2):
        change_rms {corruption, severity}: root of the mean squared change of pixel values.
        change_share {inner_nyquist, radius}: of the squared change, by bands: zero frequency, then octaves to the corners.
        high_share {radius}: of the squared change, above that radius (``high``).
        high_share_correlation, change_rms_correlation {severity}: Spearman's, with the errors at that severity, over
            corruptions: these are what its interval resamples, so that few of them tell little.
    Where several models sit it: mean_corruption_error_gap, family_error_gap {less}.
    Intervals resample test images, with all that was shown of each.

    Rows: ``truth`` (the label), ``top1`` (an entry for each corruption and severity, -1 = none finite), ``image_top1``,
    ``change_energy`` (mean squared change, corruption by corruption, by bands). Of files one row a picture: ``top1``,
    ``truth``, ``corruption`` (its place in the published order, 19 = clean, -1 = unknown), ``severity``, ``source``.

    Kept: one image under all corruptions, drawn by its name from those right as they are; under each corruption the image right
    as it is that is missed with most confidence at the least severity.
    """

    name: ClassVar[str] = "corruptions"
    headline: ClassVar[tuple[str, ...]] = ("mean_corruption_error", "clean_error", "family_error", "mce")
    right_by: ClassVar[str] = "image_top1"
    only_estimates: ClassVar[tuple[str, ...]] = ("reference", "reference_clean_error")
    title: ClassVar[str] = "Noise, blur, weather, compression"
    explanation: ClassVar[str] = (
        "The images with noise, out of focus, in snow and fog, compressed and so on, each mildly first and then more. People "
        "hardly notice the mild ones; a model in use meets them every day."
    )

    corruptions: Annotated[tuple[Name, ...], Distinct] = Field(PUBLISHED, min_length=1, description="Which are drawn.")
    extras: bool = Field(
        False, description="Also the four that are meant for validation: speckle, Gaussian blur, spatter, saturate."
    )
    severities: Annotated[tuple[int, ...], Distinct] = Field(SEVERITIES, min_length=1, description="From 1 to 5.")
    rounding: Literal["truncated", "none"] = Field(
        "truncated", description="To whole 8-bit values, as published, or not."
    )
    column: Column | Literal["auto"] = Field(
        "auto", description="Parameters: of 32, 64 or 224 pixels; auto: the nearest."
    )
    jpeg85: bool | Literal["auto"] = Field(
        "auto",
        description="Save each as JPEG of quality 85 and read it again; auto: with parameters of 64 and 224 pixels.",
    )
    frequencies: bool = Field(True, description="Look where in the spectrum each corruption changes the picture.")
    high: float = Field(0.5, gt=0, lt=1.4, description="Where fine detail begins, as a share of n/2.")
    reference: Reference = Field("none", description="AlexNet's errors for ce and mce: canonical or robustbench.")
    reference_clean_error: float | None = Field(None, ge=0, le=1, description="AlexNet's, for relative_mce.")
    images: int = Field(1000, ge=1, description="At most so many images, the first of the seeded order; of files all.")

    @field_validator("severities")
    @classmethod
    def _known_severities(cls, severities: tuple[int, ...]) -> tuple[int, ...]:
        if not set(severities) <= set(SEVERITIES):
            raise ValueError("give severities from 1 to 5")
        return tuple(sorted(severities))

    def most(self, subject: Subject) -> int | None:
        """``images``; of pictures in files all."""
        return None if in_files(subject) else self.images

    def unsuited(self, subject: Subject, images: ImageSet) -> str:
        """Pictures in files, of which no one knows what they should be or are of, or none of which is asked for."""
        if not in_files(subject):
            return ""
        if not subject.labelled:
            return "of pictures that were corrupted before, it needs labels"
        return unreadable(self._cells(subject), images.targets)

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The image as it is, then under all corruptions, and the pixels of some; of files the pictures in them."""
        if so_far:
            return None
        if in_files(subject):
            return (FILES,)
        asked = [CLEAN, *([PIXELS] if self.frequencies else [])]
        for name, severity in self._cells(subject):
            asked.append(self._query((name, severity)))
            if self.frequencies and severity == self._middle:  # at once, as they share what was drawn by chance
                asked.append(self._pixels(name))
        return tuple(asked)

    def tolerates(self, query: Query) -> bool:
        """An answer that is not finite costs the image that one corruption, not the others."""
        return query not in (CLEAN, FILES)

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry for each corruption and severity."""
        truth = batch.labels.astype(np.int32)
        if in_files(batch.subject):
            return Tally({"top1": answers[FILES].top1[:, None].astype(np.int32), "truth": truth, **columns(batch)})
        plain, cells = answers[CLEAN], self._cells(batch.subject)
        asked = {cell: answers[self._query(cell)] for cell in cells}
        rows: dict[str, Array] = {
            "image_top1": plain.top1.astype(np.int32),
            "truth": truth,
            "top1": np.stack([np.where(a.finite, a.top1, -1) for a in asked.values()], 1).astype(np.int32),
        }
        if self.frequencies:
            frames = answers.signal(PIXELS).values
            shown = (answers.signal(self._pixels(name)).values for name in self._names)
            changes = [change_energy(frames, pixels, self.high) for pixels in shown]
            rows["change_energy"] = np.concatenate(changes, axis=1)
        kept = (*example(plain, asked, batch, self._names, self._middle), *mild(plain, asked, batch))
        return Tally(rows, kept=best(KEPT, kept), limit=KEPT)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """By cell, by corruption, by family, over all, beside AlexNet, and by frequency."""
        rows, at, known = tally.rows, self._set(subject), labels >= 0
        found: list[Estimate] = []
        cells = self._answers(rows, labels, subject) if known.any() else None
        if cells is not None:
            about = Told(self.estimate, cells, at, 1 / max(1, subject.n_classes), self._made(subject))
            found += about.figures()
            found.append(self.estimate("commonest_label_share", at=at, **figure(commonest(_labels_of(rows, labels)))))
            if self.reference != "none" or self.reference_clean_error is not None:
                found += about.beside(self.reference, self.reference_clean_error, subject.n_classes)
        if in_files(subject):
            found += left_out(self.estimate, rows, at)
        else:
            found += unlabelled(self.estimate, rows, self._cells(subject), at)
            if self.frequencies:
                found += self._spectra(rows, subject).told(cells)
        return Estimates(found)

    def estimates_against(self, tally: Tally, other: Tally, subject: Subject, opponent: Subject) -> Estimates:
        """Errors of one model less those of the other on the same pictures."""
        known = tally.rows["truth"] >= 0
        if not known.any():
            return Estimates()
        own, others = (self._answers(t.rows, t.rows["truth"], subject) for t in (tally, other))
        return Estimates(gaps(self.estimate, own, others, self._set(subject)))

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Errors by corruption, family and severity, beside where the spectrum changes; pictures."""
        return charts(estimates, self._names, self._middle)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """How much it loses, to what most, and what the figures may be compared with."""
        return [*findings(estimates), *self._unused(estimates)]

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """The image as it is and corrupted."""
        if case.key.startswith(MILD):
            return {"plain": CLEAN.view, "corrupted": self._picture(case.facts["corruption"], case.facts["severity"])}
        return {"plain": CLEAN.view, **{name: self._picture(name, self._middle) for name in self._names}}

    def _unused(self, estimates: Estimates) -> Iterator[Finding]:
        """Settings of pictures drawn here, where those of files were shown."""
        names = "rounding", "column", "jpeg85", "high"
        given = [name for name in names if getattr(self, name) != type(self).model_fields[name].default]
        if given and any(e.at.get("set") == "files" for e in estimates):
            yield Finding("note", f"Of pictures in files these settings mean nothing: {', '.join(given)}.")

    @property
    def _names(self) -> tuple[Name, ...]:
        return tuple(dict.fromkeys((*self.corruptions, *(EXTRAS if self.extras else ()))))

    @property
    def _middle(self) -> int:
        return self.severities[(len(self.severities) - 1) // 2]

    def _cells(self, subject: Subject) -> tuple[Cell, ...]:
        """Of files those extras, too, that are there: they have been shown."""
        names = dict.fromkeys((*self._names, *EXTRAS)) if in_files(subject) else self._names
        return tuple((name, severity) for name in names for severity in self.severities)

    def _picture(self, name: Name, severity: int) -> CorruptedPicture:
        return CorruptedPicture(name, severity, self.rounding, self.column, self.jpeg85)

    def _query(self, cell: Cell, reading: Reading = "answer") -> Query:
        """As ``calibration`` asks about it, so that it is shown once for both."""
        return Query(self._picture(*cell), reading)

    def _pixels(self, name: Name) -> Query:
        return self._query((name, self._middle), "pixels")

    def _answers(self, rows: Mapping[str, Array], labels: Array, subject: Subject) -> Cells:
        if in_files(subject):
            return Cells.of_files(self._cells(subject), rows, labels).without_absent(EXTRAS)
        known = labels >= 0
        return Cells.of_answers(
            self._cells(subject), rows["image_top1"][known], rows["top1"][known], np.asarray(labels)[known]
        )

    def _set(self, subject: Subject) -> dict[str, str]:
        return {"set": "files" if in_files(subject) else "generated"}

    def _made(self, subject: Subject) -> dict[str, Any]:
        """How pictures were made that are drawn here."""
        if in_files(subject):
            return {}
        return self._picture(PUBLISHED[0], 1).made_of(*subject.size)

    def _spectra(self, rows: Mapping[str, Array], subject: Subject) -> Spectra:
        energy = rows["change_energy"].reshape(-1, len(self._names), len(edges(self.high)))
        half, about = max(subject.size) / 2, self._set(subject)
        return Spectra(self.estimate, self._names, self._middle, energy, self.high, half, about)


def _labels_of(rows: Mapping[str, Array], labels: Array) -> Array:
    """One label a test image; in files it has many pictures."""
    known = labels >= 0
    first = np.unique(rows["source"][known], return_index=True)[1] if "source" in rows else slice(None)
    return np.asarray(labels[known][first])
