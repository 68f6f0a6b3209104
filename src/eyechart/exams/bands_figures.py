"""Figures of the bands exam: what the model makes of the two parts of an image, however it was parted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.words import figure
from eyechart.stats.intervals import Interval, differences, means, wilson

Array = np.ndarray[Any, Any]
Say = Callable[..., Estimate]
SIDES = ("low", "high")
WHOLE_AND_SIDES = ("image", *SIDES)


@dataclass(frozen=True)
class Split:
    """One way to part the images, and what the model said of the whole images and of the parts.

    Attributes:
        say: makes an estimate of the exam.
        at: coordinates of the split.
        labels: (n,), -1 = none.
        top1, confidence: ``image`` and the parts that were shown (``low``, ``high``) -> (n,).
        nll: part -> (n,).
    """

    say: Say
    at: Mapping[str, Any]
    labels: Array
    top1: Mapping[str, Array]
    confidence: Mapping[str, Array]
    nll: Mapping[str, Array]

    @property
    def right(self) -> dict[str, Array]:
        """Whole and parts -> (n,) bool: the top class is the label."""
        return {name: answers == self.labels for name, answers in self.top1.items()}

    @property
    def known(self) -> Split:
        """The split of the images that have a label."""
        return self.of(self.labels >= 0)

    def of(self, chosen: Array) -> Split:
        """The split of some of the images: ``chosen`` is (n,) bool."""
        top1, confidence, nll = ({k: v[chosen] for k, v in c.items()} for c in (self.top1, self.confidence, self.nll))
        return replace(self, labels=self.labels[chosen], top1=top1, confidence=confidence, nll=nll)

    def figures(self) -> Iterator[Estimate]:
        """All but the confidences; those about right and wrong only over images with a label."""
        yield from self._label_free()
        known = self.known
        if len(known.labels):
            yield from known._accuracies()
            yield from known._disagreements()
            yield from known._losses()

    def confidences(self) -> Iterator[Estimate]:
        """Mean top-1 confidence on each picture in each cell of the table; over images with a label."""
        known = self.known
        if self._both and len(known.labels):
            yield from known._confidences()

    @property
    def _both(self) -> bool:
        return set(SIDES) <= self.top1.keys()

    def _label_free(self) -> Iterator[Estimate]:
        if self._both:
            agrees = (self.top1["high"] == self.top1["image"]) & (self.top1["low"] != self.top1["image"])
            yield self.say("high_agrees_not_low", at=self.at, **figure(wilson(int(agrees.sum()), len(agrees))))
        for part in self.nll:
            yield commonest(self.say, self.top1[part], {"band": part, **self.at})

    def _accuracies(self) -> Iterator[Estimate]:
        n, right = len(self.labels), self.right
        for part in self.nll:
            at = {"band": part, **self.at}
            yield self.say("accuracy", at=at, **figure(wilson(int(right[part].sum()), n)))
            by_chance = float(answer_shares(self.top1[part], self.labels).mean())
            yield self.say("expected_accuracy_by_chance", at=at, value=by_chance, n=n)

    def _disagreements(self) -> Iterator[Estimate]:
        if not self._both:
            return
        n, right = len(self.labels), self.right
        for names, cell in self._cells():
            yield self.say("outcome_share", at={**names, **self.at}, **figure(wilson(int(cell.sum()), n)))
        shares = {side: answer_shares(self.top1[side], self.labels) for side in SIDES}
        for hit, miss in (SIDES[::-1], SIDES):
            count = right["image"] & right[hit] & ~right[miss]
            yield self.say(f"{hit}_not_{miss}", at=self.at, **figure(wilson(int(count.sum()), n)))
            chance = float((right["image"] * shares[hit] * (1 - shares[miss])).mean())
            yield self.say(f"{hit}_not_{miss}_by_chance", at=self.at, value=chance, n=n)

    def _losses(self) -> Iterator[Estimate]:
        right, parts = self.right, tuple(self.nll)
        seen = np.stack([right[part] for part in parts], axis=1)
        for part, loss in zip(parts, differences(right["image"][:, None], seen), strict=True):
            at = {"band": part, **self.at}
            yield self.say("accuracy_loss", unit="difference of shares", at=at, **figure(loss))
        nlls = means(np.stack([self.nll[part] for part in parts], axis=1))
        for part, nll in zip(parts, nlls, strict=True):
            yield self.say("nll", unit="nats", at={"band": part, **self.at}, **figure(nll))

    def _cells(self) -> Iterator[tuple[dict[str, str], Array]]:
        """The eight outcomes: coordinates, and which images they hold (n,)."""
        right = self.right
        for outcome in product((True, False), repeat=3):
            told = dict(zip(WHOLE_AND_SIDES, outcome, strict=True))
            cell = np.logical_and.reduce([right[k] == o for k, o in told.items()])
            yield {k: "right" if o else "wrong" for k, o in told.items()}, cell

    def _confidences(self) -> Iterator[Estimate]:
        for names, cell in self._cells():
            columns = np.stack([self.confidence[k][cell] for k in WHOLE_AND_SIDES], axis=1)
            for on, interval in zip(WHOLE_AND_SIDES, means(columns), strict=True):
                told = figure(interval, "" if cell.any() else "no image has this outcome")
                if interval.n == 1:
                    told |= {"low": None, "high": None, "method": ""}  # one image says nothing about the spread
                yield self.say("outcome_confidence", unit="probability", at={**names, "on": on, **self.at}, **told)


def commonest(say: Say, answers: Array, at: Mapping[str, Any]) -> Estimate:
    """How often the commonest of the answers (n,) was given."""
    most = int(np.bincount(answers).max()) if len(answers) else 0
    return say("commonest_answer_share", at=at, **figure(wilson(most, len(answers))))


def answer_shares(answers: Array, labels: Array) -> Array:
    """For each image: the share of all answers that are its label, the chance to be right after a permutation."""
    size = int(max(answers.max(initial=0), labels.max(initial=0))) + 1
    return np.asarray((np.bincount(answers, minlength=size) / len(answers))[labels])


def passed(say: Say, answers: Array, nll: Array, labels: Array, at: Mapping[str, Any]) -> Iterator[Estimate]:
    """Figures of one band between two radii: top classes and losses (n,)."""
    yield commonest(say, answers, at)
    known = labels >= 0
    if known.any():
        right = int((answers == labels)[known].sum())
        yield say("accuracy", at=at, **figure(wilson(right, int(known.sum()))))
        yield say("nll", unit="nats", at=at, **figure(means(nll[known][:, None])[0]))


def areas(say: Say, radii: Sequence[float], right: Mapping[str, Array]) -> Iterator[Estimate]:
    """Area under accuracy over the radius: ``right`` holds 0/1 of (n, radii) for each band, over one set of images."""
    weights = trapezoid(radii)
    if weights is None:
        why = {"value": None, "reason": "an area needs two radii or more"}
        yield from (say("area_under_curve", at={"band": band}, n=len(r), **why) for band, r in right.items())
        return
    each = np.stack([r @ weights for r in right.values()], axis=1)  # (n, bands)
    for band, own, interval in zip(right, each.T, means(each), strict=True):
        yield say("area_under_curve", at={"band": band}, **figure(_with_room(interval, own)))


def trapezoid(radii: Sequence[float]) -> Array | None:
    """Weights of values at ascending radii that give their mean height by the trapezoid rule; None for a single radius.

    >>> trapezoid((4, 8, 16))
    array([0.16666667, 0.5       , 0.33333333])
    """
    if len(radii) < 2:
        return None
    gaps = np.diff(np.asarray(radii, np.float64))
    return np.asarray((np.append(gaps, 0) + np.append(0, gaps)) / (2 * gaps.sum()))


def _with_room(interval: Interval, values: Array) -> Interval:
    """Where all images are alike, resampling gives no width: Wilson's then, the widest that values from 0 to 1 can need."""
    if interval.value is None or np.ptp(values) > 0:
        return interval
    return wilson(min(1.0, interval.value) * interval.n, interval.n)


def above_control(say: Say, split: Split, control: Split) -> Iterator[Estimate]:
    """How much commoner ``high_not_low`` is under one split than under another of the same images, paired."""
    told = [s.known.right for s in (split, control)]
    first, second = ((r["image"] & r["high"] & ~r["low"])[:, None] for r in told)
    if len(first):
        gap = differences(first, second)[0]
        yield say("high_not_low_above_control", unit="difference of shares", at=split.at, **figure(gap))
