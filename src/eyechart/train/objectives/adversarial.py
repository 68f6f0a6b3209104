"""Adversarial training (Madry et al., ICLR 2018, arXiv 1706.06083)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eyechart.train.objective import Look, Objective
from eyechart.train.objectives.pgd import anywhere, check_search, climbed


@dataclass(frozen=True)
class Adversarial(Objective):
    """Cross-entropy of what PGD finds around each image.

    Attributes:
        eps, step, steps: of the search, L-infinity, in units of [0, 1].
        start: ``uniform`` in the ball, or ``image`` (no random start).
        clean: share of the loss that is taken on the images as they are; 0, as published, is none.
    """

    eps: float = 8 / 255
    step: float = 2 / 255
    steps: int = 10
    start: str = "uniform"
    clean: float = 0.0

    def __post_init__(self) -> None:
        check_search(self.eps, self.step, self.steps)
        if self.start not in ("uniform", "image") or not 0 <= self.clean < 1:
            raise ValueError("start is uniform or image, clean from 0 to below 1")

    def loss(self, look: Look) -> tuple[Tensor, Tensor]:
        """The search, then one forward in training mode; logits are those of what was found."""
        begin = anywhere(look, self.eps) if self.start == "uniform" else look.pixels
        found = climbed(look, begin, self.eps, self.step, self.steps, look.misfit)
        if not self.clean:
            logits = look.ask(found)
            return look.misfit(logits).mean(), logits.detach()
        attacked, plain = look.ask(torch.cat([found, look.pixels])).chunk(2)
        losses = look.misfit(attacked).mean(), look.misfit(plain).mean()
        return torch.lerp(*losses, self.clean), attacked.detach()
