"""Which images were answered wrongly under which corruption and severity, and figures of those errors with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, floor
from typing import Literal, get_args

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.images.corrupted import CLEAN, CORRUPTIONS, Name
from eyechart.stats.intervals import FEW, FEWEST, Interval, paired, resampled_sums, wilson

Family = Literal["noise", "blur", "weather", "digital"]
FAMILIES: tuple[Family, ...] = get_args(Family)
PUBLISHED: tuple[Name, ...] = CORRUPTIONS[:15]
EXTRAS: tuple[Name, ...] = CORRUPTIONS[15:]  # meant for validation: in no mean
OF_FAMILY: Mapping[Family, tuple[Name, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "gaussian_blur"),
    "weather": ("snow", "frost", "fog", "brightness", "spatter"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression", "saturate"),
}
FAMILY: Mapping[Name, Family] = {name: family for family, names in OF_FAMILY.items() for name in names}
SEVERITIES = (1, 2, 3, 4, 5)
CODES = {name: k for k, name in enumerate((*CORRUPTIONS, CLEAN))}  # in rows
STRANGE = -1

UNDEFINED = 1 / 40  # of the resamples
ROUNDING = 1e-9


def named(name: str) -> str:
    """What people call a corruption, within a sentence: ``motion blur``, ``Gaussian noise``, ``JPEG compression``."""
    return name.replace("_", " ").replace("gaussian", "Gaussian").replace("jpeg", "JPEG")


def titled(name: str) -> str:
    """The same at the beginning of a line: ``Motion blur``."""
    words = named(name)
    return words[:1].upper() + words[1:]


Cell = tuple[Name, int]
Say = Callable[..., Estimate]  # makes an estimate of the exam


@dataclass(frozen=True)
class Cells:
    """What became of images: one test image is one unit, whatever it was shown under.

    Attributes:
        cells: (corruption, severity) of the columns.
        wrong: (images, 1 + cells) 0/1, the image as it is first; 0 where it was not shown.
        there: likewise, whether it was shown and answered.
    """

    cells: tuple[Cell, ...]
    wrong: Array
    there: Array

    @staticmethod
    def of_answers(cells: Sequence[Cell], plain: Array, shown: Array, truth: Array) -> Cells:
        """From top classes: of the images as they are (n,), under each of the cells (n, cells), -1 = none; all have a label."""
        top1 = np.concatenate([plain[:, None], shown], axis=1)
        there = top1 >= 0
        return Cells(tuple(cells), ((top1 != truth[:, None]) & there).astype(np.float64), there)

    @staticmethod
    def of_files(cells: Sequence[Cell], rows: Mapping[str, Array], truth: Array) -> Cells:
        """From pictures that were corrupted before, those of one source together; pictures of other cells are left out."""
        place = {(CODES[name], severity): k for k, (name, severity) in enumerate(cells, 1)} | {(CODES[CLEAN], 0): 0}
        pairs = zip(rows["corruption"].tolist(), rows["severity"].tolist(), strict=True)
        column = np.array([place.get(pair, -1) for pair in pairs], np.int64)
        kept = (column >= 0) & (truth >= 0)
        _, unit = np.unique(rows["source"][kept], return_inverse=True)
        wrong = np.zeros((int(unit.max(initial=-1)) + 1, 1 + len(cells)))
        there = np.zeros(wrong.shape, bool)
        wrong[unit, column[kept]] = rows["top1"][kept, 0] != truth[kept]
        there[unit, column[kept]] = True
        return Cells(tuple(cells), wrong, there)

    def where(self, chosen: Array) -> Cells:
        """Of some of the images."""
        return replace(self, wrong=self.wrong[chosen], there=self.there[chosen])

    def shown_both_ways(self, columns: Sequence[int]) -> Cells:
        """Of images that were shown as they are and at one of these places."""
        both = self.there[:, 0] & self.there[:, columns].any(1)
        return self if both.all() else self.where(both)

    def without_absent(self, names: Sequence[Name]) -> Cells:
        """Without those of these corruptions that were never shown."""
        kept = [k for k, (n, _) in enumerate(self.cells, 1) if n not in names or self.there[:, k].any()]
        columns = [0, *kept]
        return Cells(tuple(self.cells[k - 1] for k in kept), self.wrong[:, columns], self.there[:, columns])

    @property
    def n(self) -> int:
        """How many images."""
        return len(self.wrong)

    @property
    def known_clean(self) -> bool:
        """Whether images were shown as they are."""
        return bool(self.there[:, 0].any())

    def columns(self, names: Sequence[Name], severity: int | None = None) -> list[int]:
        """Where those corruptions stand that were shown, at one severity or at all."""
        found = np.asarray(self.there.any(0))
        return [k for k, (n, s) in enumerate(self.cells, 1) if n in names and severity in (None, s) and found[k]]

    def share(self, column: int) -> Interval:
        """Error at one place, each image counted once."""
        there = self.there[:, column]
        return wilson(float(self.wrong[there, column].sum()), int(there.sum()))

    @cached_property
    def errors(self) -> Array:
        """(1 + draws, 1 + cells): of the images, then of resamples of them; NaN where none was shown."""
        pairs = np.concatenate([self.wrong, self.there], axis=1, dtype=np.float64)
        sums = (
            np.concatenate([pairs.sum(0, keepdims=True), resampled_sums(pairs)])
            if self.n
            else np.zeros((1, pairs.shape[1]))
        )
        wrong, there = np.split(sums, 2, axis=1)
        return np.where(there > 0, wrong / np.where(there > 0, there, 1), np.nan)

    def mean(self, columns: Sequence[int]) -> Array:
        """(1 + draws,) plain mean over places."""
        return np.asarray(self.errors[:, columns].mean(1))

    def share_over(self, columns: Sequence[int]) -> Interval:
        """The plain mean of errors over places, in resamples of whole images."""
        return as_share(self.mean(columns), self._n(columns)) if columns else Interval(None, None, None, 0, "")

    def figure(self, values: Array, columns: Sequence[int], room: float = 1.0) -> Interval:
        """A figure of errors at these places, (1 + draws,); ``room``: how far one more error in every image would move it."""
        return as_figure(values, self._n(columns), room)

    def _n(self, columns: Sequence[int]) -> int:
        """Images that were shown at one of them."""
        return int(self.there[:, columns].any(1).sum())


def as_share(values: Array, n: int) -> Interval:
    """A mean of shares: of images, then of resamples. Where these all agree it is no certainty: Wilson's, of n images.

    Of fewer than fifty images it reaches at least as far, as in ``stats.intervals.ratios``.
    """
    value, drawn = float(values[0]), values[1:][np.isfinite(values[1:])]
    if np.isnan(value):
        return Interval(None, None, None, n, "")
    of_images = wilson(min(1.0, value) * n, n)
    if n < FEWEST or not _enough(drawn, values) or np.ptp(drawn) < ROUNDING:
        return of_images
    low, high = (float(end) for end in np.percentile(drawn, [2.5, 97.5]))
    if n < FEW:
        ends = min(low, of_images.low or 0.0), max(high, of_images.high or 1.0)
        return Interval(value, *ends, n, "bootstrap, at least wilson")
    return Interval(value, max(0.0, min(low, value)), min(1.0, max(high, value)), n, "bootstrap")


def as_figure(values: Array, n: int, room: float = 1.0) -> Interval:
    """Any other figure. Resamples that all agree, and those of fewer than fifty images, say too little of the spread.

    There the interval is (reaches at least as far as) that of a difference of n pairs, ``room`` times as wide: of none where
    all agree, else of one as large. Of images that corruptions hurt very unequally, 95 % intervals of an increase held the true
    one in 99 % of samples of 10 and 20 images, and in 93 to 94 % of those of 60, 200 and 400 (300 samples each).
    """
    value, drawn = float(values[0]), values[1:][np.isfinite(values[1:])]
    if not np.isfinite(value):
        return Interval(None, None, None, n, "")
    if n < FEWEST or not _enough(drawn, values):
        return Interval(value, None, None, n, "")
    low, high = (float(end) for end in np.percentile(drawn, [2.5, 97.5]))
    alike = bool(np.ptp(drawn) < ROUNDING)
    if not alike and n >= FEW:
        return Interval(value, min(low, value), max(high, value), n, "bootstrap")
    share = 0.0 if alike else min(1.0, abs(value) / room) * n
    pairs = paired(share, 0, n) if value > 0 else paired(0, share, n)
    first, last = (value + room * (end - (pairs.value or 0.0)) for end in (pairs.low or 0.0, pairs.high or 0.0))
    if alike:
        return Interval(value, first, last, n, "bonett-price")
    return Interval(value, min(low, first), max(high, last), n, "bootstrap, at least bonett-price")


def as_first(values: Array, n: int) -> Interval:
    """A place on a scale, infinite where it lies beyond: an end of the interval that is infinite leaves none."""
    value, drawn = float(values[0]), values[1:]
    if not np.isfinite(value):
        return Interval(None, None, None, n, "")
    if n < FEWEST or np.isnan(drawn).any():
        return Interval(value, None, None, n, "")
    ordered, last = np.sort(drawn), len(drawn) - 1
    low, high = float(ordered[floor(0.025 * last)]), float(ordered[ceil(0.975 * last)])
    if not np.isfinite(high):
        return Interval(value, None, None, n, "")
    return Interval(value, min(low, value), max(high, value), n, "bootstrap")


def _enough(drawn: Array, values: Array) -> bool:
    return len(drawn) > 0 and len(drawn) >= (1 - UNDEFINED) * (len(values) - 1)
