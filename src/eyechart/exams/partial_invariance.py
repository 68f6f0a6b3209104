"""Whether only images like the training images are answered steadily (Azulay & Weiss, JMLR 20(184), 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.view import Plain, View
from eyechart.core.words import figure
from eyechart.exams.partial_invariance_pictures import charts, charts_beside, findings, findings_beside
from eyechart.models.stages import named
from eyechart.stats.intervals import apart, means, ratios
from eyechart.stats.neighbours import nearest, unit_vectors
from eyechart.views.feature_vectors import FeatureVector, penultimate
from eyechart.views.placed import Placed
from eyechart.views.shifts import CropShift
from eyechart.views.shrunk import Shrunk

SAME = 1e-4  # distances of unit vectors below this are float32's own


class PartialInvariance(Exam):
    """How often a one-pixel shift changes the answer, by how near the image is to the training images.

    The paper (arXiv 1805.12177) concludes that networks learn to be invariant "only for images that are very similar to typical
    images from the training set", and gives no measure of similarity. Here the distance of an image is that of the nearest
    neighbours of Sun et al. (ICML 2022, arXiv 2204.06507): Euclidean, between penultimate features at length one (0 to 2), to
    the ``neighbour``-th nearest training image, exactly and over all that are given. Features are of the plain image; pairs of
    frames are those of the exam ``shift``. Images are dealt by distance into ``parts`` of equal numbers.

    Distant images are harder, too, and unsure answers change easily, whatever the distance means. So there are four {given}:
        all: all images.
        correct: images that are answered rightly as they are.
        like_confidence: all images, in order of the probability of the plain image's top class, are taken in groups of as many
            as there are parts; of each group the nearest goes to the first part, the farthest to the last. Parts are then alike
            in confidence, and what is left of a difference is that of distance (an incomplete last group is left out).
        correct_like_confidence: likewise, of images that are answered rightly.
    Confidence may itself be how familiarity works: matched figures say what distance adds to it, not that it does nothing.

    Measures, at {given, part} (1 = nearest to the training images):
        p_top1_change: share of pairs whose top class differs; without ``part``, for all and correct, over all parts.
        distance, confidence: means over images.
        accuracy: share of images that are right as they are.
        change_gap {given}: p_top1_change of the last part minus that of the first.
        training_images {layer, neighbour}: how many there were to compare with, the layer whose output is the feature, and to
            which of them distances are.
        same_images: examined images that the network cannot tell from a training image (distance below 1e-4): duplicates.
        skipped_pairs: pairs that could not be drawn, because the image leaves no room for the move.
    ``n`` counts images that gave at least one pair. Intervals resample whole images; those of change_gap are recovered from the
    two parts' own, too wide if anything where parts are matched.

    Rows: ``feature``, the layer's output, its mean over places where it holds a map; ``top1``, ``doubt`` (1 - confidence), and
    (one entry a pair) ``top1_1``, ``top1_2``, ``valid``. Of training images ``feature`` alone.
    """

    name: ClassVar[str] = "partial_invariance"
    headline: ClassVar[tuple[str, ...]] = ("change_gap",)
    title: ClassVar[str] = "Steady on familiar images only?"
    explanation: ClassVar[str] = (
        "The images are sorted by how much they resemble a training image, as the network itself sees them, and the answers "
        "that a one-pixel shift changes are counted in each part. A network that ignores shifts as such does so everywhere; "
        "one that has merely learned to, from its training images, does so near them."
    )
    version: ClassVar[int] = 2  # the feature is what the last weighted step reads, however wide
    needs_training: ClassVar[bool] = True
    only_estimates: ClassVar[tuple[str, ...]] = ("neighbour", "parts")

    layer: str | None = Field(None, description="Whose output is compared; default: the last before the classes.")
    neighbour: int = Field(1, ge=1, description="Distance to which nearest training image, 1 = the nearest.")
    parts: int = Field(4, ge=2, le=20, description="Parts of equal numbers of images, by distance.")
    images: int = Field(10_000, ge=1, description="At most so many images, the first of the seeded order.")
    references: int = Field(50_000, ge=1, description="At most so many training images.")
    protocol: Literal["crop", "embed_black"] = Field("crop", description="How the pairs are made, as in shift.")
    pairs_per_image: int = Field(4, ge=1, description="Pairs an image.")
    shift_in: Literal["original", "resized"] = Field("original", description="crop: move before or after the resize.")
    area: tuple[float, float] = Field((0.08, 1.0), description="crop: the square's share of the largest square.")
    short_side: int = Field(100, ge=1, description="embed: short side of the shrunk image at an input of 224.")

    @field_validator("area")
    @classmethod
    def _area_in_order(cls, area: tuple[float, float]) -> tuple[float, float]:
        if not 0 < area[0] <= area[1] <= 1:
            raise ValueError("give two shares, the smaller first, above 0 and up to 1")
        return area

    def most(self, subject: Subject) -> int:
        """``images``, or ``references``."""
        return self.references if subject.training else self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """Features of all, and of the examined images both frames of each pair. Raises UnknownNameError: no such layer."""
        if so_far:
            return None
        if subject.training:
            return (self._features(subject),)
        frames = [Query(self._view(pair, number)) for pair in range(self.pairs_per_image) for number in (1, 2)]
        return (CLEAN, self._features(subject), *frames)

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image."""
        values = answers.features(self._features(batch.subject)).values
        feature = next(iter(values.values()), np.empty((len(batch.ids), 0))).astype(np.float32)
        if batch.subject.training:
            return Tally({"feature": feature})
        clean = answers[CLEAN]
        first, second = (
            [answers[Query(self._view(pair, number))] for pair in range(self.pairs_per_image)] for number in (1, 2)
        )
        return Tally(
            {
                "feature": feature,
                "top1": clean.top1.astype(np.int32),
                "doubt": -np.expm1(clean.log_p.max(1)).astype(np.float32),
                "top1_1": np.stack([one.top1 for one in first], 1).astype(np.int32),
                "top1_2": np.stack([one.top1 for one in second], 1).astype(np.int32),
                "valid": np.stack([a.valid & b.valid for a, b in zip(first, second, strict=True)], 1),
            }
        )

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """How often answers change at all."""
        if subject.training:
            return Estimates()
        found = []
        changed, pairs = _pairs(tally.rows)
        for given, group in _groups(tally.rows, labels).items():
            (interval,) = ratios(changed[group, None], pairs[group, None], share=True)
            found.append(self.estimate("p_top1_change", at={"given": given}, **figure(interval)))
        skipped = float((~tally.rows["valid"]).sum())
        return Estimates([*found, self.estimate("skipped_pairs", unit="count", value=skipped, n=len(labels))])

    def estimates_beside(self, tally: Tally, labels: Array, training: Tally, subject: Subject) -> Estimates:
        """By distance from the training images."""
        rows, references = tally.rows, training.rows["feature"]
        if why := self._impossible(rows["feature"], references):
            return Estimates([self.estimate("change_gap", value=None, n=len(labels), at={"given": "all"}, reason=why)])
        distances = nearest(unit_vectors(rows["feature"]), unit_vectors(references), self.neighbour)
        counted = {"unit": "count", "n": len(labels)}
        at = {"layer": self._layer(subject), "neighbour": self.neighbour}
        found = [
            self.estimate("training_images", value=float(len(references)), at=at, **counted),
            self.estimate("same_images", value=float((distances[:, 0] < SAME).sum()), **counted),
        ]
        held = rows["valid"].any(1)
        for given, group in _groups(rows, labels).items():
            together, alike = np.where(group & held, 0, -1), _in_groups(rows["doubt"], group & held, self.parts)
            for name, strata in ((given, together), (MATCHED[given], alike)):
                found += self._by_distance(rows, labels, distances[:, -1], strata, name)
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """How often answers change at all."""
        return charts(estimates)

    def charts_beside(self, estimates: Estimates, training: Estimates) -> Sequence[Chart]:
        """Change by distance, and what else differs between the parts."""
        return charts_beside(training)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """How often answers change at all."""
        return findings(estimates)

    def findings_beside(self, training: Estimates) -> Sequence[Finding]:
        """Near against far, before and after the controls."""
        return findings_beside(training)

    def _layer(self, subject: Subject) -> str:
        """Empty if there is none."""
        if self.layer is None:
            return penultimate(subject.layers, subject.n_classes) or ""
        return named((self.layer,), subject.layers, subject.geometry, "partial_invariance.layer")[-1]

    def _features(self, subject: Subject) -> Query:
        layer = self._layer(subject) if subject.layers else ""
        return Query(Plain(), "layers", tap=FeatureVector((layer,) if layer else (), subject.size))

    def _view(self, pair: int, number: Literal[1, 2]) -> View:
        if self.protocol == "crop":
            return CropShift(number, pair, 1, self.shift_in, self.area)
        return Shrunk(self.short_side, "black", room=1).then(Placed(pair, (number - 1, number - 1)))

    def _impossible(self, features: Array, references: Array) -> str:
        """Why nothing can be said; empty if it can."""
        if not features.shape[1]:
            return "no layer of this network holds one vector an image"
        if len(references) < self.neighbour:
            return f"{len(references)} is too few training images for neighbour {self.neighbour}"
        if len(features) < self.parts:
            return f"{len(features)} is too few images for {self.parts} parts"
        if np.ptp(unit_vectors(features), axis=0).max() < SAME:
            return "the network's features are the same for all images"
        return ""

    def _by_distance(
        self, rows: Mapping[str, Array], labels: Array, distance: Array, strata: Array, given: str
    ) -> Iterator[Estimate]:
        part = dealt(distance, strata, self.parts)
        member = part[:, None] == np.arange(self.parts)
        changed, pairs = _pairs(rows)
        shares = ratios(changed[:, None] * member, pairs[:, None] * member, share=True)
        right = (rows["top1"] == labels).astype(float)
        measured = {"distance": distance, "confidence": 1.0 - rows["doubt"].astype(float)}
        for j, interval in enumerate(shares):
            at = {"given": given, "part": j + 1}
            yield self.estimate("p_top1_change", at=at, **figure(interval))
            for measure, values in measured.items():
                (mean,) = means(values[member[:, j], None])
                unit = "distance" if measure == "distance" else "probability"
                yield self.estimate(measure, unit=unit, at=at, **figure(mean))
            if "correct" not in given and (labels >= 0).any():
                (mean,) = means(right[member[:, j] & (labels >= 0), None], share=True)
                yield self.estimate("accuracy", at=at, **figure(mean))
        gap = figure(apart(shares[-1], shares[0]))
        yield self.estimate("change_gap", unit="difference of shares", at={"given": given}, **gap)


