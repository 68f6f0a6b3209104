"""Frost: a photograph of ice, added to the dimmed image."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from PIL import Image

from eyechart.views.corruptions.kind import Column, Given, Kind
from eyechart.views.corruptions.piecewise import exactly
from eyechart.views.luminance import LUMA

Array = np.ndarray[Any, Any]

# The published generator draws from the first five of its six files; its second and third hold the very same pixels.
PICTURES = ("frost1.webp", "frost2.webp", "frost2.webp", "frost4.jpg", "frost5.jpg")
SCALES: Mapping[Column, float] = {"cifar": 0.2, "tiny": 0.3, "imagenet": 1.0}
FINE = 2**11  # OpenCV's weights are whole numbers of 2^-11


def frost(given: Given, image: float, ice: float) -> torch.Tensor:
    """``image`` x + ``ice`` times a part of a photograph of ice, as large as the frame, drawn for each image.

    Photographs are shrunk to a fifth for the parameters of CIFAR, to .3 for those of Tiny-ImageNet. Frames that such a
    photograph does not exceed get one that is just larger. Frames of another number of channels than three get grey ice.
    """

    def frozen(levels: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
        return levels.mul_(image).add_(parts.to(levels.dtype).mul_(ice)).clamp_(0, 255)

    parts = given.batch.shared(("frost", given.stream, given.column), lambda: _parts(given))
    return exactly(given, frozen, parts)


def _parts(given: Given) -> torch.Tensor:
    """(n, 3 or 1, h, w): of photographs, in levels."""
    height, width = given.pixels.shape[-2:]
    parts = np.stack(
        [part_of_ice(generator, (height, width), SCALES[given.column]) for generator in given.generators()]
    )
    if given.pixels.shape[1] != 3:
        parts = parts @ np.array([[weight] for weight in LUMA], np.float32)
    return torch.from_numpy(parts).to(given.pixels.device).permute(0, 3, 1, 2)


def part_of_ice(rng: np.random.Generator, size: tuple[int, int], scale: float) -> Array:
    """(h, w, 3) uint8: which photograph, and where in it, all as likely."""
    number, (down, right) = int(rng.integers(len(PICTURES))), rng.random(2)
    whole = photograph(PICTURES[number])
    fitting = max(scale, *((side + 1) / length for side, length in zip(size, whole.shape[:2], strict=True)))
    ice = resized(PICTURES[number], fitting)
    top, left = int(down * (ice.shape[0] - size[0])), int(right * (ice.shape[1] - size[1]))
    return ice[top : top + size[0], left : left + size[1]]


@lru_cache(maxsize=len(PICTURES))
def photograph(name: str) -> Array:
    """(h, w, 3) uint8; see ``data/frost/NOTICE.md``."""
    with files("eyechart").joinpath("data", "frost", name).open("rb") as file:
        return np.asarray(Image.open(file).convert("RGB"))


@lru_cache(maxsize=2 * len(PICTURES))
def resized(name: str, factor: float) -> Array:
    """(h, w, 3) uint8: a photograph resized linearly, without smoothing before, in OpenCV's fixed-point arithmetic."""
    picture = photograph(name)
    if factor == 1:
        return picture
    (above, below, down), (before, behind, right) = (_between(length, factor) for length in picture.shape[:2])
    wide, right = picture.astype(np.int64), right[:, None]
    across = wide[:, before] * (FINE - right) + wide[:, behind] * right >> 4
    down = down[:, None, None]
    mixed = (across[above] * (FINE - down) >> 16) + (across[below] * down >> 16)
    made: Array = (mixed + 2 >> 2).astype(np.uint8)
    return made


def _between(length: int, factor: float) -> tuple[Array, Array, Array]:
    """Along one axis: two pixels, and the share of the second, in units of 2^-11."""
    places = (np.arange(round(length * factor)) + 0.5) * (1 / factor) - 0.5
    places = places.clip(0, length - 1)
    first = np.floor(places).astype(np.int64)
    return first, np.minimum(first + 1, length - 1), np.rint((places - first) * FINE).astype(np.int64)


KINDS: Mapping[str, Kind] = {
    "frost": Kind(
        frost,
        "weather",
        {
            "cifar": ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
            "tiny": ((1, 0.3), (0.9, 0.4), (0.8, 0.45), (0.75, 0.5), (0.7, 0.55)),
            "imagenet": ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
        },
    )
}
