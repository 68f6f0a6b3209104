"""Events that an exam counts within images: pairs of one image are alike, so intervals resample whole images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.words import figure
from eyechart.stats.intervals import ratios, share_of

NO_PAIR = "no image gave a pair that counts here"

Array = np.ndarray[Any, Any]
Make = Callable[..., Estimate]


@dataclass(frozen=True)
class Told:
    """One figure before its interval.

    Attributes:
        measure, unit, at: as in ``Estimate``.
        events: (n, pairs), each 0/1 or a number; NaN nowhere.
        pairs: (n, pairs), which of them count.
    """

    measure: str
    unit: str
    at: Mapping[str, Any]
    events: Array
    pairs: Array


def clean_accuracy(make: Make, image_top1: Array, labels: Array, n_classes: int) -> Iterator[Estimate]:
    """How many images with a label are right on the clean view, beside one answer in so many classes; none without labels."""
    known = labels >= 0
    if known.any():
        right = share_of((image_top1 == labels)[known])
        yield make("clean_accuracy", at={"chance": 1 / max(1, n_classes)}, **figure(right))


def figures(make: Make, told: Sequence[Told], at: Mapping[str, Any]) -> Iterator[Estimate]:
    """Estimates of all, from one resampling of the images; ``make`` is ``Exam.estimate``, ``at`` what all share."""
    sums = [np.stack([getattr(one, part).sum(1) for one in told], axis=1) for part in ("events", "pairs")]
    intervals = ratios(*sums, share=[one.unit == "share" for one in told])
    for one, interval in zip(told, intervals, strict=True):
        why = "" if interval.value is not None else NO_PAIR
        yield make(one.measure, unit=one.unit, at={**at, **one.at}, **figure(interval, why))
