"""Plain training, on the images and on further views of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch

from eyechart.train.augment import Step, views_of
from eyechart.train.objective import Look, Objective


@dataclass(frozen=True)
class CrossEntropy(Objective):
    """-log p of the label; where images were mixed, of both labels, each by its share.

    Attributes:
        label_smoothing: share of the target spread over all classes (Szegedy et al., CVPR 2016).
        views: further views of the batch, a list of augmentations for each. Each adds a cross-entropy of its own, and all go
            through the net together (so amplitude-phase recombination of pairs is trained: Chen et al., ICCV 2021).
    """

    any_range: ClassVar[bool] = True
    label_smoothing: float = 0.0
    views: tuple[tuple[dict[str, Any], ...], ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing goes from 0 to below 1, and is {self.label_smoothing}")
        self.steps  # noqa: B018  # misspelt names are found at once

    @cached_property
    def steps(self) -> tuple[tuple[Step, ...], ...]:
        """The views, ready to use."""
        return views_of(self.views)

    def loss(self, look: Look) -> tuple[torch.Tensor, torch.Tensor]:
        """One forward; logits are those of the batch as it is."""
        if not self.views:
            logits = look.ask(look.pixels)
            return look.misfit(logits, self.label_smoothing).mean(), logits.detach()
        shown = [look.pixels, *(look.view(steps, f"view {k}") for k, steps in enumerate(self.steps))]
        each = look.ask(torch.cat(shown).contiguous(memory_format=torch.channels_last)).chunk(len(shown))
        losses = torch.stack([look.misfit(logits, self.label_smoothing).mean() for logits in each])
        return losses.sum(), each[0].detach()
