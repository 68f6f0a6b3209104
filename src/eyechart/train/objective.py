"""Objectives: what training makes small."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from eyechart.train.augment import Beside, Drawn, Mixed, Step, augmented
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
        mixed: both labels, where images have two; ``labels`` are their own.
        beside: other images of the batch, for views that mix.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    net: nn.Module
    ask: Callable[[torch.Tensor], torch.Tensor]
    draw: Drawn
    noise: Callable[[str, tuple[int, ...], Kind], torch.Tensor]
    mixed: Mixed | None = None
    beside: Beside | None = None

    def misfit(self, logits: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
        """(n,) cross-entropy of each image: that of both its labels, each by its share, where it has two.

        Law: the cross-entropy with the soft target that mixes both labels.
        """

        def each(labels: torch.Tensor) -> torch.Tensor:
            return cross_entropy(logits, labels, reduction="none", label_smoothing=label_smoothing)

        if self.mixed is None:
            return each(self.labels)
        return torch.lerp(each(self.mixed.others), each(self.mixed.labels), self.mixed.share.to(logits.dtype))

    def view(self, steps: Sequence[Step], name: str) -> torch.Tensor:
        """The batch after further steps."""
        return augmented(self.pixels, steps, self.draw, name, self.beside)

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
    """A loss; a frozen value, its fields are its settings.

    Attributes:
        two_labels: whether images may have two.
        any_range: whether pixels may lie beyond [0, 1].
    """

    two_labels: ClassVar[bool] = True
    any_range: ClassVar[bool] = False

    @abstractmethod
    def loss(self, look: Look) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean loss of the batch (a scalar with gradients), and logits (n, k) that accuracy is counted on."""


def objective_of(settings: Mapping[str, Any]) -> Objective:
    """An objective from its ``name`` and settings. Raises SettingError, UnknownNameError."""
    found: Objective = named(settings, OBJECTIVES, "objective")
    return found
