"""Cross-entropy, and one answer to several views (Hendrycks et al., ICLR 2020, arXiv 1912.02781, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from eyechart.train.augment import Step, views_of
from eyechart.train.objective import Look, Objective


@dataclass(frozen=True)
class AugMixJSD(Objective):
    """CE(x) + weight * JSD(p(x), p(view 1), p(view 2)); all views go through the net in one batch.

    Attributes:
        weight: of the consistency; 0 shows the views for nothing.
        views: how each further view is made of the batch, a list of augmentations for each. With BaSS in one of them it is
            the combination of Lin et al. (NeurIPS 2023).
    """

    weight: float = 12.0
    views: tuple[tuple[dict[str, Any], ...], ...] = (({"name": "augmix"},), ({"name": "augmix"},))

    def __post_init__(self) -> None:
        if not self.views:
            raise ValueError("give one view or more")
        if self.weight < 0:
            raise ValueError(f"weight is 0 or more, not {self.weight}")
        self.steps  # noqa: B018  # misspelt names are found at once

    @cached_property
    def steps(self) -> tuple[tuple[Step, ...], ...]:
        """The views, ready to use."""
        return views_of(self.views)

    def loss(self, look: Look) -> tuple[Tensor, Tensor]:
        """One forward of all views together, which share BatchNorm's statistics."""
        shown = [look.view(steps, f"view {k}") for k, steps in enumerate(self.steps)]
        together = torch.cat([look.pixels, *shown]).contiguous(memory_format=torch.channels_last)
        clean, *others = look.ask(together).chunk(1 + len(shown))
        return look.misfit(clean).mean() + self.weight * jensen_shannon([clean, *others]), clean.detach()


def jensen_shannon(logits: list[Tensor]) -> Tensor:
    """Mean over images and views of KL(p_i || mean p), the mean cut to 1e-7..1: from 0 to log of their number, in nats."""
    each = torch.stack([one.log_softmax(1) for one in logits])  # (views, n, k)
    mean = each.exp().mean(0).clamp(1e-7, 1).log()
    return (each.exp() * (each - mean)).sum(2).mean()
