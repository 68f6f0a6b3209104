"""The contract of style transfer: what a method that paints one picture in the style of another says about itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import torch

from eyechart.core.view import Shown
from eyechart.models.checkpoint import Trust
from eyechart.models.preprocessing import Preprocessing

Paint = Callable[[torch.Tensor, torch.Tensor], Shown]


@dataclass(frozen=True)
class Transfer(ABC):
    """A way of style transfer: a frozen value, whose fields are its settings."""

    @property
    @abstractmethod
    def together(self) -> int:
        """Images that are painted at once."""

    @property
    @abstractmethod
    def side(self) -> int:
        """Of the exported square in pixels, where none is asked for."""

    @abstractmethod
    def frames(self, side: int) -> tuple[Preprocessing, Preprocessing]:
        """How contents and styles become the frames that are painted, for an exported square of ``side`` pixels."""

    @abstractmethod
    def opened(self, device: torch.device, trust: Trust) -> Paint:
        """Load the nets. What is given back takes contents and styles, (n, 3, h, w) in [0, 1] each, and shows the mixed ones.

        Raises:
            CheckpointError, TrustError: the weights cannot be used.
        """

    @property
    def files(self) -> dict[str, Path]:
        """Setting -> file of weights."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Path)}
