"""Zoom blur: the mean of an image and its enlargements about the centre."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch

from eyechart.views.corruptions.kind import Given, Kind, finest, in_unit, pieces

Factors = tuple[float, ...]


@dataclass(frozen=True)
class Between:
    """Where along an axis each pixel of an enlargement lies: between two pixels, ``share`` of the way."""

    lower: torch.Tensor
    upper: torch.Tensor
    share: torch.Tensor

    def of(self, places: torch.Tensor, axis: int, room: torch.Tensor) -> torch.Tensor:
        """The values there along an axis of (h, w, m), in the last of three pieces of room."""
        low, high, found = room
        torch.index_select(places, axis, self.lower, out=low)
        torch.index_select(places, axis, self.upper, out=high)
        return torch.lerp(low, high, self.share.reshape(-1, *(1,) * (2 - axis)), out=found)

    def part(self, which: slice) -> Between:
        """Some of the pixels."""
        return Between(self.lower[which], self.upper[which], self.share[which])

    def like(self, places: torch.Tensor) -> Between:
        """On the device and in the numbers of ``places``."""
        return Between(self.lower.to(places.device), self.upper.to(places.device), self.share.to(places))


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
    start, upper = (length - kept) // 2, np.minimum(lower + 1, kept - 1)
    lower, upper, share = (torch.from_numpy(each) for each in (start + lower, start + upper, places - lower))
    return Between(lower, upper, share)


def zoomed(planes: torch.Tensor, factor: float) -> torch.Tensor:
    """Enlarged about the centre, linearly, each axis by itself (``clipped_zoom`` of the published generator).

    Args:
        planes: (n, c, h, w), any unit.
        factor: 1 or more.

    Returns:
        (n, c, h, w) float64.
    """
    places = _by_place(planes).to(finest(planes.device))
    found = torch.empty_like(places)
    for rows, large in _stretched(places, (factor,)):
        found[rows] = large
    return _of_planes(found, planes.shape)


def _by_place(planes: torch.Tensor) -> torch.Tensor:
    """(h, w, n * c): what belongs to one place lies together, so that places are picked in long pieces."""
    return planes.permute(2, 3, 0, 1).flatten(2)


def _of_planes(places: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """(n, c, h, w) again."""
    return places.reshape(*shape[2:], *shape[:2]).permute(2, 3, 0, 1)


def _stretched(places: torch.Tensor, factors: Factors) -> Iterator[tuple[slice, torch.Tensor]]:
    """Enlargements of (h, w, m), some rows at a time: which rows, and these, until the next are asked for.

    Both axes are done before the rows leave a core's cache, in memory that is used again: half the time of whole pictures.
    """
    parts = list(pieces(places))
    room = places.new_empty((3, *places[parts[0]].shape))
    for factor in factors:
        down, across = (between(length, factor).like(places) for length in places.shape[:2])
        for rows in parts:
            some = room[:, : len(down.lower[rows])]
            yield rows, across.of(down.part(rows).of(places, 0, some), 1, some)


def zoom_blur(given: Given, factors: Factors) -> torch.Tensor:
    """Mean of the image and its enlargements, the first of which is the image; summed and cut in float32, as published."""
    image = in_unit(_by_place(given.levels)).to(torch.float32)
    layers = torch.zeros_like(image)
    for rows, large in _stretched(image.to(finest(image.device)), factors):
        layers[rows].add_(large.to(torch.float32))
    mean = layers.add_(image).div_(len(factors) + 1)
    return _of_planes(mean.clamp_(0, 1).mul_(255).to(torch.uint8) if given.whole else mean, given.pixels.shape)


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
