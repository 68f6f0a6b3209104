"""Augmentation: what training shows instead of an image, batched on the device, each image with numbers of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from eyechart.train.named import named

Drawn = Callable[[str, int], torch.Tensor]  # (stream, numbers) -> (n, numbers) uniform on [0, 1)

AUGMENTS: Mapping[str, str] = {
    "crop_flip": "eyechart.train.augments.crop_flip:CropFlip",
    "augmix": "eyechart.train.augments.augmix:AugMix",
    "bass": "eyechart.train.augments.bass:BaSS",
}


@dataclass(frozen=True)
class Augment(ABC):
    """A random change of images; a frozen value, its fields are its settings.

    Attributes:
        numbers: uniform numbers it takes of each image.
    """

    numbers: ClassVar[int]

    @abstractmethod
    def __call__(self, pixels: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        """Change a batch.

        Args:
            pixels: (n, c, h, w) float32 in [0, 1], channels_last; left as it is.
            drawn: (n, numbers) uniform on [0, 1); an image's outcome depends on its own row alone.

        Returns:
            (n, c, h, w) float32 in [0, 1], channels_last.
        """


def augment_of(settings: Mapping[str, Any]) -> Augment:
    """An augmentation from its ``name`` and settings. Raises SettingError, UnknownNameError."""
    found: Augment = named(settings, AUGMENTS, "augment")
    return found


def augmented(pixels: torch.Tensor, steps: Sequence[Augment], draw: Drawn, stream: str) -> torch.Tensor:
    """Steps one after another, each with numbers of its own."""
    for k, step in enumerate(steps):
        pixels = step(pixels, draw(f"{stream}/{k}/{type(step).__name__}", step.numbers))
    return pixels
