"""What is counted of confidence: by condition, and of conditions together, whole images being the units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.told import Make
from eyechart.core.words import figure
from eyechart.exams.calibration_conditions import Group, shown_of
from eyechart.stats.calibration import ece, ece_if_calibrated, equal_mass
from eyechart.stats.intervals import ratios, share_of
from eyechart.stats.temperature import OWN, SLOPES

NOTHING = "no image with a label could be shown so"
UNITS = {
    "confidence": "probability",
    "overconfidence": "difference of shares",
    **dict.fromkeys(("nll", "held_out_nll", "nll_removed"), "nats"),
    **dict.fromkeys(("brier", "held_out_brier"), "squared distance"),
}


@dataclass(frozen=True)
class Believed:
    """Answers of images that all have a label.

    Attributes:
        make: makes an estimate of the exam.
        rows: of the exam, an entry for each condition, the clean image first.
        labels: (n,).
        bins, debiased, coverage: settings of the exam.
    """

    make: Make
    rows: Mapping[str, Array]
    labels: Array
    bins: int
    debiased: bool
    coverage: float

    @cached_property
    def right(self) -> Array:
        """(n, conditions) bool."""
        return np.asarray(self.rows["top1"] == self.labels[:, None])

    @cached_property
    def sure(self) -> Array:
        """(n, conditions) log odds for the answer: as confidence ranks them, but those near 1 are still told apart."""
        against = self.rows["odds_against"].reshape(*self.rows["nll"].shape, len(SLOPES))[..., OWN]
        return -np.asarray(against, np.float64)

    def estimates(self, group: Group) -> Iterator[Estimate]:
        """All figures of some conditions together."""
        images, places = shown_of(group.columns, self.rows["valid"])
        confidence = self.rows["confidence"][images, places].astype(np.float64)
        right = self.right[images, places]
        yield from self._means(group, right, confidence, images, places)
        yield from self.errors("ece", "ece_if_calibrated", group.at, confidence, right, images)
        yield from self._selective(group, self.sure[images, places], right, images)
        if set(group.at) == {"shown"}:
            yield from self._reliability(group, confidence, right, images)

    def errors(
        self, error: str, limit: str, at: Mapping[str, Any], confidence: Array, right: Array, images: Array
    ) -> Iterator[Estimate]:
        """The calibration error, and what noise alone stays below; (m,) each, ``images`` says whose an answer is."""
        if not len(images):
            yield from (
                self.make(m, unit="probability", at=at, value=None, n=0, reason=NOTHING) for m in (error, limit)
            )
            return
        same: dict[str, Any] = {"debiased": self.debiased, "clusters": None if _alone(images) else images}
        noise = ece_if_calibrated(confidence, self.bins, **same)
        found = ece(confidence, right, self.bins, limit=noise, **same)
        yield self.make(error, unit="probability", at=at, **figure(found))
        yield self.make(
            limit, unit="probability", at=at, value=noise, n=found.n, method="97.5 % point under calibration"
        )

    def say(self, at: Mapping[str, Any], named: Mapping[str, tuple[Array, Array]], images: Array) -> Iterator[Estimate]:
        """Means over the answers that count: measure -> their values and whether they count, (m,) each; images resampled."""
        count = len(self.labels)
        sums = [np.stack([np.bincount(images, c[k], count) for c in named.values()], 1) for k in (0, 1)]
        share = [UNITS.get(name, "share") == "share" for name in named]
        for name, interval in zip(named, ratios(*sums, share=share), strict=True):
            yield self.make(
                name, unit=UNITS.get(name, "share"), at=at, **figure(interval, "" if interval.n else NOTHING)
            )

    def _means(self, group: Group, right: Array, confidence: Array, images: Array, places: Array) -> Iterator[Estimate]:
        one = np.ones(len(images))
        named = {"accuracy": right * one, "confidence": confidence, "overconfidence": confidence - right}
        named |= {name: self.rows[name][images, places].astype(np.float64) for name in ("nll", "brier")}
        yield from self.say(group.at, {name: (values, one) for name, values in named.items()}, images)

    def _selective(self, group: Group, sure: Array, right: Array, images: Array) -> Iterator[Estimate]:
        """Errors among the most confident answers."""
        clean = self.sure[self.rows["valid"][:, 0], 0]
        for threshold, among in (("own", sure), ("clean", clean)):
            kept = sure >= _reached_by(self.coverage, among)
            at = {**group.at, "threshold": threshold}
            yield from self.say(at, {"selective_error": (kept & ~right, kept)}, images)
            if threshold == "clean":
                yield from self.say(at, {"selective_share": (kept, np.ones(len(kept)))}, images)

    def _reliability(self, group: Group, confidence: Array, right: Array, images: Array) -> Iterator[Estimate]:
        """Confidence and accuracy in each bin."""
        place = equal_mass(confidence, self.bins)
        for k in range(int(place.max()) + 1 if len(place) else 0):
            mine = place == k
            at, own = {**group.at, "bin": k + 1}, len(np.unique(images[mine]))
            if own == mine.sum():
                yield self.make("accuracy_in_bin", at=at, **figure(share_of(right[mine])))
            else:
                one = np.ones(int(mine.sum()))
                yield from self.say(at, {"accuracy_in_bin": (right[mine] * one, one)}, images[mine])
            mean = float(confidence[mine].mean())
            yield self.make("confidence_in_bin", unit="probability", at=at, value=mean, n=own)


def _alone(images: Array) -> bool:
    """Whether no image has two answers; answers are in the order of the images."""
    return bool((np.diff(images) > 0).all())


def _reached_by(coverage: float, sure: Array) -> float:
    """The highest of (n,) that at least this share of the answers reach."""
    if not len(sure):
        return 0.0
    return float(np.sort(sure)[::-1][max(int(np.ceil(coverage * len(sure) - 1e-9)) - 1, 0)])
