"""Pixelation and JPEG compression: both work on 8-bit pictures, whatever becomes of the result."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import prod

import numpy as np
import torch
from PIL import Image

from eyechart.views.corruptions.kind import Given, Kind
from eyechart.views.redrawn import Array, jpeg, redrawn

SCALE = 2.0**22  # Pillow's weights are whole numbers of 2^-22


def jpeg_compression(given: Given, quality: int) -> torch.Tensor:
    """Saved as JPEG at that quality and read again, by Pillow with its defaults."""
    return _shown(given, redrawn(given.pixels, jpeg(quality)))


def pixelate(given: Given, scale: float) -> torch.Tensor:
    """Reduced to ``scale`` of each side (cut to whole pixels, at least one) and enlarged again, by Pillow's box filter."""
    height, width = given.pixels.shape[-2:]
    small = max(1, int(height * scale)), max(1, int(width * scale))
    rows, columns = (nearest(*sides) for sides in zip(small, (height, width), strict=True))
    if not pillow_is_near(given.pixels):
        down, across = (torch.from_numpy(places).to(given.pixels.device) for places in (rows, columns))
        return _shown(given, reduced(given.levels.round(), small)[:, :, down][:, :, :, across])

    def change(picture: Image.Image) -> Array:
        levels = np.asarray(picture.resize(small[::-1], Image.Resampling.BOX))
        bands = levels.shape[2:]  # values one after another: taking single ones is faster than taking threes
        values = (columns[:, None] * prod(bands) + np.arange(prod(bands))).ravel()
        return np.take(np.take(levels.reshape(small[0], -1), values, 1), rows, 0).reshape(height, width, *bands)

    return _shown(given, redrawn(given.pixels, change))


def pillow_is_near(pixels: torch.Tensor) -> bool:
    """Whether Pillow should do it: for all but CUDA, and for frames whose two directions it may take in another order."""
    return pixels.device.type != "cuda" or pixels.shape[2] > pixels.shape[3]


def reduced(levels: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(n, c, h, w) whole levels made smaller by Pillow's box filter, bit for bit: across, rounded, then down, rounded.

    Frames more than about twice as high as wide Pillow makes smaller downwards first, and rounds otherwise.
    """
    down, across = (box_weights(*sides).to(levels.device) for sides in zip(levels.shape[-2:], size, strict=True))
    return _rounded(down @ _rounded(levels.double() @ across.T))


def nearest(given: int, wanted: int) -> Array:
    """(wanted,): which pixel each pixel of an enlargement shows. Enlarging, a box is narrower than a pixel and holds one."""
    return ((np.arange(wanted) + 0.5) * (given / wanted)).astype(np.int64)


@lru_cache(maxsize=32)
def box_weights(given: int, wanted: int) -> torch.Tensor:
    """(wanted, given) float64, whole numbers: what each pixel given weighs in each wanted, in units of 2^-22."""
    scale = given / wanted
    reach = 0.5 * max(scale, 1.0)
    weights = np.zeros((wanted, given))
    for k in range(wanted):
        centre = (k + 0.5) * scale
        first, last = max(0, int(centre - reach + 0.5)), min(given, int(centre + reach + 0.5))
        places = (np.arange(first, last) - centre + 0.5) / max(scale, 1.0)
        inside = (places > -0.5) & (places <= 0.5)
        weights[k, first:last] = np.floor(inside / inside.sum() * SCALE + 0.5)
    return torch.from_numpy(weights)


def _rounded(sums: torch.Tensor) -> torch.Tensor:
    return sums.add_(SCALE / 2).div_(SCALE).floor_().clamp_(0, 255)


def _shown(given: Given, levels: torch.Tensor) -> torch.Tensor:
    return levels.to(torch.uint8) if given.whole else levels.float() / 255


KINDS: Mapping[str, Kind] = {
    "pixelate": Kind(
        pixelate,
        "digital",
        {
            "cifar": ((0.95,), (0.9,), (0.85,), (0.75,), (0.65,)),
            "tiny": ((0.9,), (0.8,), (0.7,), (0.6,), (0.5,)),
            "imagenet": ((0.6,), (0.5,), (0.4,), (0.3,), (0.25,)),
        },
    ),
    "jpeg_compression": Kind(
        jpeg_compression,
        "digital",
        {
            "cifar": ((80,), (65,), (58,), (50,), (40,)),
            "tiny": ((65,), (58,), (50,), (40,), (25,)),
            "imagenet": ((25,), (18,), (15,), (10,), (7,)),
        },
    ),
}
