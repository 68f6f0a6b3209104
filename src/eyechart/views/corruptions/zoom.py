"""Zoom blur: the mean of an image and its enlargements about the centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch

from eyechart.views.corruptions.kind import Given, Kind, finest

Factors = tuple[float, ...]


@dataclass(frozen=True)
class Between:
    """Where along an axis each pixel of an enlargement lies: between two pixels ``share`` of the way."""

    lower: np.ndarray[tuple[int], np.dtype[np.int64]]
    upper: np.ndarray[tuple[int], np.dtype[np.int64]]
    share: np.ndarray[tuple[int], np.dtype[np.float64]]


def between(length: int, factor: float) -> Between:
    """The middle ceil(length / factor) pixels, stretched corner to corner over the rounded length, of which the middle is kept.

    >>> between(5, 2.5).lower.tolist(), between(5, 2.5).share.tolist()
    ([1, 1, 1, 1, 2], [0.0, 0.25, 0.5, 0.75, 0.0])
    """
    kept = ceil(length / factor)
    stretched = round(kept * factor)
    step = (kept - 1) / (stretched - 1) if stretched > 1 else 1.0
    places = ((stretched - length) // 2 + np.arange(length)) * step
    lower = np.minimum(np.floor(places).astype(np.int64), kept - 1)
    start = (length - kept) // 2
    return Between(start + lower, start + np.minimum(lower + 1, kept - 1), places - lower)


def zoomed(planes: torch.Tensor, factor: float) -> torch.Tensor:
    """Enlarged about the centre, linearly, each axis by itself (``clipped_zoom`` of the published generator).

    Args:
        planes: (n, c, h, w), any unit.
        factor: 1 or more.

    Returns:
        (n, c, h, w) float64.
    """
    places = _by_place(planes)
    return _of_planes(_stretched(places, factor, places.new_empty((3, *places.shape))), planes.shape)


def _by_place(planes: torch.Tensor) -> torch.Tensor:
    """(h, w, n * c) float64: what belongs to one place lies together, so that places are picked in long pieces."""
    return planes.permute(2, 3, 0, 1).to(finest(planes.device)).flatten(2)


def _of_planes(places: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """(n, c, h, w) again."""
    return places.reshape(*shape[2:], *shape[:2]).permute(2, 3, 0, 1)


def _stretched(places: torch.Tensor, factor: float, room: torch.Tensor) -> torch.Tensor:
    """Rows, then columns, of (h, w, m), in three such pieces of room: new memory for each factor would take longest."""
    low, high, found = room
    for axis in (0, 1):
        at = between(places.shape[axis], factor)
        lower, upper = (torch.from_numpy(index).to(places.device) for index in (at.lower, at.upper))
        share = torch.from_numpy(at.share).to(places.device, places.dtype).reshape(-1, *(1,) * (2 - axis))
        torch.index_select(places, axis, lower, out=low)
        torch.index_select(places, axis, upper, out=high)
        places = torch.lerp(low, high, share, out=found)
    return places


def zoom_blur(given: Given, factors: Factors) -> torch.Tensor:
    """Mean of the image and its enlargements, the first of which is the image; summed and cut in float32, as published."""
    image = _by_place(given.precise.to(torch.float32))
    layers, room = torch.zeros_like(image, dtype=torch.float32), image.new_empty((3, *image.shape))
    for factor in factors:
        layers.add_(_stretched(image, factor, room).to(torch.float32))
    mean = _of_planes(layers.add_(image.to(torch.float32)).div_(len(factors) + 1), given.pixels.shape)
    return mean.clamp(0, 1).mul_(255).to(torch.uint8) if given.whole else mean


def _up_to(end: float, step: float) -> tuple[Factors]:
    """What ``numpy.arange`` gives: rounding decides whether the end is among them (for 1.06 and 1.11 it is)."""
    return (tuple(np.arange(1, end, step).tolist()),)


KINDS: Mapping[str, Kind] = {
    "zoom_blur": Kind(
        zoom_blur,
        "blur",
        {
            "cifar": tuple(_up_to(end, 0.01) for end in (1.06, 1.11, 1.16, 1.21, 1.26)),
            "tiny": tuple(_up_to(end, 0.01) for end in (1.06, 1.11, 1.16, 1.21, 1.26)),
            "imagenet": tuple(
                _up_to(*ends) for ends in ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))
            ),
        },
    )
}
