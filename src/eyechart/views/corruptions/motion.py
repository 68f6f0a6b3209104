"""Motion blur as ImageMagick does it: along a line, to one side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, cos, exp, hypot, radians, sin

import torch
from torch.nn.functional import pad

from eyechart.views.corruptions.kind import Given, Kind, finest

Taps = Mapping[tuple[int, int], float]
QUANTA = 257


def taps(radius: int, sigma: float, angle: float) -> Taps:
    """Weight of each pixel that is looked at: (rows down, columns right) -> weight, together 1.

    Args:
        radius: there are 2 * radius + 1 steps of one pixel, from the place itself on.
        sigma: the i-th step weighs exp(-i^2 / (2 sigma^2)).
        angle: degrees, from rightwards to downwards; each step is rounded to whole pixels on both axes.
    """
    steps = 2 * radius + 1
    weights = [exp(-(i**2) / (2 * sigma**2)) for i in range(steps)]
    down, right = steps * sin(radians(angle)), steps * cos(radians(angle))
    length, whole = hypot(down, right), sum(weights)
    found: dict[tuple[int, int], float] = {}
    for i, weight in enumerate(weights):
        place = ceil(i * down / length - 0.5), ceil(i * right / length - 0.5)
        found[place] = found.get(place, 0.0) + weight / whole
    return found


def motion_blurred(planes: torch.Tensor, radius: int, sigma: float, angles: Sequence[float]) -> torch.Tensor:
    """Each image blurred along its own angle (``MagickMotionBlurImage``, without its rounding); edges are repeated outwards.

    Args:
        planes: (n, c, h, w), any unit.
        radius, sigma: see ``taps``.
        angles: n, in degrees.

    Returns:
        (n, c, h, w) float64.
    """
    exact = planes.to(finest(planes.device), memory_format=torch.contiguous_format)
    blurred = torch.empty_like(exact)
    for image, into, angle in zip(exact, blurred, angles, strict=True):  # every image has offsets of its own
        _weighted(image, taps(radius, sigma, angle), into)
    return blurred


def _weighted(image: torch.Tensor, weights: Taps, into: torch.Tensor) -> None:
    """Sum of the shifted copies of one image (c, h, w)."""
    (top, bottom), (left, right) = ((min(reach), max(reach)) for reach in zip(*weights, strict=True))
    framed = pad(image[None], (-left, right, -top, bottom), mode="replicate")[0]
    height, width = image.shape[1:]
    into.zero_()
    for (y, x), weight in weights.items():
        into.add_(framed[:, y - top : y - top + height, x - left : x - left + width], alpha=weight)


def stored(levels: torch.Tensor) -> torch.Tensor:
    """Whole grey levels that ImageMagick 6 writes: rounded to its quanta of 16 bit, 257 a level, of which the rest is cut off.

    Args:
        levels: 0 to 255, float64; written over.
    """
    return levels.mul_(QUANTA).add_(0.5).floor_().div_(QUANTA).floor_()


def motion_blur(given: Given, radius: int, sigma: float) -> torch.Tensor:
    """Angle uniform within 45 degrees of rightwards."""
    angles = [g.uniform(-45, 45) for g in given.generators("angle")]
    blurred = motion_blurred(given.levels, radius, sigma, angles)
    return stored(blurred).to(torch.uint8) if given.whole else blurred.div_(255)


KINDS: Mapping[str, Kind] = {
    "motion_blur": Kind(
        motion_blur,
        "blur",
        {
            "cifar": ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
            "tiny": ((10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
            "imagenet": ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
        },
    )
}
