"""Figures of the exam of corruptions: by cell, by corruption, by family, over all, and beside AlexNet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.words import figure
from eyechart.exams.corruptions_cells import (
    EXTRAS,
    FAMILIES,
    FAMILY,
    OF_FAMILY,
    PUBLISHED,
    SEVERITIES,
    Cell,
    Cells,
    Family,
    Say,
    as_figure,
    as_first,
)
from eyechart.exams.corruptions_reference import ALEXNET, OUTPUTS, Reference, relative
from eyechart.images.corrupted import Name
from eyechart.stats.intervals import Interval, ratios, share_of

NO_CLEAN = "the set does not hold the images as they are"
NO_ROW = "it is not said which of AlexNet's errors it goes by (reference)"
NO_ALEXNET_CLEAN = "AlexNet's error on clean images is not given (reference_clean_error)"
NOT_HALVED = "at no severity is half of its accuracy gone"
GUESSING = "half of its accuracy on clean images is no more than guessing gives"
NOT_IMAGENET = f"AlexNet's errors are those of a classifier of ImageNet's {OUTPUTS:,} classes"
NONE_RIGHT = "no image is right as it is"
NONE_SHOWN = "no picture of it was shown"
EXTRAS_ALONE = "those that are meant for validation are in no mean"
NOT_BOTH = "under some of it, or all, no image was shown that was also shown as it is"
OTHER_COLUMN = (
    "AlexNet's errors are of pictures of 224 pixels, and these were drawn by the parameters for others (column)"
)
OTHER_FILES = "AlexNet's errors are of pictures saved as JPEG, and these were not (jpeg85)"


@dataclass(frozen=True)
class Told:
    """What is estimated of one model.

    Attributes:
        say: makes an estimate of the exam.
        cells: the answers.
        about: coordinates of every figure.
        more: further coordinates of the means over all: how the pictures were made.
        chance: one answer in so many classes.
    """

    say: Say
    cells: Cells
    about: Mapping[str, Any]
    chance: float
    more: Mapping[str, Any] = field(default_factory=dict)

    def figures(self) -> Iterator[Estimate]:
        """All but what goes by AlexNet."""
        cells = self.cells
        if cells.known_clean:
            yield self.say("clean_error", at={**self.about, "chance": self.chance}, **figure(cells.share(0)))
        yield from self._single()
        yield from self.means("all", cells)
        if cells.known_clean:
            right = cells.there[:, 0] & (cells.wrong[:, 0] == 0)
            if self.about["set"] == "generated":  # in files an image is many rows, so that models share no such images
                yield from self.means("correct", cells.where(right))
            yield from self._increases()
            yield from self._halved()
        yield from self._between_families()

    def means(self, given: str, cells: Cells) -> Iterator[Estimate]:
        """Plain means of errors: over severities, over a family, over all fifteen."""
        about = {**self.about, "given": given}
        for name in dict.fromkeys(name for name, _ in cells.cells):
            yield self._mean("corruption_error", cells, (name,), {"corruption": name, **about})
        for family in self._families:
            yield self._mean("family_error", cells, self._of(family), {"family": family, **about})
        yield self._mean("mean_corruption_error", cells, PUBLISHED, {**about, **self.more, **self._counts})

    def _mean(self, measure: str, cells: Cells, names: Sequence[Name], at: Mapping[str, Any]) -> Estimate:
        found = cells.share_over(cells.columns(names))
        why = "" if found.value is not None else self._absent(names) if cells.n else NONE_RIGHT
        return self.say(measure, at=at, **figure(found, why))

    def _single(self) -> Iterator[Estimate]:
        for k, (name, severity) in enumerate(self.cells.cells, 1):
            found = self.cells.share(k)
            at = {"corruption": name, "severity": severity, **self.about}
            yield self.say("error", at=at, **figure(found, "" if found.n else NONE_SHOWN))

    def _increases(self) -> Iterator[Estimate]:
        """Errors less those on the same images as they are, the same resamples for both."""
        about = {**self.about}
        ways: list[tuple[str, Sequence[Name], dict[str, Any]]] = [
            ("error_increase", (name,), {"corruption": name, **about}) for name in self._names
        ]
        ways += [("family_error_increase", self._of(f), {"family": f, **about}) for f in self._families]
        ways += [("mean_error_increase", PUBLISHED, {**about, **self._counts})]
        for measure, names, at in ways:
            columns = self.cells.columns(names)
            cells, found = self.cells.shown_both_ways(columns), Interval(None, None, None, 0, "")
            if cells.n:
                found = cells.figure(cells.mean(columns) - cells.errors[:, 0], columns)
            why = "" if found.value is not None else NOT_BOTH if columns else self._absent(names)
            yield self.say(measure, unit="difference of shares", at=at, **figure(found, why))

    def _absent(self, names: Sequence[Name]) -> str:
        """Why there is no mean over them."""
        return EXTRAS_ALONE if tuple(names) == PUBLISHED and set(self._names) <= set(EXTRAS) else NONE_SHOWN

    def _halved(self) -> Iterator[Estimate]:
        """The first severity at which accuracy is at most half of that on the same images as they are."""
        for name in self._names:
            columns = self.cells.columns((name,))
            cells, found, why = self.cells.shown_both_ways(columns), Interval(None, None, None, 0, ""), NOT_BOTH
            if cells.n:
                accuracy = 1 - cells.errors
                half = accuracy[:, 0] / 2
                severities = np.array([cells.cells[k - 1][1] for k in columns], np.float64)
                below = accuracy[:, columns] <= half[:, None]
                found = as_first(np.where(below.any(1), severities[below.argmax(1)], np.inf), cells.n)
                why = GUESSING if half[0] <= self.chance else "" if found.value is not None else NOT_HALVED
            at = {"corruption": name, **self.about}
            why = why if columns else NONE_SHOWN
            yield self.say("halved_at", unit="severity", at=at, **figure(found, why))

    def _between_families(self) -> Iterator[Estimate]:
        """Each two families, on the same images."""
        for family, against in combinations(self._families, 2):
            columns = [self.cells.columns(self._of(one)) for one in (family, against)]
            if all(columns):
                gap = self.cells.mean(columns[0]) - self.cells.mean(columns[1])
                found = self.cells.figure(gap, [*columns[0], *columns[1]])
                at = {"family": family, "against": against, **self.about}
                yield self.say("family_difference", unit="difference of shares", at=at, **figure(found))

    def beside(self, reference: Reference, clean: float | None, outputs: int) -> Iterator[Estimate]:
        """By AlexNet's errors: of each corruption, and their mean; only of whole sets."""
        at = {**self.about, "reference": reference, **self.more}
        if reference == "none":
            yield self._beside("relative_mce", 0, np.full(1, np.nan), 1.0, at, NO_ROW)
            return
        row, both = ALEXNET[reference], self.cells.shown_both_ways(range(1, len(self.cells.cells) + 1))
        why = NOT_IMAGENET if outputs < OUTPUTS else self._made_otherwise
        whole = {"ce": _Mean(), "relative_ce": _Mean()}
        for name in (name for name in self._names if name in row):
            columns = self.cells.columns((name,))
            alexnet = np.array([row[name]])
            short = why or ("" if len(columns) == len(SEVERITIES) else "not all five severities are there")
            ways: list[tuple[str, Cells, Array | float, float]] = [("ce", self.cells, 0.0, 0.0)]
            if clean is not None and both.n:
                ways.append(("relative_ce", both, both.errors[:, 0], clean))
            for measure, cells, own, of in ways if columns else ():
                values, room = relative(cells.errors[:, columns], alexnet, own, of), 100 / abs(row[name] - of)
                whole[measure].add(values, room)
                yield self._beside(measure, cells.n, values, room, {"corruption": name, **at}, short)
        why = why or self._incomplete
        yield self._beside("mce", self.cells.n, *whole["ce"].mean, at, why)
        why = (
            why
            or ("" if self.cells.known_clean else NO_CLEAN)
            or ("" if both.n else NOT_BOTH)
            or ("" if clean is not None else NO_ALEXNET_CLEAN)
        )
        yield self._beside("relative_mce", both.n, *whole["relative_ce"].mean, at, why)

    def _beside(self, measure: str, n: int, values: Array, room: float, at: Mapping[str, Any], why: str) -> Estimate:
        found = as_figure(values, n, room)
        why = why or ("" if found.value is not None else NONE_SHOWN)
        return self.say(measure, unit="percent of AlexNet's", at=at, **figure(found, why))

    @property
    def _made_otherwise(self) -> str:
        """Why pictures drawn here do not stand beside those that AlexNet was shown; empty if they do, and of files."""
        if self.more.get("column", "imagenet") != "imagenet":
            return OTHER_COLUMN
        return "" if self.more.get("saved", "jpeg85") == "jpeg85" else OTHER_FILES

    @property
    def _incomplete(self) -> str:
        """Why a mean over 15 x 5 cannot be told; empty if it can."""
        lacking = [f"{n} {s}" for n in PUBLISHED for s in SEVERITIES if not self.cells.columns((n,), s)]
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        return (
            f"it is of 15 corruptions at 5 severities, and {', '.join(lacking[:3])}{more} are missing"
            if lacking
            else ""
        )

    @property
    def _names(self) -> list[Name]:
        return list(dict.fromkeys(name for name, _ in self.cells.cells))

    @property
    def _families(self) -> list[Family]:
        return [family for family in FAMILIES if any(n in PUBLISHED and FAMILY[n] == family for n in self._names)]

    def _of(self, family: Family) -> list[Name]:
        """Corruptions of a family, without extras."""
        return [name for name in OF_FAMILY[family] if name not in EXTRAS]

    @property
    def _counts(self) -> dict[str, int]:
        """Over how much means are taken."""
        held = [self.cells.cells[k - 1] for k in self.cells.columns(PUBLISHED)]
        return {"corruptions": len({name for name, _ in held}), "cells": len(held)}


