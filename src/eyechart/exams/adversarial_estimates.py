"""From the rows of the adversarial exam to its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array, Subject
from eyechart.core.tally import Tally
from eyechart.core.told import clean_accuracy
from eyechart.core.words import figure
from eyechart.exams.adversarial_flags import NONE_RIGHT, ROUNDING, Flags
from eyechart.exams.adversarial_layout import SIDES, Layout
from eyechart.exams.adversarial_rows import even_beyond, ring_counts
from eyechart.stats.intervals import Interval, differences, means, median, share_of

Say = Callable[..., Estimate]
NO_LABEL, NONE_BROKEN = "no image has a label", "no attack of this size broke an image"
ALL = "all"  # attacks together


@dataclass(frozen=True)
class Reckoning:
    """Figures of the images with a label.

    Attributes:
        say: makes an estimate of the exam.
        layout: what was asked.
        rows, labels: of the images with a label.
        right: (n,) whether the model gets the image as it is.
        subject: as given to ``ask``.
    """

    say: Say
    layout: Layout
    rows: Mapping[str, Array]
    labels: Array
    right: Array
    subject: Subject

    @classmethod
    def of(cls, say: Say, layout: Layout, tally: Tally, labels: Array, subject: Subject) -> Reckoning:
        """Of a merged tally."""
        known = labels >= 0
        rows = {name: column[known] for name, column in tally.rows.items()}
        return cls(say, layout, rows, labels[known], rows["image_top1"] == labels[known], subject)

    def estimates(self) -> Iterator[Estimate]:
        """All of them; without labels only that there are none."""
        if not len(self.labels):
            yield self.say("robust_accuracy", value=None, n=0, reason=NO_LABEL)
            return
        yield from clean_accuracy(self.say, self.rows["image_top1"], self.labels, self.subject.n_classes)
        yield from self._accuracies()
        yield from self._smallest()
        yield from self._transfer()
        yield from self._anatomy()
        yield from self._spectra()
        yield from Flags(self).estimates()

    def standing(self, attack: str) -> Array:
        """(n, sizes) or (n,) whether an image is right and stays so under an attack."""
        broken = self.rows[f"{attack}_broken"]
        right = self.right[:, None] if broken.ndim == 2 else self.right
        return np.asarray(right & ~broken)

    @property
    def together(self) -> Array:
        """(n, sizes) whether nothing that was tried within a size broke the image: what is found in a smaller ball counts."""
        standing = np.repeat(self.right[:, None], len(self.layout.sizes), 1)
        for name, trials in self.layout.columns.items():
            broken = self.rows[f"{name}_broken"].reshape(len(self.labels), -1)
            for trial, fell in zip(trials, broken.T, strict=True):
                standing &= ~(fell[:, None] & (np.array(self.layout.sizes) >= trial.eps * (1 - 1e-9)))
        if "distance" in self.rows:
            standing &= ~(self.rows["distance"][:, None] <= np.array(self.layout.sizes) * (1 + ROUNDING))
        return standing

    def at(self, eps: float) -> dict[str, Any]:
        """Coordinates of a size."""
        return {"eps": self.layout.told(eps)}

    def _accuracies(self) -> Iterator[Estimate]:
        """Of all attacks together by size; then by attack."""
        for eps, stands in zip(self.layout.sizes, self.together.T, strict=True):
            yield self.say("robust_accuracy", at={"attack": ALL, **self.at(eps)}, **figure(share_of(stands)))
        for name, trials in self.layout.columns.items():
            standing = self.standing(name).reshape(len(self.labels), -1)
            for trial, stands in zip(trials, standing.T, strict=True):
                yield self.say("robust_accuracy", at={"attack": name, **self.at(trial.eps)}, **figure(share_of(stands)))

    def _smallest(self) -> Iterator[Estimate]:
        """Of the smallest changes found: the median over right images, and how many are left at each size."""
        if "distance" not in self.rows:
            return
        distance = np.where(np.isnan(self.rows["distance"]), np.inf, self.rows["distance"].astype(np.float64))
        unit = {"linf": "pixel value", "l2": "L2 norm"}[self.layout.norm]
        yield self.say("median_distance", unit=unit, **_half(median(distance[self.right])))
        for eps in self.layout.places:
            stands = share_of(self.right & (distance > eps))
            yield self.say("minimal_curve", at=self.at(eps), **figure(stands))

    def _transfer(self) -> Iterator[Estimate]:
        """What changes made on another model do, to images that both get right."""
        other = self.layout.surrogate
        if other is None:
            return
        both = self.right & self.rows["surrogate_right"]
        why = "" if both.any() else "no image is right by both"
        for j, eps in enumerate(self.layout.sizes):
            at = {**self.at(eps), "surrogate": other.title}
            for measure, column in (("transfer_success", "transfer"), ("surrogate_success", "surrogate")):
                lost = self.rows[f"{column}_broken"][both, j]
                yield self.say(measure, at=at, **figure(share_of(lost), why))

    def _anatomy(self) -> Iterator[Estimate]:
        """What each part of a change that broke an image does by itself, and what a low-pass gives back, and costs."""
        radius = self.layout.radius_at(self.layout.radius)
        filtered = self.rows["clean_filtered_right"]
        (cost,) = differences(self.right[:, None], filtered[:, None])
        yield self.say("low_pass_cost", unit="difference of shares", at=radius, **figure(cost))
        if not self.layout.dissected:
            return
        through = share_of(self.rows["through_right"])
        yield self.say("through_accuracy", at={**self.at(self.layout.at), **radius}, **figure(through))
        broken = self.rows[f"{self.layout.dissected}_broken"]
        for j, eps in enumerate(self.layout.sizes):
            fell = self.right & broken[:, j]
            why = "" if fell.any() else NONE_BROKEN
            for side in SIDES:
                part = share_of(self.rows[f"{side}_part_broken"][fell, j])
                yield self.say("part_success", at={"part": side, **self.at(eps), **radius}, **figure(part, why))
            back = self.rows["filtered_right"][:, j]
            yield self.say("repaired", at={**self.at(eps), **radius}, **figure(share_of(back[fell]), why))
            yield self.say("filtered_accuracy", at={**self.at(eps), **radius}, **figure(share_of(back)))

    def _spectra(self) -> Iterator[Estimate]:
        """Where in the plane the energy of changes that broke an image lies."""
        layout, n = self.layout, len(self.labels)
        if not layout.dissected:
            return
        sizes = len(layout.sizes)
        beyond = self.rows["change_beyond"].reshape(n, sizes, -1)
        by_ring = self.rows["change_rings"].reshape(n, sizes, -1)
        broken = self.right[:, None] & self.rows[f"{layout.dissected}_broken"]
        yield from self._yardsticks()
        radii, counts = ring_counts(layout.size)
        for j, eps in enumerate(layout.sizes):
            fell = broken[:, j] & np.isfinite(by_ring[:, j]).all(1)
            why, at = "" if fell.any() else NONE_BROKEN, self.at(eps)
            for k, (where, radius) in enumerate(self._radii()):
                (mean,) = means(beyond[fell, j, k][:, None])
                yield self.say(f"change_beyond{where}", at={**at, **radius}, **figure(_share(mean), why))
            density = by_ring[fell, j] * (counts.sum() / counts)
            for ring, mean in enumerate(means(density) if fell.any() else []):
                place = {"ring": ring, **layout.radius_at(round(float(radii[ring]), 6))}
                yield self.say("ring_energy", unit="ratio to an even spectrum", at={**at, **place}, **figure(mean))

    def _yardsticks(self) -> Iterator[Estimate]:
        """The images' own energy there, and that of white noise."""
        even = even_beyond(self.layout.size, self.layout.radii_beyond)
        for k, (where, radius) in enumerate(self._radii()):
            (mean,) = means(self.rows["image_beyond"][:, k][:, None])
            why = "" if mean.n else "no image has any detail"
            yield self.say(f"image_beyond{where}", at=radius, **figure(_share(mean), why))
            if not where:
                yield self.say("frequencies_beyond", value=even[k - 1], n=len(self.labels), at=radius)

    def _radii(self) -> list[tuple[str, dict[str, float]]]:
        fixed = [("", self.layout.radius_at(radius)) for radius in self.layout.radii_beyond]
        return [("_head", {}), *fixed]


def _half(found: Interval) -> dict[str, Any]:
    """A median that may be infinite: where more than half withstand, or may."""
    if found.value is None:
        return figure(found, NONE_RIGHT)
    if not np.isfinite(found.value):
        return figure(found, "more than half of them withstood all that was tried")
    high = (
        found.high if found.high is not None and np.isfinite(found.high) else None
    )  # it may be more than was searched
    return figure(replace(found, high=high))


def _share(mean: Interval) -> Interval:
    """Rounding may push an end past 1."""
    if mean.value is None or mean.low is None or mean.high is None:
        return mean
    return Interval(min(mean.value, 1.0), min(mean.low, 1.0), min(mean.high, 1.0), mean.n, mean.method)
