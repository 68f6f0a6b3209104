"""Fog: a fractal landscape, added; the sum is rescaled to the image's range."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from eyechart.views.corruptions.kind import Given, Kind
from eyechart.views.corruptions.piecewise import in_pieces

FIRST = 100.0  # of the coarsest level: chance is multiplied by its square
LEAST = 2  # side of a landscape: one point cannot be rescaled


def fog(given: Given, weight: float, decay: float) -> torch.Tensor:
    """(x + weight * fractal) m / (m + weight), m the largest value of the clean image; the fractal is one for all channels.

    It is as wide as the power of two that covers the frame's longer side.
    """
    height, width = given.pixels.shape[-2:]
    side = 1 << (max(height, width, LEAST) - 1).bit_length()
    chance = given.drawn(f"{side}", lambda g: 2 * g.random((side, side), np.float32) - 1)

    haze = fractal(chance, decay)[:, :height, :width]

    def foggy(pixels: torch.Tensor, haze: torch.Tensor) -> torch.Tensor:
        brightest = pixels.amax((1, 2, 3), keepdim=True)
        shown = torch.empty_like(pixels)
        for channel in range(pixels.shape[1]):  # one after the other: a fifth of the time of all at once
            torch.add(pixels[:, channel], haze, alpha=weight, out=shown[:, channel])
        return shown.mul_(brightest / (brightest + weight))

    return in_pieces(given, foggy, haze)


def fractal(chance: torch.Tensor, decay: float) -> torch.Tensor:
    """Landscapes by diamond-square, each going on where it ends (periodic), rescaled to [0, 1].

    Starting from one point at height 0, each level puts a point into the middle of every square, then one onto every edge: the
    mean of its four neighbours plus its number of ``chance`` times s^2. s is 100 first and is divided by ``decay`` from level
    to level.

    Args:
        chance: (n, side, side) in [-1, 1], one number a point; side a power of two, at least 2.
        decay: 1 or more.
    """
    side = chance.shape[-1]
    land, size = chance.new_zeros(len(chance), 1, 1), FIRST
    while land.shape[-1] < side:
        every = side // land.shape[-1]
        land = _finer(land, chance[:, :: every // 2, :: every // 2], size**2)
        size /= decay
    land = land - land.amin((1, 2), keepdim=True)
    return land.div_(land.amax((1, 2), keepdim=True))


def _finer(land: torch.Tensor, chance: torch.Tensor, size: float) -> torch.Tensor:
    """(n, k, k) -> (n, 2k, 2k): the points given, middles of squares, and points on edges."""
    middles = _pairs(_pairs(land, 1, -1), 2, -1).div_(4).add_(chance[:, 1::2, 1::2], alpha=size)
    finer = torch.empty_like(chance, memory_format=torch.contiguous_format)
    finer[:, ::2, ::2], finer[:, 1::2, 1::2] = land, middles
    edges = _pairs(middles, 1, 1).add_(_pairs(land, 2, -1)).div_(4)
    torch.add(edges, chance[:, ::2, 1::2], alpha=size, out=finer[:, ::2, 1::2])
    edges = _pairs(middles, 2, 1).add_(_pairs(land, 1, -1)).div_(4)
    torch.add(edges, chance[:, 1::2, ::2], alpha=size, out=finer[:, 1::2, ::2])
    return finer


def _pairs(land: torch.Tensor, axis: int, way: int) -> torch.Tensor:
    """Each point plus its neighbour before (1) or behind (-1) it."""
    return land + land.roll(way, axis)


KINDS: Mapping[str, Kind] = {
    "fog": Kind(
        fog,
        "weather",
        {
            "cifar": ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
            "tiny": ((0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
            "imagenet": ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
        },
    )
}
