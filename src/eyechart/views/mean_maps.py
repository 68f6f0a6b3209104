"""Means over a layer's maps: what a linear probe reads."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from eyechart.core.tap import Tap
from eyechart.models.layers import Layer
from eyechart.views.feature_maps import Map, as_maps


@dataclass(frozen=True)
class MeansOfMaps(Tap):
    """Mean of each channel over the places (global average pool): (n, c).

    Attributes:
        held: how each of the layers holds maps.
    """

    held: tuple[Map, ...] = ()

    def read(self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None) -> torch.Tensor:
        """Of one layer."""
        return as_maps(output, self.held[self.layers.index(layer.name)]).mean((2, 3))


def channels_of(layer: Layer, held: Map) -> int:
    """How many numbers ``MeansOfMaps`` reads of a layer."""
    return as_maps(torch.empty((1, *layer.shape), device="meta"), held).shape[1]
