"""Whether accuracies under attack can be believed: checks as data, each with its figure, threshold and status.

After the checks of AutoAttack (Croce & Hein, ICML 2020) and what else betrays a search that had no gradient to follow
(Athalye et al., ICML 2018; Carlini et al., arXiv 1902.06705).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.words import figure
from eyechart.stats.intervals import Interval, differences, share_of, together

if TYPE_CHECKING:
    from eyechart.exams.adversarial_estimates import Reckoning

Status = Literal["pass", "warn", "fail", "not checked"]
ALIKE = 1e-4  # of a logit vector's length, or of the largest logit: AutoAttack's, and ours for other company
FEW_ZERO = 0.01  # of the images: more without a gradient fail
HELPED = 0.002  # AutoAttack's: what Square may add
GAP = 0.03  # between two losses of one attack
ROUNDING = 1e-6
SILENT = 0.05  # of the images, with a probability of 0: the net's own softmax hides classes
TARGETED = 4  # classes: fewer allow no targeted DLR
FEW_ODD = 0.01  # of the images: more claims that do not hold fail
SUNK = 0.05  # of the right images
RISE = 0.01  # of accuracy, though the ball grew
FOLLOWING = ("fgsm", "pgd", "short", "direct")  # gradients, at every size
STRONGEST = (*FOLLOWING, "margin", "low", "high")  # at the size that checks are about
BY_GRADIENT, BY_SQUARE = (0, 1, 2), 3  # AutoAttack's attacks, in their order
DIFFERENCE = "difference of shares"
NONE_RIGHT, NOT_RUN = "the model gets no image right", "it compares attacks that were not all asked for"
EXACT = Interval(None, None, None, 0, "")


@dataclass(frozen=True)
class Flag:
    """One check.

    Attributes:
        name: see ``WORDS``.
        status: ``fail``: accuracies under attack mean little; ``warn``: look closer.
        interval: the figure; ``unit`` of it.
        threshold: beyond which it is raised.
        reason: why it was not checked.
    """

    name: str
    status: Status
    interval: Interval
    threshold: float
    unit: str = "share"
    reason: str = ""


@dataclass(frozen=True)
class Flags:
    """All checks on one model.

    Attributes:
        of: its rows.
    """

    of: Reckoning

    def estimates(self) -> Iterator[Estimate]:
        """One figure a check, and how many are raised."""
        flags = list(self.flags())
        checked = sum(flag.status != "not checked" for flag in flags)
        for status, measure in (("fail", "flags_failed"), ("warn", "flags_warned")):
            raised = sum(flag.status == status for flag in flags)
            yield self.of.say(measure, unit="count", value=float(raised), n=checked, at=self.of.at(self.of.layout.at))
        for flag in flags:
            at = {"flag": flag.name, "status": flag.status, "threshold": flag.threshold}
            yield self.of.say("flag", unit=flag.unit, at=at, **figure(flag.interval, flag.reason))

    def flags(self) -> Iterator[Flag]:
        """The model's manners, its gradients, then what attacks did to it."""
        yield from self._manners()
        yield from self._gradients()
        yield from self._strengths()
        yield from self._consistency()

    def _manners(self) -> Iterator[Flag]:
        rows = self.of.rows
        moody = (rows["looks_differ"] > 0) | (rows["look_distance"] > ALIKE)
        yield _never("randomised", moody)
        yield _never("batch_dependence", rows["company"] > ALIKE)
        yield _never("optimises", rows["differentiates"] > 0)
        silent = rows["zero_probability"] > 0
        hidden = share_of(silent)
        status: Status = "fail" if (hidden.value or 0) > SILENT else "warn" if self.of.subject.softmax else "pass"
        yield Flag("softmax_output", status, hidden, SILENT)
        classes = float(self.of.subject.n_classes)
        few: Status = "pass" if classes >= TARGETED else "warn"
        yield Flag("class_count", few, Interval(classes, None, None, len(silent), ""), TARGETED, "count")

    def _gradients(self) -> Iterator[Flag]:
        for loss in ("ce", "margin"):
            length = self.of.rows[f"gradient_{loss}"][self.of.right]
            zero = share_of(~(length > 0))
            if not len(length):
                yield Flag(f"zero_gradient_{loss}", "not checked", zero, FEW_ZERO, reason=NONE_RIGHT)
                continue
            value = zero.value or 0.0
            yield Flag(
                f"zero_gradient_{loss}", "fail" if value > FEW_ZERO else "warn" if value else "pass", zero, FEW_ZERO
            )

    def _strengths(self) -> Iterator[Flag]:
        """Who finds more than whom, of all images: stronger attacks must leave no more right than weaker ones."""
        best, pgd = self._strongest(), self._at("pgd")
        yield _no_better("noise_beats_attack", self._at("noise"), best)
        yield _no_better("fgsm_beats_pgd", self._at("fgsm"), pgd)
        yield _no_better("square_helped", self._with_square(best), best, HELPED)
        yield self._sinking()
        yield _gap("loss_gap", pgd, self._at("margin"))
        if "transfer" in self.of.layout.columns:
            yield _no_better("transfer_beats_attack", self._at("transfer"), best)

    def _consistency(self) -> Iterator[Flag]:
        """More room must help, all the room there is must suffice, and claims must hold."""
        yield self._monotone()
        yield self._huge()
        right = self.of.right
        if right.any():
            rows = self.of.rows
            odd = share_of((rows["unconfirmed"] + rows.get("distance_unconfirmed", 0))[right] > 0)
            value = odd.value or 0.0
            yield Flag("unconfirmed", "fail" if value > FEW_ODD else "warn" if value else "pass", odd, FEW_ODD)
        else:
            yield Flag("unconfirmed", "not checked", EXACT, FEW_ODD, reason=NONE_RIGHT)
        yield _never("nan_answers", self.of.rows["nan"])
        beyond = float(max(self.of.rows["excess"].max(), self.of.rows["outside"].max(), 0.0))
        within: Status = "fail" if beyond > ROUNDING else "pass"
        yield Flag("range", within, Interval(beyond, None, None, len(right), ""), ROUNDING, "pixel value")

    def _sinking(self) -> Flag:
        """Images whose loss the steps that were to raise it did not raise."""
        rise = self.of.rows.get("rise", np.empty(0))
        rise = rise[np.isfinite(rise)]
        if not len(rise):
            return Flag(
                "loss_sinks", "not checked", EXACT, SUNK, reason="no gradient was followed from the image itself"
            )
        return replace(_raised("loss_sinks", share_of(rise <= 0), SUNK), unit="share")

    def _strongest(self) -> Array | None:
        """(n,) what stands at ``at`` against all attacks that follow gradients; None without one."""
        found = [self._at(name) for name in STRONGEST]
        if "broken_by" in self.of.rows:
            found.append(self.of.right & ~np.isin(self.of.rows["broken_by"], BY_GRADIENT))
        asked = [one for one in found if one is not None]
        return np.logical_and.reduce(asked) if asked else None

    def _with_square(self, best: Array | None) -> Array | None:
        """(n,) what stands when Square is tried, too, by itself or as the last of AutoAttack's; None without either."""
        found = [self._at("square")]
        if "broken_by" in self.of.rows:
            found.append(self.of.right & (self.of.rows["broken_by"] != BY_SQUARE))
        asked = [one for one in found if one is not None]
        return np.logical_and.reduce([best, *asked]) if asked and best is not None else None

    def _at(self, attack: str) -> Array | None:
        """(n,) what stands at the size that checks are about; None where the attack is not run."""
        if attack not in self.of.layout.columns:
            return None
        standing = self.of.standing(attack)
        return (
            standing if standing.ndim == 1 else np.asarray(standing[:, self.of.layout.sizes.index(self.of.layout.at)])
        )

    def _monotone(self) -> Flag:
        """The largest rise of accuracy from one size to the next, of all attacks at several; its interval holds for all."""
        names = [name for name in FOLLOWING if name in self.of.layout.by_size]
        pairs = [pair for name in names for pair in pairwise(self.of.standing(name).T)]
        if not pairs:
            return Flag("not_monotone", "not checked", EXACT, RISE, reason="one size alone, or no attack")
        found = [differences(more[:, None], less[:, None])[0] for less, more in pairs]
        most = max(found, key=lambda one: one.value or 0.0)
        value, low, high = (x or 0.0 for x in (most.value, most.low, most.high))
        ends = together(value, low, high, len(found))
        return _raised("not_monotone", Interval(value, *ends, most.n, most.method), RISE)

    def _huge(self) -> Flag:
        """Accuracy where every picture can become every other."""
        standing, chance = self._at("huge"), 1 / self.of.subject.n_classes
        if standing is None:
            return Flag("huge_change", "not checked", EXACT, chance, reason=NOT_RUN)
        left = share_of(standing)
        return replace(_raised("huge_change", left, chance), unit="share")


