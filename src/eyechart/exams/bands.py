"""What the model can do with the coarse or the fine half of an image's frequencies (Wang et al., CVPR 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.view import Plain, View
from eyechart.core.words import figure
from eyechart.exams.bands_pictures import charts, findings
from eyechart.stats.intervals import differences, means, wilson
from eyechart.views.bands import Band, Grey

Side = Literal["low", "high"]
SIDES: tuple[Side, Side] = ("low", "high")
REFERENCE_RADII, REFERENCE_SIZE = (4.0, 8.0, 12.0, 16.0), 32


class Bands(Exam):
    """Accuracy on low-pass and high-pass images, and the images on which the two bands disagree.

    The image in the model's frame is split per channel at a radius r in cycles per image: ``low`` keeps the frequencies
    with D <= r, ``high`` is the rest; neither is clipped or rescaled (arXiv 1905.13545, table and figure 1).

    Measures, at {radius, radius_nyquist} (radius as a share of n/2) and, where named, {band: low | high}:
        accuracy {band}: share of images whose top class on that band is the label.
        accuracy_loss {band}: share of images right whole minus share right on the band, paired (below 0: a gain).
        nll {band}: mean negative log likelihood of the label on that band, nats.
        outcome_share {image, low, high: right | wrong}: the 2 x 2 x 2 table, shares of all images.
        high_not_low: share of all images with image and high band right but low band wrong.
        low_not_high: its reverse: image and low band right, high band wrong.
        high_not_low_by_chance: what high_not_low would be if each band's answers were permuted among the images.
        low_not_high_by_chance: likewise.
        high_agrees_not_low: share of images whose high band gets the whole image's answer while the low band does not;
            needs no labels.
        commonest_answer_share {band}: share of the band's answers that are its commonest class (1 = always the same); band
            whole: of the answers to whole images, without a radius.
        expected_accuracy_by_chance {band}: accuracy if the band's answers were permuted among the images.

    Rows: ``image_top1``, ``image_confidence``, and per radius (arrays in the order of the radii) ``low_top1``,
    ``low_confidence``, ``low_nll``, ``high_top1``, ``high_confidence``, ``high_nll``.

    Kept: the most confident ``high_not_low`` and ``low_not_high`` cases per radius, with image, low and high band.
    """

    name: ClassVar[str] = "bands"
    title: ClassVar[str] = "Coarse and fine detail"
    explanation: ClassVar[str] = (
        "Every image is a sum of coarse waves (shapes, shading) and fine waves (edges, grain); here the model sees only the "
        "coarse ones up to a radius, or only the fine ones above it. A model that goes by "
        "shapes keeps its answer when only the finest waves are missing; one that lives on fine detail does not."
    )

    radii: tuple[float, ...] | None = Field(
        None, description="Cycles per image; default 4, 8, 12, 16 at 32 pixels, scaled by n/32."
    )
    inclusive: bool = Field(True, description="low keeps D <= r (the paper); false: D < r (its code).")
    units: Literal["index", "isotropic"] = Field("index", description="Radius on frames that are not square.")
    gallery: int = Field(6, ge=0, description="Cases kept per radius and direction.")

    @field_validator("radii")
    @classmethod
    def _distinct_radii(cls, radii: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if radii is not None and (not radii or len(set(radii)) < len(radii) or not all(0 <= r < np.inf for r in radii)):
            raise ValueError("give one radius or more, all different, none below 0")
        return radii if radii is None else tuple(sorted(radii))

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass and two bands a radius."""
        if so_far:
            return None
        return (CLEAN, *(Query(self._band(s, r)) for r in self._radii(subject) for s in SIDES))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per radius in the band columns."""
        radii, clean = self._radii(batch.subject), answers[CLEAN]
        rows: dict[str, Array] = {
            "image_top1": clean.top1.astype(np.int32),
            "image_confidence": clean.confidence.astype(np.float32),
        }
        for side in SIDES:
            seen = [answers[Query(self._band(side, r))] for r in radii]
            rows[f"{side}_top1"] = np.stack([a.top1 for a in seen], 1).astype(np.int32)
            rows[f"{side}_confidence"] = np.stack([a.confidence for a in seen], 1).astype(np.float32)
            rows[f"{side}_nll"] = np.stack([a.nll(batch.labels) for a in seen], 1).astype(np.float32)
        return Tally(rows, kept=best(self.gallery, self._cases(rows, batch, radii)), limit=self.gallery)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """The image and its two bands; the high band on mid grey, since it has no brightness of its own."""
        radius = float(case.facts["radius"])
        low, high = self._band("low", radius), self._band("high", radius)
        return {"image": Plain(), "low": low, "high": high.then(Grey())}

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Figures per radius; those about right and wrong only over images with a label."""
        found: list[Estimate] = []
        nlls = {s: means(tally.rows[f"{s}_nll"][labels >= 0]) for s in SIDES} if (labels >= 0).any() else {}
        whole = tally.rows["image_top1"]
        found.append(self._commonest(whole, {"band": "whole"}))
        for j, radius in enumerate(self._radii(subject)):
            at = {"radius": radius, "radius_nyquist": radius / (max(subject.size) / 2)}
            told: dict[str, Array] = {"image": whole}
            told |= {s: tally.rows[f"{s}_top1"][:, j] for s in SIDES}
            found += self._label_free(told, at)
            if nlls:
                known = labels >= 0
                found += self._labelled({k: v[known] for k, v in told.items()}, labels[known], at)
                found += self._losses(tally, labels, j, at)
                found += [self.estimate("nll", unit="nats", at={"band": s, **at}, **figure(nlls[s][j])) for s in SIDES]
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Curves over the radius, the table, the gallery."""
        return charts(estimates)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """What is lost without fine detail; whether the model reads what people cannot."""
        return findings(estimates)

    def _radii(self, subject: Subject) -> tuple[float, ...]:
        if self.radii is not None:
            return self.radii
        return tuple(r * max(subject.size) / REFERENCE_SIZE for r in REFERENCE_RADII)

    def _band(self, side: Side, radius: float) -> Band:
        return Band(side, radius, self.inclusive, self.units)

    def _label_free(self, told: Mapping[str, Array], at: Mapping[str, Any]) -> Iterator[Estimate]:
        agrees = (told["high"] == told["image"]) & (told["low"] != told["image"])
        yield self.estimate("high_agrees_not_low", at=at, **figure(wilson(int(agrees.sum()), len(agrees))))
        for side in SIDES:
            yield self._commonest(told[side], {"band": side, **at})

    def _commonest(self, answers: Array, at: Mapping[str, Any]) -> Estimate:
        most = int(np.bincount(answers).max()) if len(answers) else 0
        return self.estimate("commonest_answer_share", at=at, **figure(wilson(most, len(answers))))

    def _labelled(self, told: Mapping[str, Array], labels: Array, at: Mapping[str, Any]) -> Iterator[Estimate]:
        n = len(labels)
        right = {k: v == labels for k, v in told.items()}
        shares: dict[str, Array] = {s: _answer_shares(told[s], labels) for s in SIDES}
        for side in SIDES:
            yield self.estimate("accuracy", at={"band": side, **at}, **figure(wilson(int(right[side].sum()), n)))
            by_chance = float(shares[side].mean())
            yield self.estimate("expected_accuracy_by_chance", at={"band": side, **at}, value=by_chance, n=n)
        for outcome in product((True, False), repeat=3):
            names = dict(zip(("image", *SIDES), ("right" if o else "wrong" for o in outcome), strict=True))
            count = np.logical_and.reduce(
                [right[k] == o for k, o in zip(("image", *SIDES), outcome, strict=True)]
            ).sum()
            yield self.estimate("outcome_share", at={**names, **at}, **figure(wilson(int(count), n)))
        for hit, miss in (("high", "low"), ("low", "high")):
            count = right["image"] & right[hit] & ~right[miss]
            yield self.estimate(f"{hit}_not_{miss}", at=at, **figure(wilson(int(count.sum()), n)))
            chance = float((right["image"] * shares[hit] * (1 - shares[miss])).mean())
            yield self.estimate(f"{hit}_not_{miss}_by_chance", at=at, value=chance, n=n)

    def _losses(self, tally: Tally, labels: Array, j: int, at: Mapping[str, Any]) -> Iterator[Estimate]:
        known = labels >= 0
        whole = (tally.rows["image_top1"] == labels)[known]
        band = np.stack([(tally.rows[f"{s}_top1"][:, j] == labels)[known] for s in SIDES], axis=1)
        for side, loss in zip(SIDES, differences(whole[:, None], band), strict=True):
            yield self.estimate("accuracy_loss", unit="difference of shares", at={"band": side, **at}, **figure(loss))

    def _cases(self, rows: Mapping[str, Array], batch: Batch, radii: Sequence[float]) -> Iterator[Kept]:
        label = batch.labels
        image_right = (rows["image_top1"] == label) & (label >= 0)
        for (j, radius), (hit, miss) in product(enumerate(radii), (("high", "low"), ("low", "high"))):
            hits = image_right & (rows[f"{hit}_top1"][:, j] == label) & (rows[f"{miss}_top1"][:, j] != label)
            for i in np.flatnonzero(hits):
                facts: dict[str, Any] = {
                    "radius": radius,
                    "group": f"radius {radius:g}",
                    "label": _name(batch, label[i]),
                }
                for key in ("image", *SIDES):
                    at = i if key == "image" else (i, j)
                    facts[f"{key}_says"] = _name(batch, rows[f"{key}_top1"][at])
                    facts[f"{key}_confidence"] = float(rows[f"{key}_confidence"][at])
                score = round(
                    float(rows[f"{hit}_confidence"][i, j]), 6
                )  # rounding noise must not choose among the certain
                yield Kept(f"bands/{hit}_not_{miss}/{radius:g}/", score, batch.ids[i], facts)


def _answer_shares(answers: Array, labels: Array) -> Array:
    """For each image: the share of all answers that are its label, the chance to be right after a permutation."""
    size = int(max(answers.max(initial=0), labels.max(initial=0))) + 1
    return np.asarray((np.bincount(answers, minlength=size) / len(answers))[labels])


def _name(batch: Batch, index: int) -> str:
    return batch.subject.class_name(int(index))
