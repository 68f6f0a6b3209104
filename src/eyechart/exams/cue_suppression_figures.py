"""What the cue suppression exam reckons from the answers to all conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.findings import above_chance
from eyechart.core.words import figure
from eyechart.exams.cue_suppression_protocol import AXES, CUES, Condition, Method
from eyechart.stats.intervals import FEWEST, Interval, differences, ratios, resampled_sums, wilson

Say = Callable[..., Estimate]
UNDEFINED = 1 / 40  # of the resamples
ROUNDING = 1e-9
NEAR_CHANCE = "on the clean view it is right no more often than guessing might be"
NEVER_RIGHT = "no image is right on the clean view"


def told(
    say: Say, rows: Mapping[str, Array], conditions: Sequence[Condition], labels: Array, classes: int
) -> Iterator[Estimate]:
    """All estimates; those of accuracy only where there are labels."""
    for condition, top1 in zip(conditions, _answers(rows, conditions), strict=True):
        yield from _unlabelled(say, _at(condition), top1, rows["image_top1"])
    known = labels >= 0
    if not known.any():
        return
    right = [
        (top1[known] == labels[known, None]).mean(1)
        for top1 in (rows["image_top1"][:, None], *_answers(rows, conditions))
    ]
    yield from _Curves(say, conditions, np.stack(right, axis=1), 1 / max(1, classes)).told()


def _answers(rows: Mapping[str, Array], conditions: Sequence[Condition]) -> Iterator[Array]:
    """(n, repeats) top classes of each condition."""
    done: dict[Method, int] = {}
    for condition in conditions:
        start = done.get(condition.method, 0)
        done[condition.method] = start + len(condition.views)
        yield rows[f"{condition.method}_top1"][:, start : done[condition.method]]


def _at(condition: Condition) -> dict[str, Any]:
    return {"cue": CUES[condition.method], "method": condition.method, "strength": float(condition.strength)}


def _unlabelled(say: Say, at: Mapping[str, Any], top1: Array, image_top1: Array) -> Iterator[Estimate]:
    """How often the answer stays, and how often it is the commonest."""
    counts = np.full((len(top1), 1), top1.shape[1])
    most = np.bincount(top1.ravel()).argmax() if top1.size else 0
    for measure, events in (("same_answer", top1 == image_top1[:, None]), ("commonest_answer_share", top1 == most)):
        (share,) = ratios(events.sum(1)[:, None], counts, share=True)
        yield say(measure, at=at, **figure(share))


@dataclass(frozen=True)
class _Curves:
    """Accuracies of all conditions, and what follows from them.

    Attributes:
        say: makes an estimate of the exam.
        right: (n, 1 + conditions) share of repeats that are right, the clean view first.
        chance: one answer in so many classes.
    """

    say: Say
    conditions: Sequence[Condition]
    right: Array
    chance: float

    def told(self) -> Iterator[Estimate]:
        """From single conditions to cues."""
        n, clean = len(self.right), wilson(float(self.right[:, 0].sum()), len(self.right))
        yield self.say("clean_accuracy", at={"chance": self.chance}, **figure(clean))
        repeats = np.array([len(condition.views) for condition in self.conditions])
        shares = ratios(self.right[:, 1:] * repeats, np.tile(repeats, (n, 1)), share=True)
        for condition, share in zip(self.conditions, shares, strict=True):
            yield self.say("accuracy", at=_at(condition), **figure(share))
        for measure, kept, whole, why in (
            ("relative_accuracy", self._relative, self._clean, "" if clean.value else NEVER_RIGHT),
            ("chance_corrected", self._corrected, self._above, "" if self._surely_above else NEAR_CHANCE),
        ):
            yield from self._kept(measure, kept, whole, why)
        yield from self._reliance("" if self._surely_above else NEAR_CHANCE)

    def _kept(self, measure: str, kept: Array, whole: float, why: str) -> Iterator[Estimate]:
        """What is kept at each strength, and on average over those of a method."""
        for k, condition in enumerate(self.conditions):
            yield self._estimate(measure, _at(condition), kept[:, k], whole, why)
        for method, columns in self._methods.items():
            at = {"cue": CUES[method], "method": method}
            yield self._estimate(f"mean_{measure}", at, kept[:, columns].mean(1), whole, why)

    def _reliance(self, why: str) -> Iterator[Estimate]:
        lost: dict[str, Array] = {}
        for cue in dict.fromkeys(CUES.values()):
            means = [self._corrected[:, columns].mean(1) for m, columns in self._methods.items() if CUES[m] == cue]
            if means and " and " not in cue:
                lost[cue] = 1 - np.mean(means, axis=0)
                yield self._estimate("reliance", {"cue": cue}, lost[cue], self._above, why)
        for cue, against in combinations([axis for axis in AXES if axis in lost], 2):
            at = {"cue": cue, "against": against}
            yield self._estimate("reliance_difference", at, lost[cue] - lost[against], self._above, why)

    def _estimate(self, measure: str, at: Mapping[str, Any], values: Array, whole: float, why: str) -> Estimate:
        """The figure is the first of ``values``, the others are those of resamples; ``whole`` is what it is a share of."""
        n, (value, *drawn) = len(self.right), values
        fine = np.array(drawn)[np.isfinite(drawn)]
        if why or not np.isfinite(value):
            interval, why = Interval(None, None, None, n, ""), why or NEVER_RIGHT
        elif n < FEWEST or len(fine) < (1 - UNDEFINED) * len(drawn):
            interval = Interval(float(value), None, None, n, "")
        elif np.ptp(fine) < ROUNDING:  # images all alike: resamples say nothing, which is not certainty
            room = (differences(np.zeros((n, 1)), np.zeros((n, 1)))[0].high or 0.0) / whole
            interval = Interval(float(value), float(value) - room, float(value) + room, n, "bonett-price")
        else:
            low, high = np.percentile(fine, [2.5, 97.5])
            interval = Interval(float(value), min(float(low), value), max(float(high), value), n, "bootstrap")
        return self.say(measure, unit="ratio", at=at, **figure(interval, why))

    @cached_property
    def _accuracies(self) -> Array:
        """(1 + draws, 1 + conditions): of the images, then of resamples of them."""
        sums = np.concatenate([self.right.sum(0, keepdims=True), resampled_sums(self.right)])
        return np.asarray(sums / len(self.right))

    @cached_property
    def _relative(self) -> Array:
        return _by(self._accuracies[:, 1:], self._accuracies[:, :1])

    @cached_property
    def _corrected(self) -> Array:
        above = self._accuracies - self.chance
        return _by(above[:, 1:], above[:, :1])

    @property
    def _clean(self) -> float:
        """Accuracy on the clean view."""
        return float(self._accuracies[0, 0])

    @property
    def _above(self) -> float:
        """That, above chance."""
        return self._clean - self.chance

    @property
    def _surely_above(self) -> bool:
        return above_chance(self._clean, self.chance, len(self.right))

    @cached_property
    def _methods(self) -> Mapping[Method, list[int]]:
        """Columns of each method, the clean view left out."""
        found: dict[Method, list[int]] = {}
        for k, condition in enumerate(self.conditions):
            found.setdefault(condition.method, []).append(k)
        return found


def _by(kept: Array, whole: Array) -> Array:
    """NaN where there is nothing to keep."""
    return np.where(whole > 0, kept / np.where(whole > 0, whole, 1.0), np.nan)
