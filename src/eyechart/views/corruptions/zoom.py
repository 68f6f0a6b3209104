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
        (n, c, h, w) float64, channels_last.
    """
    rows = planes.to(finest(planes.device)).permute(0, 2, 3, 1)
    for axis in (1, 2):
        rows = _stretched(rows, axis, between(rows.shape[axis], factor))
    return rows.permute(0, 3, 1, 2)


def _stretched(rows: torch.Tensor, axis: int, at: Between) -> torch.Tensor:
    """Along one axis."""
    lower, upper = (torch.from_numpy(i).to(rows.device) for i in (at.lower, at.upper))
    share = torch.from_numpy(at.share).to(rows.device, rows.dtype).reshape(-1, *(1,) * (rows.ndim - 1 - axis))
    return torch.lerp(rows.index_select(axis, lower), rows.index_select(axis, upper), share)


def zoom_blur(given: Given, factors: Factors) -> torch.Tensor:
    """Mean of the image and its enlargements, the first of which is the image; summed and cut in float32, as published."""
    image = given.precise.to(torch.float32)
    layers = torch.zeros_like(image)
    for factor in factors:
        layers.add_(zoomed(image, factor).to(torch.float32))
    mean = image.add_(layers).div_(len(factors) + 1)
    return mean.clamp_(0, 1).mul_(255).to(torch.uint8) if given.whole else mean


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
