"""The control of all attacks: a random change of the same size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from eyechart.views.attacks.attack import Attack, Found
from eyechart.views.attacks.ball import Ball, norm_of
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.victim import Victim


@dataclass(frozen=True)
class RandomChange(Attack):
    """A point on the sphere, drawn once an image and asked nothing about: what the size of a change costs by itself.

    ``linf``: every value moved by eps, up or down by the toss of a coin. ``l2``: a direction drawn evenly from all, at length
    eps. Then clipped to [0, 1].
    """

    name: ClassVar[str] = "noise"

    @property
    def cost(self) -> int:
        """Looks before and after."""
        return 2

    def search(self, victim: Victim, pixels: torch.Tensor, labels: torch.Tensor, draws: Draws) -> Found:
        """No search."""
        drawn = draws.normal("direction", tuple(pixels.shape[1:]))
        way = drawn.sign() if self.norm == "linf" else drawn / norm_of(drawn, "l2").view(-1, 1, 1, 1)
        return Found(Ball(self.norm, self.eps).project(pixels + self.eps * way, pixels), {})
