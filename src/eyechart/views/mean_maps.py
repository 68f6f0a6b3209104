"""Means over a layer's maps: what a linear probe reads."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from eyechart.core.tap import Tap
from eyechart.models.layers import Layer
from eyechart.views.feature_maps import as_maps, map_of


@dataclass(frozen=True)
class MeansOfMaps(Tap):
    """Mean of each channel over the places (global average pool): (n, c).

    Attributes:
        frame: (height, width) of the model's input.
    """

    frame: tuple[int, int] = (0, 0)

    def read(self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None) -> torch.Tensor | None:
        """None of an output that holds no map."""
        held = map_of(layer, self.frame)
        return None if isinstance(held, str) else as_maps(output, held).mean((2, 3))


def channels_of(layer: Layer, frame: tuple[int, int]) -> int:
    """How many numbers ``MeansOfMaps`` reads of a layer; 0 where it holds no map."""
    held = map_of(layer, frame)
    if isinstance(held, str):
        return 0
    return as_maps(torch.empty((1, *layer.shape), device="meta"), held).shape[1]
