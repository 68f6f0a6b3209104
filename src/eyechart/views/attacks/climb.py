"""Steps up a loss within a ball, many images at a time: what PGD and the search for the smallest change share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch

from eyechart.views.attacks.ball import Ball, by_image
from eyechart.views.attacks.losses import LOSSES, LossName, wrong
from eyechart.views.attacks.victim import Slope, Victim

Select = Literal["last", "best"]
MULTIPLE = 8  # batches shrink to multiples of it: each new size costs a CPU the preparation of its kernels
SHRINK = 0.75  # and only when so few are left


@dataclass(frozen=True)
class Climb:
    """How to climb.

    Attributes:
        steps: how many.
        loss: what is made large.
        select: ``last`` ends at the last step's point; ``best`` at the one of the largest loss among all points, the start
            included, where any that the model gets wrong goes before all others.
        active: with ``best``, images that the model gets wrong stop there: their point is the first wrong one.
    """

    steps: int
    loss: LossName = "ce"
    select: Select = "last"
    active: bool = True

    def run(
        self,
        victim: Victim,
        pixels: torch.Tensor,
        labels: torch.Tensor,
        ball: Ball,
        start: torch.Tensor,
        step: float | torch.Tensor,
    ) -> Climbed:
        """Climb from ``start`` around ``pixels``, both (n, c, h, w) float32 in [0, 1]; a step is of size ``step``, (n,) or one.

        One gradient a step tells the verdict on the point before it, too: only ``best`` looks once more, at the last point.
        """
        kept = Climbed.at(start)
        some = _Some(torch.arange(len(pixels), device=pixels.device), pixels, labels, start, ball, step)
        for _ in range(self.steps):
            slope = victim.slope(some.points, lambda logits, labels=some.labels: LOSSES[self.loss](logits, labels))  # type: ignore[misc]
            counted = self._counted(some, kept)
            kept.felt(some.index, slope, counted)
            if self.select == "best":
                kept.consider(victim, some, slope.logits, slope.loss, counted)
            some, gradient = self._still(some, kept, slope.gradient)
            if not len(some.index):
                return kept
            some = some.stepped(gradient)
        if self.select == "best":
            logits = victim.glimpse(some.points)
            kept.consider(victim, some, logits, LOSSES[self.loss](logits, some.labels), self._counted(some, kept))
            kept.recheck(victim, labels)
        else:
            kept.points[some.index] = some.points
        return kept

    def _counted(self, some: _Some, kept: Climbed) -> torch.Tensor:
        """(n,) bool: all but those that stopped, and only fill the batch."""
        return ~kept.broken[some.index] if self.active else torch.ones_like(some.index, dtype=torch.bool)

    def _still(self, some: _Some, kept: Climbed, gradient: torch.Tensor) -> tuple[_Some, torch.Tensor]:
        """Those that go on: broken ones are dropped, but for a few that fill the batch."""
        if self.select == "last" or not self.active:
            return some, gradient
        done = kept.broken[some.index]
        left = int((~done).sum())
        if left and left > SHRINK * len(done):
            return some, gradient
        size = min(len(done), -(-left // MULTIPLE) * MULTIPLE)
        chosen = done.int().argsort(stable=True)[:size].sort().values
        return some.of(chosen), gradient[chosen]


@dataclass(frozen=True)
class _Some:
    """Images on their way: where they stand among all, and all that is theirs."""

    index: torch.Tensor
    around: torch.Tensor
    labels: torch.Tensor
    points: torch.Tensor
    ball: Ball
    step: float | torch.Tensor

    def of(self, chosen: torch.Tensor) -> _Some:
        """Some of them."""
        step = self.step[chosen] if isinstance(self.step, torch.Tensor) else self.step
        index, around, labels, points = (t[chosen] for t in (self.index, self.around, self.labels, self.points))
        return _Some(index, around, labels, points, self.ball.of(chosen), step)

    def stepped(self, gradient: torch.Tensor) -> _Some:
        """One step on."""
        ahead = self.points + by_image(self.step, self.points) * self.ball.ascent(gradient)
        return replace(self, points=self.ball.project(ahead, self.around))


@dataclass(eq=False)
class Climbed:
    """Where images got to, (n,) each.

    Attributes:
        points: (n, c, h, w).
        loss: at ``points``, at the precision of the search; -inf before it is known.
        broken: whether the model is wrong there; in float32, whatever the search is in. Known with ``best`` alone.
        first, latest: the loss at the first and at the latest gradient.
        gradients: how many.
        zero, odd: how many of them were 0 everywhere; not finite somewhere.
    """

    points: torch.Tensor
    loss: torch.Tensor
    broken: torch.Tensor
    first: torch.Tensor
    latest: torch.Tensor
    gradients: torch.Tensor
    zero: torch.Tensor
    odd: torch.Tensor

    @classmethod
    def at(cls, start: torch.Tensor) -> Climbed:
        """Before the first step."""
        nothing = torch.zeros(len(start), device=start.device)
        counts = (nothing.clone() for _ in range(3))
        unknown = (torch.full_like(nothing, torch.nan) for _ in range(2))
        return cls(start.clone(), torch.full_like(nothing, -torch.inf), nothing > 0, *unknown, *counts)

    def felt(self, index: torch.Tensor, slope: Slope, counted: torch.Tensor) -> None:
        """Take note of a gradient at some of the images; only those ``counted`` are meant."""
        self.first[index] = torch.where(self.gradients[index] == 0, slope.loss, self.first[index])
        self.latest[index] = torch.where(counted, slope.loss, self.latest[index])
        self.gradients[index] += counted
        self.zero[index] += counted & (slope.gradient.abs().amax((1, 2, 3)) == 0)
        self.odd[index] += counted & ~slope.finite

    def consider(
        self, victim: Victim, some: _Some, logits: torch.Tensor, loss: torch.Tensor, counted: torch.Tensor
    ) -> None:
        """Keep the points that are better than those before; what a low precision calls wrong is looked at in float32."""
        missed, before = wrong(logits, some.labels) & counted, self.broken[some.index]
        higher = loss > self.loss[some.index]
        if victim.precision != "float32":
            claimed = missed & (~before | higher)
            if claimed.any():
                missed[claimed] = wrong(victim.logits(some.points[claimed]), some.labels[claimed])
        better = counted & ((missed & ~before) | ((missed == before) & higher))
        at = some.index[better]
        self.points[at], self.loss[at] = some.points[better], loss[better]
        self.broken[at] = missed[better]

    def recheck(self, victim: Victim, labels: torch.Tensor) -> None:
        """What a low precision calls right, at the point of the largest loss, may be wrong in float32, too."""
        doubted = ~self.broken
        if victim.precision != "float32" and doubted.any():
            self.broken[doubted] = wrong(victim.logits(self.points[doubted]), labels[doubted])

    def judged(self, victim: Victim, labels: torch.Tensor, loss: LossName) -> None:
        """Find out the verdict on ``points``, and the loss there."""
        logits = victim.logits(self.points)
        self.loss, self.broken = LOSSES[loss](logits, labels), wrong(logits, labels)

    def keep(self, index: torch.Tensor, now: Climbed) -> None:
        """Another climb of some of the images: its points where it broke them, or where none did and the loss is larger."""
        larger = (now.loss > self.loss[index]) | (self.gradients[index] == 0)
        better = now.broken | (~self.broken[index] & larger)
        at = index[better]
        self.points[at], self.loss[at], self.broken[at] = now.points[better], now.loss[better], now.broken[better]
        for name in ("first", "latest"):
            getattr(self, name)[index] = getattr(now, name)
        for name in ("gradients", "zero", "odd"):
            getattr(self, name)[index] += getattr(now, name)

    def notes(self) -> dict[str, torch.Tensor]:
        """What attacks tell of it: see ``PGD``."""
        return {
            "zero_gradient": self.zero / self.gradients,
            "odd_gradient": self.odd / self.gradients,
            "gradients": self.gradients,
            "rise": self.latest - self.first,
        }
