"""Images made on the spot, and a net that costs next to nothing: what is left is the engine itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn

import eyechart
from eyechart.images.image_set import ImageSet, Source
from eyechart.images.original import Original
from eyechart.models.image_model import ImageModel

SIDE, CLASSES = 224, 10


@dataclass(frozen=True)
class GeneratedSource(Source):
    """A picture drawn from its number."""

    number: int

    def open(self) -> Original:
        """Coarse coloured noise, enlarged."""
        rng = np.random.default_rng(self.number)
        small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        return Original(Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.NEAREST))


@dataclass(frozen=True, eq=False)
class GeneratedImages(ImageSet):
    """n generated images."""

    @classmethod
    def of(cls, n: int) -> GeneratedImages:
        """With ids of the usual length and labels in turn."""
        ids = [f"generated/class_{i % CLASSES}/picture_{i:08d}.jpg" for i in range(n)]
        names = tuple(f"class_{k}" for k in range(CLASSES))
        return cls("generated", ids, {"label": np.arange(n) % CLASSES}, names, f"generated-{n}")

    def source(self, index: int) -> GeneratedSource:
        """Picture number ``index``."""
        return GeneratedSource(index)


class Tiny(nn.Module):
    """Colours of a coarse grid, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.linear = nn.AvgPool2d(32), nn.Linear(3 * 49, CLASSES)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.linear(self.pool(pixels).flatten(1))


def tiny_net() -> ImageModel:
    """A wrapped Tiny net with fixed weights."""
    torch.manual_seed(0)
    names = tuple(f"class_{k}" for k in range(CLASSES))
    preprocessing = eyechart.Preprocessing(size=(SIDE, SIDE), resize=None, mean=(0.5,) * 3, std=(0.25,) * 3)
    return eyechart.wrap(Tiny(), preprocessing=preprocessing, class_names=names, name="tiny")
