"""The ascent of APGD: many rows at once, each with a step size and a past of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch

from eyechart.views.attacks.ball import Norm
from eyechart.views.attacks.contest import Contest
from eyechart.views.attacks.losses import margin
from eyechart.views.attacks.reach import Box, Kept, Sphere, reach
from eyechart.views.attacks.rows import Shape, confirmed, each, pictures, rows_of
from eyechart.views.attacks.victim import Slope, Victim

Aim = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
MOMENTUM, RISING = 0.75, 0.75  # weight of a step beside the one before; share of steps that must rise
CROWDED = 0.8  # idle rows are left out once fewer than this share is busy: moving memory costs, too


@dataclass
class Ascent(Kept):
    """m rows on their way up.

    Attributes:
        image, run: (m,) whose row this is, and which attempt.
        labels, targets: (m,) int64.
        within: where they may go.
        now, before, best: (m, d) points: the present, the one before, the one of highest loss.
        slope, best_slope: (m, d) gradients there.
        step: (m,) step sizes.
        loss, best_loss: (m,) at ``now`` and ``best``.
        last_check: (m,) ``best_loss`` at the last checkpoint.
        rises: (m,) steps since then that raised the loss.
        halved: (m,) bool, whether the step was halved there; true before the first.
    """

    image: torch.Tensor
    run: torch.Tensor
    labels: torch.Tensor
    targets: torch.Tensor
    within: Box | Sphere
    now: torch.Tensor
    before: torch.Tensor
    best: torch.Tensor
    slope: torch.Tensor
    best_slope: torch.Tensor
    step: torch.Tensor
    loss: torch.Tensor
    best_loss: torch.Tensor
    last_check: torch.Tensor
    rises: torch.Tensor
    halved: torch.Tensor

    @classmethod
    def of(
        cls,
        norm: Norm,
        eps: float,
        around: torch.Tensor,
        start: torch.Tensor,
        labels: torch.Tensor,
        targets: torch.Tensor,
        image: torch.Tensor,
        run: torch.Tensor,
    ) -> Self:
        """Rows at their starts (m, d); losses and slopes are yet to be ``seen``."""
        nothing = torch.zeros(len(start), device=start.device)
        return cls(
            image=image,
            run=run,
            labels=labels,
            targets=targets,
            within=reach(norm, eps, around),
            now=start,
            before=start,
            best=start.clone(),
            slope=start,
            best_slope=torch.zeros_like(start),
            step=nothing + 2 * eps,
            loss=nothing,
            best_loss=nothing - torch.inf,
            last_check=nothing - torch.inf,
            rises=nothing,
            halved=nothing == 0,
        )

    def move(self, first: bool) -> None:
        """One step; its gradient is used up."""
        ahead = self.within.ascent_(self.slope).mul_(each(self.step)).add_(self.now)
        ahead = self.within.pull_(ahead)
        if not first:  # now + a (ahead - now) + (1 - a) (now - before)
            ahead.mul_(MOMENTUM).add_(self.now, alpha=2 * (1 - MOMENTUM)).add_(self.before, alpha=MOMENTUM - 1)
            ahead = self.within.pull_(ahead)
        self.before, self.now = self.now, ahead

    def seen(self, loss: torch.Tensor, slope: torch.Tensor) -> None:
        """Take in what a look at ``now`` showed."""
        self.rises = self.rises + (loss > self.loss)
        self.loss, self.slope = loss, slope
        at = (loss > self.best_loss).nonzero().flatten()
        self.best[at], self.best_slope[at] = self.now[at], slope[at]
        self.best_loss = torch.maximum(loss, self.best_loss)

    def start(self, parity: bool) -> None:
        """Begin to count: from the loss at the start, or from 0."""
        self.last_check, self.rises = self.best_loss, torch.zeros_like(self.rises)
        if parity:
            self.loss = torch.zeros_like(self.loss)

    def check(self, period: int) -> None:
        """Halve the steps, back at the best point, of rows that rose too seldom or not at all."""
        stuck = ~self.halved & (self.best_loss <= self.last_check)
        tired = (self.rises <= RISING * period) | stuck
        at = tired.nonzero().flatten()
        self.now[at], self.slope[at] = self.best[at], self.best_slope[at]
        self.step = torch.where(tired, self.step / 2, self.step)
        self.halved, self.last_check, self.rises = tired, self.best_loss, torch.zeros_like(self.rises)


@dataclass(frozen=True, eq=False)
class Climber:
    """What a climb asks, and where it enters what it finds.

    Attributes:
        victim: the model.
        contest: of the images.
        shape: of each.
        aim: logits (m, k), labels (m,) and targets (m,) to what is to be made large, (m,).
        forwards: looks of which a gradient is the mean.
    """

    victim: Victim
    contest: Contest
    shape: Shape
    aim: Aim
    forwards: int = 1

    def climb(self, ascent: Ascent, steps: int, parity: bool) -> torch.Tensor:
        """Enter in the contest what the model gets wrong on the way. (m,) bool: no slope at the start."""
        self._look(ascent)
        flat = (ascent.slope == 0).all(1)
        ascent.start(parity)
        checks = checkpoints(steps)
        for number in range(1, steps + 1):
            busy = (~self.contest.idle(ascent.image, ascent.run)).nonzero().flatten()
            if not len(busy):
                break
            if len(busy) < CROWDED * len(ascent.image):
                ascent = ascent.keep(busy)
            ascent.move(number == 1)
            self._look(ascent)
            if number in checks:
                ascent.check(checks[number])
        return flat

    def _look(self, ascent: Ascent) -> None:
        """Ask the model about ``now``."""
        seen = self._asked(ascent)
        slope = rows_of(seen.gradient)
        for _ in range(self.forwards - 1):
            seen = self._asked(ascent)
            slope = slope + rows_of(seen.gradient)
        ascent.seen(seen.loss, slope if self.forwards == 1 else slope / self.forwards)
        image, run, labels = ascent.image, ascent.run, ascent.labels
        if self.victim.precision != "float32":
            self.contest.note(image, margin(seen.logits, labels))
        claimed = (seen.logits.argmax(1) != labels) & ~self.contest.idle(image, run)
        wins = confirmed(self.victim, ascent.now, self.shape, claimed, labels)
        self.contest.won(image, run, wins, ascent.now)

    def _asked(self, ascent: Ascent) -> Slope:
        labels, targets = ascent.labels, ascent.targets
        return self.victim.slope(pictures(ascent.now, self.shape), lambda logits: self.aim(logits, labels, targets))


def checkpoints(steps: int) -> dict[int, int]:
    """Numbers of steps after which step sizes are judged, each with the steps since the last.

    >>> checkpoints(100)
    {22: 22, 41: 19, 57: 16, 70: 13, 80: 10, 87: 7, 93: 6, 99: 6}
    """
    period, least, less = (max(1, int(share * steps)) for share in (0.22, 0.06, 0.03))
    found, at = {}, period
    while at <= steps:
        found[at] = period
        period = max(period - less, least)
        at += period
    return found
