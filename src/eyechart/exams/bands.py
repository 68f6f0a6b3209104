"""What the model can do with the coarse or the fine half of an image's frequencies (Wang et al., CVPR 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.groups import group_columns
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.tally import Kept, Tally, best, sums_by_block
from eyechart.core.view import Plain, View
from eyechart.exams.bands_comparisons import further_charts, further_findings
from eyechart.exams.bands_estimates import Reckoning
from eyechart.exams.bands_head import pooled_radius, ring_power
from eyechart.exams.bands_layout import SIDES, Head, Layout, Name
from eyechart.exams.bands_pictures import charts, findings
from eyechart.exams.bands_training import charts_beside, findings_beside
from eyechart.views.bands import Band, Grey
from eyechart.views.splits import PooledHead

REFERENCE_RADII, REFERENCE_SIZE = (4.0, 8.0, 12.0, 16.0), 32
PIXELS = Query(reading="pixels")


class Bands(Exam):
    """Accuracy on low-pass and high-pass images, and the images on which the two bands disagree.

    The image in the model's frame is split per channel at a radius r in cycles per image: ``low`` keeps the frequencies
    with D <= r, ``high`` is the rest; neither is clipped or rescaled (arXiv 1905.13545, table and figure 1).

    Measures, at {radius, radius_nyquist} (radius as a share of n/2) and, where named, {band: low | high}:
        accuracy {band}: share of images whose top class on that band is the label.
        accuracy_loss {band}: share of images right whole minus share right on the band, paired (below 0: a gain).
        nll {band}: mean negative log likelihood of the label on that band, nats.
        outcome_share {image, low, high: right | wrong}: the 2 x 2 x 2 table, shares of all images.
        outcome_confidence {image, low, high, on: image | low | high}: mean top-1 confidence on one of the three pictures
            over the images of one cell of the table.
        high_not_low: share of all images with image and high band right but low band wrong.
        low_not_high: its reverse: image and low band right, high band wrong.
        high_not_low_by_chance: what high_not_low would be if each band's answers were permuted among the images.
        low_not_high_by_chance: likewise.
        high_agrees_not_low: share of images whose high band gets the whole image's answer while the low band does not;
            needs no labels.
        commonest_answer_share {band}: share of the band's answers that are its commonest class (1 = always the same); band
            whole: of the answers to whole images, without a radius.
        expected_accuracy_by_chance {band}: accuracy if the band's answers were permuted among the images.
        empty_band {band}: 0, the number of frequencies in a band that holds none in this frame, such as the high band at
            a radius beyond the corner; only such bands have this measure. What they are given as is a picture of zeros.
    area_under_curve, at {band: low | high} alone: mean height of accuracy over the radius between the smallest and the
        largest of the radii by the trapezoid rule (the area under accuracy over r/(n/2), divided by the span of the radii:
        1 = always right, whatever the radii); images are resampled whole, one area each. Undefined for a single radius.

    With bands that name ``pass``: accuracy, nll and commonest_answer_share at {band: pass, inner, radius, radius_nyquist}
    of the images made of inner < D <= radius, inner being the next smaller of the radii. The first, inner 0, is low(r) with
    the mean in it. high_agrees_not_low, the table and all that follows from it need both low and high.

    With head (Lin et al., NeurIPS 2023: the spectrum of natural images has a head and a long tail): all measures
    of a radius, at {split: head_pooled | head_per_image, radius, radius_nyquist} (per image: the mean radius), where low is
    the head, D <= the smallest radius that holds head_share of the power of the grey image (.2989 R + .587 G + .114 B)
    without zero frequency, and high the tail; and at {split} alone:
        head_radius: the radius from the power summed over all images, or the mean of the images' own, cycles per image.
        images_without_head (head_per_image): flat images, which take no part in the split.

    With control: all measures of a radius, at {control: svd, radius, radius_nyquist}, where low is made of each channel's
    fewest largest singular values that hold at least the energy of its low band at that radius (the paper does not say how
    many it took), and high is the rest; and at the radius
        high_not_low_above_control: high_not_low minus that of the control, paired by image.

    Beside training images: accuracy and nll at {..., images: training}, and accuracy_gap, nll_gap at the coordinates of either:
        training minus examined (images differ, so these are not paired).

    With by: accuracy at {band, radius, radius_nyquist, by: column, value} and, of whole images, {band: whole, by, value}.

    Rows: ``image_top1``, ``image_confidence``, and per radius (arrays in the order of the radii) ``low_top1``,
    ``low_confidence``, ``low_nll``, ``high_top1``, ``high_confidence``, ``high_nll``; with the settings above the same
    three for ``pass_``, ``svd_low_``, ``svd_high_``, and, one an image, for ``head_low_``, ``head_high_``; ``head_radius``
    (NaN = none); ``group_<column>`` (name as bytes, empty = none).

    Sums (head pooled): ``power`` of the grey images at each distinct radius above 0.

    Kept: the most confident ``high_not_low`` and ``low_not_high`` cases per radius, with image, low and high band.
    """

    name: ClassVar[str] = "bands"
    version: ClassVar[int] = 2
    training: ClassVar[tuple[str, ...]] = ("accuracy", "nll")
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "high_not_low")
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
    bands: tuple[Name, ...] = Field(
        ("low", "high"), min_length=1, description="low, high, pass (between each two neighbours of the radii)."
    )
    head: Head = Field(
        "none", description="Split also where the images' power says, at one radius for all or at each image's own."
    )
    head_share: float = Field(0.8, gt=0, lt=1, description="head: share of the power that the head holds.")
    control: bool = Field(False, description="Split also by singular values, at the energy of each low band.")
    by: tuple[str, ...] = Field((), description="Accuracy also per group: label, or columns of the images' table.")

    @field_validator("radii")
    @classmethod
    def _distinct_radii(cls, radii: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if radii is not None and (not radii or len(set(radii)) < len(radii) or not all(0 <= r < np.inf for r in radii)):
            raise ValueError("give one radius or more, all different, none below 0")
        return radii if radii is None else tuple(sorted(radii))

    @field_validator("bands", "by")
    @classmethod
    def _distinct_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("name each once")
        return names

    @model_validator(mode="after")
    def _control_has_a_counterpart(self) -> Self:
        if self.control and not {*SIDES} <= {*self.bands}:
            raise ValueError("control compares with the bands low and high: name both in bands, or leave it off")
        return self

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass and the parts; before that the pixels, where a pooled spectrum is to say how to part them."""
        layout = self._layout(subject)
        if self.head != "pooled":
            return None if so_far else (CLEAN, *layout.queries(None))
        if not so_far:
            return (PIXELS,)
        if len(so_far) > 1 or "power" not in so_far[0].sums:  # no image could be examined
            return None
        radius = float(pooled_radius(so_far[0].sums["power"].sum(0), subject.size, self.head_share, self.units))
        return (CLEAN, PIXELS, *layout.queries(radius if np.isfinite(radius) else None))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per radius in the band columns."""
        sums = {}
        if self.head == "pooled":
            sums["power"] = sums_by_block(ring_power(answers.signal(PIXELS).values, self.units), batch.ids)
            if CLEAN not in answers:
                return Tally(sums=sums)
        rows = {
            "image_top1": answers[CLEAN].top1.astype(np.int32),
            "image_confidence": answers[CLEAN].confidence.astype(np.float32),
        }
        layout = self._layout(batch.subject)
        pooled = next((q.view.radius for q in answers if isinstance(q.view, PooledHead)), None)
        for name, views in layout.views(pooled).items():
            seen = [answers[Query(view)] for view in views]
            columns = {
                "top1": np.stack([a.top1 for a in seen], 1).astype(np.int32),
                "confidence": np.stack([a.confidence for a in seen], 1).astype(np.float32),
                "nll": np.stack([a.nll(batch.labels) for a in seen], 1).astype(np.float32),
            }
            rows |= {f"{name}_{k}": v[:, 0] if name.startswith("head") else v for k, v in columns.items()}
            if name == "head_low":
                own = seen[0].notes.get("head_radius", np.full(len(batch.ids), pooled))
                rows["head_radius"] = own.astype(np.float32)
        rows |= group_columns(self.by, batch.targets, "bands.by")
        cases = self._cases(rows, batch, layout.radii) if layout.sides == SIDES else ()
        return Tally(rows, sums, best(self.gallery, cases), self.gallery)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """The image and its two bands; the high band on mid grey, since it has no brightness of its own."""
        radius = float(case.facts["radius"])
        low, high = (Band(side, radius, self.inclusive, self.units) for side in SIDES)
        return {"image": Plain(), "low": low, "high": high.then(Grey())}

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Figures per radius; those about right and wrong only over images with a label."""
        return Reckoning(self.estimate, self._layout(subject), self.by, tally, labels, subject).estimates()

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Curves over the radius, the table, the gallery; then what further settings ask for."""
        return (*charts(estimates), *further_charts(estimates, self.head_share))

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """What is lost without fine detail; whether the model reads what the coarse image lacks; what further settings tell."""
        return (*findings(estimates), *further_findings(estimates, self.head_share))

    def charts_beside(self, estimates: Estimates, training: Estimates) -> Sequence[Chart]:
        """Both bands over the radius, on training and on examined images."""
        return charts_beside(estimates, training)

    def findings_beside(self, training: Estimates) -> Sequence[Finding]:
        """How much better each band is on training images."""
        return findings_beside(training)

    def _layout(self, subject: Subject) -> Layout:
        radii = self.radii or tuple(r * max(subject.size) / REFERENCE_SIZE for r in REFERENCE_RADII)
        shown = (self.bands, self.inclusive, self.units, self.head, self.head_share, self.control)
        return Layout(subject.size, radii, *shown)

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


def _name(batch: Batch, index: int) -> str:
    return batch.subject.class_name(int(index))
