"""What is reckoned from the answers at many places and on five crops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.words import figure
from eyechart.stats.intervals import differences, ratios, wilson

Say = Callable[..., Estimate]
CROPS: Mapping[str, tuple[float, float]] = {
    "centre": (0.5, 0.5),
    "top_left": (0.0, 0.0),
    "top_right": (0.0, 1.0),
    "bottom_left": (1.0, 0.0),
    "bottom_right": (1.0, 1.0),
}
POINTS = "difference of shares"


@dataclass(frozen=True)
class Places:
    """Answers to one set of images at several places.

    Attributes:
        say: makes an estimate of the exam.
        top1: (n, rows, columns), or (n, crops).
        image_top1, labels: (n,) answer on the clean view; -1 = no label.
    """

    say: Say
    top1: Array
    image_top1: Array
    labels: Array

    @property
    def known(self) -> Array:
        """(n,) which images have a label."""
        return self.labels >= 0

    @property
    def right(self) -> Array:
        """As ``top1``, of the images with a label: whether it is the label."""
        labels = self.labels[self.known]
        return np.asarray(self.top1[self.known] == labels.reshape(-1, *[1] * (self.top1.ndim - 1)))

    def alike(self, measure: str, at: Mapping[str, Any]) -> Iterator[Estimate]:
        """How many images have one answer at all places; over all, and those right on the clean view."""
        flat = self.top1.reshape(len(self.top1), -1)
        same = (flat == flat[:, :1]).all(1)
        groups = {"all": np.ones(len(same), bool)}
        if self.known.any():
            groups["correct"] = self.known & (self.image_top1 == self.labels)
        for given, group in groups.items():
            share = wilson(int((same & group).sum()), int(group.sum()))
            yield self.say(measure, at={**at, "given": given}, **figure(share))


def of_places(places: Places, at: Mapping[str, Any], shares: Sequence[float]) -> Iterator[Estimate]:
    """Maps over the grid, gaps between its middle and its rim, and how many images are alike everywhere."""
    n, middle = len(places.top1), len(shares) // 2
    away = places.top1 != places.top1[:, middle : middle + 1, middle : middle + 1]
    for i, j, where in _cells(shares):
        changed = wilson(int(away[:, i, j].sum()), n)
        yield places.say("answer_change_rate", at={**at, **where}, **figure(changed))
    yield from places.alike("alike_everywhere", at)
    yield _commonest(places, at)
    if not places.known.any():
        return
    right = places.right
    for i, j, where in _cells(shares):
        yield places.say("accuracy", at={**at, **where}, **figure(wilson(int(right[:, i, j].sum()), len(right))))
    centre, rim = right[:, middle, middle], np.ones((len(shares), len(shares)), bool)
    rim[1:-1, 1:-1] = False
    others = {"centre_gap": right[:, :: 2 * middle, :: 2 * middle].mean((1, 2)), "edge_gap": right[:, rim].mean(1)}
    for measure, other in others.items():
        yield places.say(measure, unit=POINTS, at=at, **figure(differences(centre[:, None], other[:, None])[0]))
    for measure, of_image in (("right_everywhere", right.all((1, 2))), ("right_somewhere", right.any((1, 2)))):
        yield places.say(measure, at=at, **figure(wilson(int(of_image.sum()), len(right))))


def of_crops(crops: Places, at: Mapping[str, Any]) -> Iterator[Estimate]:
    """Accuracy on each of the five crops, the gap, and how many images are alike on all."""
    yield from crops.alike("crops_alike", at)
    if not crops.known.any():
        return
    right = crops.right
    for k, crop in enumerate(CROPS):
        hit = wilson(int(right[:, k].sum()), len(right))
        yield crops.say("crop_accuracy", at={**at, "crop": crop}, **figure(hit))
    gap = differences(right[:, :1], right[:, 1:].mean(1, keepdims=True))[0]
    yield crops.say("five_crop_gap", unit=POINTS, at=at, **figure(gap))


def _commonest(places: Places, at: Mapping[str, Any]) -> Estimate:
    """The share of the commonest of all answers, clustered by image."""
    flat = places.top1.reshape(len(places.top1), -1)
    most = np.bincount(flat.ravel()).argmax() if flat.size else 0
    (share,) = ratios((flat == most).sum(1)[:, None], np.full((len(flat), 1), flat.shape[1]), share=True)
    return places.say("commonest_answer_share", at=at, **figure(share))


def _cells(shares: Sequence[float]) -> Iterator[tuple[int, int, dict[str, float]]]:
    for i, row in enumerate(shares):
        for j, column in enumerate(shares):
            yield i, j, {"row": round(row, 4), "column": round(column, 4)}
