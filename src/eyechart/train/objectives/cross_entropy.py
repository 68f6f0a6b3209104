"""Plain training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from eyechart.train.objective import Look, Objective


@dataclass(frozen=True)
class CrossEntropy(Objective):
    """-log p of the label.

    Attributes:
        label_smoothing: share of the target spread over all classes (Szegedy et al., CVPR 2016).
    """

    label_smoothing: float = 0.0

    def loss(self, look: Look) -> tuple[torch.Tensor, torch.Tensor]:
        """One forward."""
        logits = look.ask(look.pixels)
        return cross_entropy(logits, look.labels, label_smoothing=self.label_smoothing), logits.detach()