def _never(name: str, events: Array) -> Flag:
    """What must not happen to one image."""
    return Flag(name, "fail" if events.any() else "pass", share_of(events), 0.0)


def _no_better(name: str, weaker: Array | None, stronger: Array | None, threshold: float = 0.0) -> Flag:
    """How many more images the weaker attack broke, (n,) each what stands: paired, as a share of all."""
    if weaker is None or stronger is None:
        return Flag(name, "not checked", EXACT, threshold, reason=NOT_RUN)
    (more,) = differences(stronger[:, None], weaker[:, None])
    return _raised(name, more, threshold)


def _gap(name: str, first: Array | None, second: Array | None) -> Flag:
    """How much more stands under the first of two losses; worth a look either way."""
    if first is None or second is None:
        return Flag(name, "not checked", EXACT, GAP, reason=NOT_RUN)
    (gap,) = differences(first[:, None], second[:, None])
    shown = (gap.low or 0.0) > 0 or (gap.high or 0.0) < 0
    return Flag(name, "warn" if shown and abs(gap.value or 0.0) > GAP else "pass", gap, GAP, DIFFERENCE)


def _raised(name: str, found: Interval, threshold: float) -> Flag:
    """Fails where the whole interval lies above the threshold, warns where the figure does."""
    above = (found.low or 0.0) > threshold
    return Flag(
        name, "fail" if above else "warn" if (found.value or 0.0) > threshold else "pass", found, threshold, DIFFERENCE
    )
