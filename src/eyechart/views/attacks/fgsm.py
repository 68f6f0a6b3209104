"""FGSM: one step as far as eps allows (Goodfellow et al., ICLR 2015, arXiv 1412.6572)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from eyechart.views.attacks.attack import Attack, Found
from eyechart.views.attacks.ball import Ball
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.losses import ce
from eyechart.views.attacks.victim import Victim


@dataclass(frozen=True)
class FGSM(Attack):
    """One step of length eps up the cross-entropy, then clipped to [0, 1]."""

    name: ClassVar[str] = "fgsm"

    @property
    def cost(self) -> int:
        """One gradient, and looks before and after."""
        return 5 * self.ways

    def search(self, victim: Victim, pixels: torch.Tensor, labels: torch.Tensor, draws: Draws) -> Found:
        """One step."""
        ball = Ball(self.norm, self.eps)
        slope = victim.slope(pixels, lambda logits: ce(logits, labels))
        step = ball.project(pixels + self.eps * ball.ascent(slope.gradient), pixels)
        return Found(step, {"zero_gradient": (slope.gradient.flatten(1).abs().sum(1) == 0).float()})
