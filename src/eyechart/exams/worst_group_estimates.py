"""What is counted of groups: each, the worst, and the worst by one half judged on the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.stats import hypergeom

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array, Subject
from eyechart.core.told import Make
from eyechart.core.words import figure
from eyechart.stats.halves import choosing_half
from eyechart.stats.intervals import Interval, apart, share_of
from eyechart.stats.worst_of import lowest, lowest_by_chance, mean_of

NO_LABEL = "no image has a label and a group"
NO_GROUP = "no group has enough images with a label"
ONE_GROUP = "there is one group alone"
MEASURES = (
    "mean_group_accuracy",
    "worst_group_accuracy",
    "worst_by_chance",
    "held_out_accuracy",
    "held_out_gap",
    "held_out_p",
)
OF_NO_GROUP = ("mean_group_accuracy", "worst_by_chance")
UNITS = {"held_out_gap": "difference of shares", "held_out_p": "probability"}


@dataclass(frozen=True)
class Grouped:
    """Images by one column.

    Attributes:
        make: makes an estimate of the exam.
        by: the column.
        groups: name -> places of its images, all of which have a label; no group is empty.
        top1, labels: (n,) of all images.
        fewest: images of a group that counts.
    """

    make: Make
    by: str
    groups: Mapping[str, Array]
    top1: Array
    labels: Array
    fewest: int

    def estimates(self, subject: Subject) -> Iterator[Estimate]:
        """All figures of the column."""
        everyone = np.concatenate([*self.groups.values(), np.zeros(0, np.int64)])
        yield self._say("accuracy", share_of(self.right[everyone]), chance=1 / max(1, subject.n_classes))
        for name, images in self.groups.items():
            yield self._say("group_accuracy", share_of(self.right[images]), group=name)
            yield from self._mistaken(name, images, subject)
        counted = list(self.counted)
        for measure, count in (("counted_groups", len(counted)), ("small_groups", len(self.groups) - len(counted))):
            told = {"value": float(count)} if len(everyone) else {"value": None, "reason": NO_LABEL}
            yield self.make(measure, unit="count", n=len(everyone), at={"by": self.by}, **told)
        if len(counted) < 2:
            yield from self._none(ONE_GROUP if counted else NO_GROUP)
            return
        yield from self._worst()
        yield from self._held_out()

    @cached_property
    def right(self) -> Array:
        """(n,) bool."""
        return np.asarray(self.top1 == self.labels)

    @cached_property
    def counted(self) -> dict[str, Array]:
        """The groups that are large enough."""
        return {name: images for name, images in self.groups.items() if len(images) >= self.fewest}

    def _say(self, measure: str, interval: Interval, **at: Any) -> Estimate:
        unit = UNITS.get(measure, "share")
        return self.make(measure, unit=unit, at={"by": self.by, **at}, **figure(interval))

    def _none(self, reason: str) -> Iterator[Estimate]:
        for measure in MEASURES:
            at = {"by": self.by, **({} if measure in OF_NO_GROUP else {"group": ""})}
            yield self.make(measure, value=None, n=0, unit=UNITS.get(measure, "share"), at=at, reason=reason)

    def _mistaken(self, name: str, images: Array, subject: Subject) -> Iterator[Estimate]:
        """The commonest wrong answer, the first on a tie; nothing where all are right."""
        wrong = self.top1[images][~self.right[images]]
        if len(wrong):
            answer = int(np.bincount(wrong).argmax())
            told = share_of(self.top1[images] == np.where(self.right[images], -1, answer))
            yield self._say("mistaken_share", told, group=name, answer=subject.class_name(answer))

    def _counts(self, half: Array | None = None) -> tuple[Array, Array]:
        """Right answers and images by counted group, of a half of the images (n,) bool, or of all."""
        own = [images if half is None else images[half[images]] for images in self.counted.values()]
        return np.array([self.right[images].sum() for images in own]), np.array([len(images) for images in own])

    def _worst(self) -> Iterator[Estimate]:
        right, sizes = self._counts()
        worst, interval = lowest(right, sizes)
        yield self._say("mean_group_accuracy", mean_of(right, sizes))
        yield self._say("worst_group_accuracy", interval, group=list(self.counted)[worst])
        limit = lowest_by_chance(float(right.sum() / sizes.sum()), sizes)
        method = "2.5 % point of the lowest, all alike"
        yield self.make("worst_by_chance", value=limit, n=int(sizes.sum()), at={"by": self.by}, method=method)

    def _held_out(self) -> Iterator[Estimate]:
        """The group that is lowest on one half of each group, on the other half."""
        member = np.full(len(self.labels), -1)
        for k, images in enumerate(self.counted.values()):
            member[images] = k
        chooses = choosing_half(member)
        right, sizes = self._counts(chooses)
        worst = int(np.argmin(right / sizes))
        name, judged = list(self.counted)[worst], ~chooses & (member >= 0)
        mine, others = (self.right[judged & ((member == worst) == same)] for same in (True, False))
        own, rest = share_of(mine), share_of(others)
        yield self._say("held_out_accuracy", own, group=name)
        yield self._say("held_out_gap", _of_all(apart(rest, own), rest.n, own.n), group=name)
        # of the right answers on this half so few fall to the group, were they dealt out by chance
        p = float(hypergeom.cdf(mine.sum(), rest.n + own.n, mine.sum() + others.sum(), own.n))
        at = {"by": self.by, "group": name}
        yield self.make("held_out_p", unit="probability", value=p, n=rest.n + own.n, at=at, method="fisher")


def _of_all(gap: Interval, rest: int, own: int) -> Interval:
    """The rest less a group, as all less that group: all are the rest and the group, by their numbers."""
    share, n = rest / (rest + own), rest + own
    value, low, high = (None if end is None else share * end for end in (gap.value, gap.low, gap.high))
    return Interval(value, low, high, n, "newcombe")