@dataclass
class _Mean:
    """Of figures (1 + draws,), and of how far one more error in every image would move each."""

    values: list[Array] = field(default_factory=list)
    rooms: list[float] = field(default_factory=list)

    def add(self, values: Array, room: float) -> None:
        """One more."""
        self.values.append(values)
        self.rooms.append(room)

    @property
    def mean(self) -> tuple[Array, float]:
        """Undefined where there are none."""
        return (np.mean(self.values, axis=0), float(np.mean(self.rooms))) if self.values else (np.full(1, np.nan), 1.0)


def unlabelled(say: Say, rows: Mapping[str, Array], cells: Sequence[Cell], at: Mapping[str, Any]) -> Iterator[Estimate]:
    """What needs no labels: whether answers stay, and how often they are the commonest."""
    plain, shown = rows["image_top1"], rows["top1"]
    same, told = shown == plain[:, None], shown >= 0
    for k, (name, severity) in enumerate(cells):
        where = {"corruption": name, "severity": severity, **at}
        yield say("agreement", at=where, **figure(share_of(same[told[:, k], k])))
    most = np.bincount(shown[told]).argmax() if told.any() else 0
    events = np.stack([same.sum(1), (shown == most).sum(1), (~told).sum(1)], 1)
    pairs = np.stack([told.sum(1), told.sum(1), np.full(len(told), len(cells))], 1)
    names = "mean_agreement", "commonest_answer_share", "unanswered"
    for measure, share in zip(names, ratios(events, pairs, share=True), strict=True):
        yield say(measure, at=at, **figure(share))


def gaps(say: Say, own: Cells, other: Cells, at: Mapping[str, Any]) -> Iterator[Estimate]:
    """Errors of a model less those of another on the same pictures: over all, and by family."""
    both = own.there & other.there
    own, other = (replace(one, wrong=one.wrong * both, there=both) for one in (own, other))
    ways: list[tuple[str, Sequence[Name], dict[str, Any]]] = [("mean_corruption_error_gap", PUBLISHED, {})]
    ways += [("family_error_gap", [n for n in OF_FAMILY[f] if n not in EXTRAS], {"family": f}) for f in FAMILIES]
    for measure, names, more in ways:
        if columns := own.columns(names):
            found = own.figure(own.mean(columns) - other.mean(columns), columns)
            yield say(measure, unit="difference of shares", at={**more, **at}, **figure(found))
