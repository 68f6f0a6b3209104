"""APGD: ascent without a step size to choose (Croce & Hein, ICML 2020, arXiv 2003.01690)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from eyechart.views.attacks.ascent import Aim, Ascent, Climber
from eyechart.views.attacks.attack import Attack, Found
from eyechart.views.attacks.contest import Contest, by_attempt
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.losses import ce, dlr, dlr_targeted, lead, margin
from eyechart.views.attacks.reach import on_the_edge
from eyechart.views.attacks.rows import pictures, rows_of
from eyechart.views.attacks.victim import Victim


@dataclass(frozen=True)
class APGD(Attack):
    """Sign or gradient steps with momentum from the edge of the ball; steps are halved where they stop paying.

    An image is broken by the first point that the model gets wrong, and left at that (the published code goes on and returns
    the last such point: the verdict is the same). Images that withstand are left as they are.

    Attributes:
        loss: ``ce`` (cross-entropy) or ``dlr`` (difference of logits ratio; with 2 classes the margin, which climbs alike).
        steps: of each restart.
        restarts: on what withstood those before.
        forwards: gradients are means over so many looks, for models that draw at random (EoT).
        parity: count the first step as the published code does, which compares its loss with 0 at the first checkpoint.

    Notes: ``zero_gradient`` (1 where the first gradient was 0), ``margin`` (the largest seen, label's logit subtracted).
    """

    loss: Literal["ce", "dlr"] = "ce"
    steps: int = 100
    restarts: int = 1
    forwards: int = 1
    parity: bool = False
    name: ClassVar[str] = "apgd"

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.steps, self.restarts, self.forwards) < 1:
            raise ValueError(f"at least one step, restart and forward: {self}")

    @property
    def label(self) -> str:
        """Short name, as in the literature."""
        return f"apgd-{self.loss}"

    @property
    def cost(self) -> int:
        """If nothing breaks before the end."""
        return 2 + 3 * self.forwards * self.restarts * (self.steps + 1)

    def search(
        self, victim: Victim, pixels: torch.Tensor, labels: torch.Tensor, draws: Draws, room: int | None = None
    ) -> Found:
        """``room``: how many rows may be asked together; None = as many as there are images."""
        return _searched(self, self._aim, victim, pixels, labels, draws, labels[:, None], self.restarts, room)

    def _aim(self, logits: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if self.loss == "ce":
            return ce(logits, labels)
        return dlr(logits, labels) if logits.shape[1] >= 3 else margin(logits, labels)


@dataclass(frozen=True)
class APGDT(Attack):
    """APGD towards one other class after the other, those first that the model holds likely on the image as it is.

    Attributes:
        targets: how many classes; all others where there are fewer.
        steps, restarts, parity: see ``APGD``; restarts of each target.

    The loss is the targeted difference of logits ratio; with 2 or 3 classes the target's logit less the label's.
    """

    targets: int = 9
    steps: int = 100
    restarts: int = 1
    parity: bool = False
    forwards: ClassVar[int] = 1
    name: ClassVar[str] = "apgd-t"

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.targets, self.steps, self.restarts) < 1:
            raise ValueError(f"at least one target, step and restart: {self}")

    @property
    def label(self) -> str:
        """Short name, as in the literature."""
        return self.name

    @property
    def cost(self) -> int:
        """If nothing breaks before the end."""
        return 3 + 3 * self.targets * self.restarts * (self.steps + 1)

    def search(
        self, victim: Victim, pixels: torch.Tensor, labels: torch.Tensor, draws: Draws, room: int | None = None
    ) -> Found:
        """``room``: how many rows may be asked together; None = as many as there are images."""
        towards = ranked(victim.logits(pixels), labels, self.targets)
        return _searched(self, self._aim, victim, pixels, labels, draws, towards, self.restarts, room)

    @staticmethod
    def _aim(logits: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (dlr_targeted if logits.shape[1] >= 4 else lead)(logits, labels, targets)


def ranked(logits: torch.Tensor, labels: torch.Tensor, most: int) -> torch.Tensor:
    """(n, k) the classes other than the label, from the largest logit (n, classes) down; at most ``most``."""
    others = logits.scatter(1, labels[:, None], -torch.inf)
    return others.argsort(dim=1, descending=True, stable=True)[:, : min(most, logits.shape[1] - 1)]


def _searched(
    attack: APGD | APGDT,
    aim: Aim,
    victim: Victim,
    pixels: torch.Tensor,
    labels: torch.Tensor,
    draws: Draws,
    targets: torch.Tensor,
    restarts: int,
    room: int | None,
) -> Found:
    """All restarts of all ``targets`` (n, k), each on what withstood those before."""
    shape, rows = (pixels.shape[1], pixels.shape[2], pixels.shape[3]), rows_of(pixels).contiguous()
    contest = Contest(rows, targets.shape[1] * restarts, room or len(rows))
    climber = Climber(victim, contest, shape, aim, attack.forwards)
    flat = torch.zeros(len(rows), device=rows.device)
    for image, run in contest.heats():
        starts = _starts(attack, draws, rows, image, run, shape)
        towards = targets[image, run // restarts]
        ascent = Ascent.of(attack.norm, attack.eps, rows[image], starts, labels[image], towards, image, run)
        flat.scatter_reduce_(0, image, climber.climb(ascent, attack.steps, attack.parity).float(), "amax")
    return Found(pictures(contest.points, shape), {"zero_gradient": flat, "margin": contest.margin})


def _starts(
    attack: APGD | APGDT,
    draws: Draws,
    rows: torch.Tensor,
    image: torch.Tensor,
    run: torch.Tensor,
    shape: tuple[int, ...],
) -> torch.Tensor:
    """(m, d) random points on the edge of the ball, clipped to [0, 1]: of each image and attempt its own."""

    def noise(number: int, images: torch.Tensor) -> torch.Tensor:
        own = draws.of(images)
        return (own.uniform if attack.norm == "linf" else own.normal)(f"{attack.label}/{number}", shape)

    return on_the_edge(attack.norm, attack.eps, rows[image], rows_of(by_attempt(image, run, noise)))