MATCHED = {"all": "like_confidence", "correct": "correct_like_confidence"}


def dealt(distance: Array, strata: Array, parts: int) -> Array:
    """Which part (0 = nearest) each image goes to, by its rank in distance among its own stratum: (n,), -1 for none.

    Args:
        distance: (n,).
        strata: (n,) numbers from 0; -1 has no part in it.
    """
    order = np.lexsort((distance, strata))
    _, first, size = np.unique(strata[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(first, size)
    part = np.empty(len(order), np.int64)
    part[order] = rank * parts // np.repeat(size, size)
    return np.where(strata >= 0, part, -1)


def _in_groups(doubt: Array, chosen: Array, size: int) -> Array:
    """Numbers of groups of ``size`` chosen images next to each other in order of doubt, -1 for those left over."""
    where = np.flatnonzero(chosen)
    where = where[np.argsort(doubt[where], kind="stable")]
    group = np.full(len(doubt), -1)
    whole = len(where) // size * size
    group[where[:whole]] = np.arange(whole) // size
    return group


def _pairs(rows: Mapping[str, Array]) -> tuple[Array, Array]:
    """Of each image how many pairs changed, and how many there are."""
    changed = (rows["top1_1"] != rows["top1_2"]) & rows["valid"]
    return changed.sum(1).astype(float), rows["valid"].sum(1).astype(float)


def _groups(rows: Mapping[str, Array], labels: Array) -> dict[str, Array]:
    groups = {"all": np.ones(len(labels), bool)}
    if (labels >= 0).any():
        groups["correct"] = rows["top1"] == labels
    return groups
