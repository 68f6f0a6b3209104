"""Objectives: what training makes small."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from eyechart.train.augment import Drawn
from eyechart.train.chance import Kind
from eyechart.train.named import named

OBJECTIVES: Mapping[str, str] = {
    "augmix_jsd": "eyechart.train.objectives.augmix_jsd:AugMixJSD",
    "adversarial": "eyechart.train.objectives.adversarial:Adversarial",
    "trades": "eyechart.train.objectives.trades:Trades",
    "mart": "eyechart.train.objectives.mart:Mart",
    "cross_entropy": "eyechart.train.objectives.cross_entropy:CrossEntropy",
}


@dataclass(frozen=True, eq=False)
class Look:
    """One batch in training.

    Attributes:
        pixels: (n, c, h, w) float32 in [0, 1], channels_last, after the recipe's augmentation.
        labels: (n,) int64.
        net: in training mode; takes normalised frames.
        ask: pixels -> logits (n, k) float32, at the recipe's precision, normalisation included.
        draw: the images' random numbers.
        noise: (stream, shape, kind) -> (n, *shape) float32, uniform on [0, 1) or standard normal, for whole pictures.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    net: nn.Module
    ask: Callable[[torch.Tensor], torch.Tensor]
    draw: Drawn
    noise: Callable[[str, tuple[int, ...], Kind], torch.Tensor]

    @contextmanager
    def attacking(self) -> Iterator[None]:
        """Evaluation mode and frozen parameters, for searches within a step; each module's own mode comes back after."""
        modes = [(module, module.training) for module in self.net.modules()]
        wanted = [(p, p.requires_grad) for p in self.net.parameters()]
        self.net.eval().requires_grad_(False)
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            for parameter, want in wanted:
                parameter.requires_grad_(want)


@dataclass(frozen=True)
class Objective(ABC):
    """A loss; a frozen value, its fields are its settings."""

    @abstractmethod
    def loss(self, look: Look) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean loss of the batch (a scalar with gradients), and logits (n, k) that accuracy is counted on."""


def objective_of(settings: Mapping[str, Any]) -> Objective:
    """An objective from its ``name`` and settings. Raises SettingError, UnknownNameError."""
    found: Objective = named(settings, OBJECTIVES, "objective")
    return found
