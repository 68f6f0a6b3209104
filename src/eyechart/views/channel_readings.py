"""What each channel of a layer says of a picture: its mean over places, its extremes, and where it is strongest."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from eyechart.core.tap import SlopeTap, Tap
from eyechart.models.layers import Layer
from eyechart.views.feature_maps import Map, as_maps, map_of, map_on

Held = Map | None  # None: a vector, one number a channel
MEAN, MOST, PLACE, LEAST = range(4)  # as they stand in what is read


@dataclass(frozen=True)
class ChannelReadings(Tap):
    """Of each channel the mean over the places, the largest value, its place, and the smallest value: (n, 4, c).

    Places are counted row by row from 0; among equal values the first one's. A vector is its own mean and extremes, at place 0.

    Attributes:
        held: how each of the layers holds maps, see ``held_by``.
        extremes: False: means alone, (n, 1, c).
    """

    held: tuple[Held, ...] = ()
    extremes: bool = True

    def read(self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None) -> torch.Tensor:
        """Of one layer. Means are summed in double precision, so that constant channels are exactly constant."""
        held = self.held[self.layers.index(layer.name)]
        maps = output[..., None] if held is None else as_maps(output, held).flatten(2)  # (n, c, places)
        exact = torch.float32 if output.device.type == "mps" else torch.float64
        means = maps.mean(2, dtype=exact)
        if not self.extremes:
            return means[:, None]
        most, place = maps.max(2)  # torch promises the first of equal ones
        return torch.stack([means, most.to(exact), place.to(exact), maps.amin(2).to(exact)], 1)


@dataclass(frozen=True)
class ChannelRelevance(SlopeTap):
    """Of each channel the sum over places of slope x activation, and the place where that is largest: (n, 2, c).

    Places as in ``ChannelReadings``. Class tokens and registers are no places.

    Attributes:
        held: how each of the layers holds maps, see ``held_by``.
    """

    held: tuple[Held, ...] = ()

    def read(self, layer: Layer, output: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        """Of one layer."""
        held, product = self.held[self.layers.index(layer.name)], output * slope
        parts = product[..., None] if held is None else as_maps(product, held).flatten(2)  # (n, c, places)
        whole = parts.sum(2, dtype=torch.float32 if output.device.type == "mps" else torch.float64)
        return torch.stack([whole, parts.argmax(2).to(whole)], 1)


def held_by(layer: Layer, frame: tuple[int, int], axes: tuple[int, int] | None) -> Held | str:
    """How ``layer`` holds channels, or why it holds none: maps and tokens of any size, or a vector.

    Args:
        frame: (height, width) of the model's input.
        axes: of the output, that are known to be rows and columns.
    """
    if not layer.each:
        return "its outputs are not one an image"
    if len(layer.shape) == 1:
        return None
    return map_on(layer.shape, axes, 1) if axes else map_of(layer, frame, least=1)


def channels_in(layer: Layer, held: Held) -> int:
    """How many channels are read of a layer."""
    return layer.shape[0] if held is None else as_maps(torch.empty((1, *layer.shape), device="meta"), held).shape[1]
