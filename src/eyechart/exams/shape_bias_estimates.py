"""From the rows of the shape_bias exam to its estimates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from scipy.special import gammaln

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.words import figure
from eyechart.exams.shape_bias_bands import CUES, Split
from eyechart.exams.shape_bias_rows import CONFLICT, FATES
from eyechart.images.categories import RULES, Categories, Rule
from eyechart.stats.crossed import crossed_ratios
from eyechart.stats.cue_conflict import (
    FEW,
    CueShares,
    Decisions,
    bias_gap,
    cue_shares,
    cue_shares_each,
    named_by_chance,
)
from eyechart.stats.intervals import Interval

Say = Callable[..., Estimate]  # makes an estimate of the exam
UNDECIDED = "no answer named the shape or the texture"
NO_STIMULI = "no image shows one category's shape in another's texture"
UNRELIABLE = f"fewer than {FEW} answers named the shape or the texture: not reliable"


@dataclass(frozen=True)
class Reckoning:
    """Estimates from a merged tally's rows.

    Attributes:
        say: makes an estimate of the exam.
        rows: see the exam.
        views: coordinates of each view that was shown, in order.
        rule: the aggregation that categories are told by.
        categories: of the model.
        outputs: their number.
    """

    say: Say
    rows: Mapping[str, Array]
    views: Sequence[Mapping[str, Any]]
    rule: Rule
    categories: Categories
    outputs: int

    def estimates(self) -> Iterator[Estimate]:
        """Shares by rule, of bands by the chosen one alone; by category; ranks among all outputs; which band holds each cue."""
        rules = (self.rule, *(rule for rule in RULES if rule != self.rule))
        told = [(rule, v) for rule in rules for v in range(len(self.views) if rule == self.rule else 1)]
        found = cue_shares_each([self._answers(*one) for one in told], self._decisions())
        for (rule, v), shares in zip(told, found, strict=True):
            yield from self._shares("", shares, {"aggregation": rule, **self.views[v]})
        whole = self._decisions()
        for rule in rules:
            yield from self._by_chance(rule, whole)
        for k in np.unique(whole.shapes):
            at = {"aggregation": self.rule, "category": self.categories.names[k]}
            yield from self._shares("category_", cue_shares(whole.where(whole.shapes == k)), at)
        yield from self._ranks()
        yield from self._chance()
        yield from self._split().estimates(self.say, {"aggregation": self.rule})

    def _conflict(self) -> Array:
        return np.asarray(self.rows["fate"] == CONFLICT)

    def _answers(self, rule: Rule, view: int) -> Array:
        asked = self._conflict()
        return np.asarray(self.rows[f"answer_{rule}"].reshape(len(asked), -1)[asked, view])

    def _decisions(self) -> Decisions:
        """Answers to the whole pictures."""
        asked, names = self._conflict(), ("shape", "texture", "content", "style")
        return Decisions(self._answers(self.rule, 0), *(self.rows[name][asked] for name in names))

    def _split(self) -> Split:
        whole = self._decisions()
        answers = np.stack([self._answers(self.rule, v) for v in range(len(self.views))], axis=1)
        named = {"shape": answers == whole.shapes[:, None], "texture": answers == whole.textures[:, None]}
        return Split.of(self.views, named, whole.contents, whole.styles)

    def _shares(self, prefix: str, found: CueShares, at: Mapping[str, Any]) -> Iterator[Estimate]:
        bias = self._bias(f"{prefix}shape_bias", found.shape_bias, found, at)
        yield bias
        if not prefix:
            yield self._bias("shape_bias_wilson", found.shape_bias_wilson, found, at)
        named = {"either_cue_accuracy": found.either, "shape_accuracy": found.shape}
        named |= {"texture_accuracy": found.texture, "other_share": found.other}
        for measure, interval in named.items():
            yield self.say(prefix + measure, at=at, **figure(interval, "" if found.counts.n else NO_STIMULI))
        if not prefix:
            for answer in ("shape", "texture", "other"):
                count = float(getattr(found.counts, answer))
                yield self.say("answers", unit="count", value=count, n=found.counts.n, at={**at, "answer": answer})

    def _bias(self, measure: str, interval: Interval, found: CueShares, at: Mapping[str, Any]) -> Estimate:
        counts = found.counts
        why = "" if counts.either else UNDECIDED if counts.n else NO_STIMULI
        told = self.say(measure, at=at, **figure(interval, why))
        return told if counts.reliable or why else replace(told, reason=UNRELIABLE)

    def _by_chance(self, rule: Rule, whole: Decisions) -> Iterator[Estimate]:
        """What the same answers would name if they had nothing to do with the pictures."""
        shares = named_by_chance(replace(whole, answers=self._answers(rule, 0)))
        for cue, share in zip(CUES, shares, strict=True):
            value, why = (share, "") if len(whole) else (None, NO_STIMULI)
            at = {"aggregation": rule, "cue": cue}
            yield self.say("accuracy_by_chance", value=value, n=len(whole), at=at, reason=why)

    def _ranks(self) -> Iterator[Estimate]:
        asked = self._conflict()
        shape, texture = (1 / self.rows[f"rank_{cue}"].reshape(len(asked), -1)[asked] for cue in ("shape", "texture"))
        columns = np.concatenate([shape, texture, shape - texture], axis=1)
        factors = (self.rows[name][asked] for name in ("content", "style"))
        found = iter(crossed_ratios(columns, np.ones_like(columns), *factors))
        told = {"shape": "reciprocal_rank", "texture": "reciprocal_rank", "": "reciprocal_rank_gap"}
        for (cue, measure), at in product(told.items(), self.views):
            interval, where = next(found), {"cue": cue, **at} if cue else dict(at)
            why = "" if interval.value is not None else NO_STIMULI
            yield self.say(measure, unit="reciprocal rank", at=where, **figure(interval, why))

    def _chance(self) -> Iterator[Estimate]:
        """What the mean reciprocal ranks of these stimuli would be if outputs ranked at random."""
        asked, sizes = self._conflict(), self.categories.sizes
        if not asked.any():
            return
        by_category = np.array([random_reciprocal_rank(int(size), self.outputs) for size in sizes])
        for cue in ("shape", "texture"):
            value, n = float(by_category[self.rows[cue][asked]].mean()), int(asked.sum())
            yield self.say("reciprocal_rank_by_chance", unit="reciprocal rank", value=value, n=n, at={"cue": cue})


def gap(say: Say, rows: Mapping[str, Array], others: Mapping[str, Array], rule: Rule) -> Estimate:
    """Shape bias of a model less that of another, from the rows of the same images in the same order."""
    asked = (rows["fate"] == CONFLICT) & (others["fate"] == CONFLICT)
    images = [rows[name][asked] for name in ("shape", "texture", "content", "style")]
    said = [Decisions(one[f"answer_{rule}"].reshape(len(asked), -1)[asked, 0], *images) for one in (rows, others)]
    found = bias_gap(*said)
    why = "" if found.value is not None else UNDECIDED if asked.any() else NO_STIMULI
    return say("shape_bias_gap", unit="difference of shares", at={"aggregation": rule}, **figure(found, why))


def fates(say: Say, rows: Mapping[str, Array]) -> Iterator[Estimate]:
    """How many images were stimuli whose cues differ, and what became of the others."""
    for k, fate in enumerate(FATES):
        count = float((rows["fate"] == k).sum())
        yield say("stimuli", unit="count", value=count, n=len(rows["fate"]), at={"fate": fate})


def random_reciprocal_rank(size: int, outputs: int) -> float:
    """Mean of 1 / rank of the best of ``size`` outputs, all orders of the ``outputs`` being as likely.

    >>> random_reciprocal_rank(1, 2), round(random_reciprocal_rank(2, 3), 4)
    (0.75, 0.8333)
    """
    ranks = np.arange(1, outputs - size + 2)
    # the best stands at a rank, and the others anywhere behind
    ways = _log_choices(outputs - ranks, size - 1) - _log_choices(np.array(outputs), size)
    return float((np.exp(ways) / ranks).sum())


def _log_choices(of: Array, taken: int) -> Array:
    return np.asarray(gammaln(of + 1) - gammaln(taken + 1) - gammaln(of - taken + 1))
