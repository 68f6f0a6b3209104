"""Gaussian blur, to the last bit as SciPy computes it, and defocus blur."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch.nn.functional import pad

from eyechart.views.corruptions.kind import Given, Kind
from eyechart.views.corruptions.piecewise import exactly

Kernel = np.ndarray[Any, np.dtype[np.float64]]
FEW = 50  # weights up to which shifted copies are summed faster than Fourier transforms are taken


def gaussian_weights(sigma: float) -> list[float]:
    """Of a Gaussian cut at 4 sigma, from its middle outwards; with their mirror images together 1."""
    reach = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 / sigma**2 * np.arange(-reach, reach + 1) ** 2)
    found: list[float] = (weights / weights.sum())[reach:].tolist()
    return found


def smoothed(planes: torch.Tensor, sigma: float) -> torch.Tensor:
    """``scipy.ndimage.gaussian_filter`` over height and width, edges repeated outwards, bit for bit.

    The order of its sums is kept, since in plain areas the last bit decides which grey level is left once it is cut.

    Args:
        planes: (n, c, h, w) float64.
        sigma: in pixels.

    Returns:
        (n, c, h, w) float64.
    """
    weights = gaussian_weights(sigma)
    for axis in (2, 3):
        planes = _along(planes, axis, weights)
    return planes


def _along(planes: torch.Tensor, axis: int, weights: list[float]) -> torch.Tensor:
    """Along one axis: the middle, then pairs from the outermost inwards. Products are rounded before they are added."""
    reach, length = len(weights) - 1, planes.shape[axis]
    margins = (0, 0, reach, reach) if axis == 2 else (reach, reach, 0, 0)
    framed = pad(planes.contiguous(), margins, mode="replicate")
    found = framed.narrow(axis, reach, length) * weights[0]
    pair = torch.empty_like(found)
    for k in range(reach, 0, -1):
        torch.add(framed.narrow(axis, reach - k, length), framed.narrow(axis, reach + k, length), out=pair)
        found.add_(pair.mul_(weights[k]))
    return found


def gaussian_blur(given: Given, sigma: float) -> torch.Tensor:
    """Smoothed."""
    return exactly(given, lambda levels: smoothed(levels.div_(255), sigma).clamp_(0, 1).mul_(255))


def disk(radius: float, softness: float) -> Kernel:
    """Out-of-focus kernel (2 r + 1, 2 r + 1): pixels within ``radius`` weigh alike, then a small Gaussian softens the rim.

    It is computed in float32, as published, and lies on a grid from -8 to 8 (larger radii: on their own). So a radius of 8 or
    more touches the rim of its grid, where mirroring before softening counts some of it twice: the weights of radius 8 and 10
    add up to 1.013 and 1.011, and such images come out brighter.

    Args:
        radius: in pixels; below 1 the disk is a single pixel.
        softness: sigma of the Gaussian, on 3 pixels, from radius 9 on 5.
    """
    reach, half = (8, 1) if radius <= 8 else (int(radius), 2)
    across = np.arange(-reach, reach + 1)
    kernel = (across**2 + across[:, None] ** 2 <= radius**2).astype(np.float32)
    kernel /= kernel.sum()
    rim = np.exp(-(np.arange(half + 1) ** 2) / (2 * softness**2))
    rim = (rim / (rim.sum() * 2 - 1)).astype(np.float32)
    for axis in (1, 0):
        kernel = _softened(kernel, axis, rim)
    return kernel.astype(np.float64)


def _softened(kernel: np.ndarray[Any, Any], axis: int, rim: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Along one axis, mirrored at the border, as OpenCV sums: all but the first product are added before they are rounded."""
    half, length = len(rim) - 1, kernel.shape[axis]
    framed = np.take(kernel, mirrored(length, half), axis)
    shifted = [np.take(framed, np.arange(k, k + length), axis) for k in range(2 * half + 1)]
    pairs = [(shifted[half - k] + shifted[half + k], rim[k]) for k in range(1, half + 1)]
    middle = (shifted[half], rim[0])
    (first, weight), *others = [pairs[0], middle, *pairs[1:]] if axis == 1 else [middle, *pairs]
    found: np.ndarray[Any, Any] = first * weight
    for values, weight in others:
        found = (values.astype(np.float64) * weight + found).astype(np.float32)
    return found


def mirrored(length: int, reach: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Places from -reach to length + reach - 1, mirrored at both ends without repeating these (as often as needed).

    >>> mirrored(3, 4).tolist(), mirrored(1, 1).tolist()
    ([0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2], [0, 0, 0])
    """
    period = max(2 * (length - 1), 1)
    places = np.arange(-reach, length + reach) % period
    return np.minimum(places, period - places) if length > 1 else np.zeros_like(places)


def filtered(planes: torch.Tensor, kernel: Kernel) -> torch.Tensor:
    """Each plane (n, c, h, w) float64 with a square kernel of odd size laid over every pixel, mirrored beyond its border."""
    there = np.argwhere(np.abs(kernel) > 1e-18)  # lighter ones change no bit
    reach = int(np.abs(there - len(kernel) // 2).max())
    inner = kernel[len(kernel) // 2 - reach :, len(kernel) // 2 - reach :][: 2 * reach + 1, : 2 * reach + 1]
    framed = _framed(planes, reach)
    return _summed(framed, inner) if len(there) <= FEW else _transformed(framed, inner)


def _framed(planes: torch.Tensor, reach: int) -> torch.Tensor:
    """With a mirrored margin."""
    planes = planes.contiguous()
    if reach < min(planes.shape[2:]):
        return pad(planes, (reach,) * 4, mode="reflect")
    for axis in (2, 3):  # mirrored more than once
        places = torch.from_numpy(mirrored(planes.shape[axis], reach)).to(planes.device)
        planes = planes.index_select(axis, places)
    return planes


def _summed(framed: torch.Tensor, kernel: Kernel) -> torch.Tensor:
    """One shifted copy a weight."""
    height, width = (length - len(kernel) + 1 for length in framed.shape[2:])
    found = framed.new_zeros((*framed.shape[:2], height, width))
    for y, x in np.argwhere(np.abs(kernel) > 1e-18).tolist():
        found.add_(framed[:, :, y : y + height, x : x + width], alpha=float(kernel[y, x]))
    return found


def _transformed(framed: torch.Tensor, kernel: Kernel) -> torch.Tensor:
    """By Fourier transforms, on a size that these are fast on."""
    height, width = (length - len(kernel) + 1 for length in framed.shape[2:])
    down, across = (next_fast_len(side, real=True) for side in framed.shape[2:])
    weights = torch.fft.rfft2(torch.from_numpy(kernel).to(framed.device, framed.dtype), s=(down, across)).conj()
    filled = pad(framed, (0, across - framed.shape[3], 0, down - framed.shape[2]))  # faster than fft's own filling
    blurred: torch.Tensor = torch.fft.irfft2(torch.fft.rfft2(filled).mul_(weights), s=(down, across))
    return blurred[:, :, :height, :width]


def defocus_blur(given: Given, radius: float, softness: float) -> torch.Tensor:
    """Out of focus."""
    kernel = _disk(radius, softness)
    return exactly(given, lambda levels: filtered(levels.div_(255), kernel).clamp_(0, 1).mul_(255))


_disk = lru_cache(maxsize=16)(disk)


def _each(*values: float) -> tuple[tuple[float], ...]:
    return tuple((value,) for value in values)


KINDS: Mapping[str, Kind] = {
    "defocus_blur": Kind(
        defocus_blur,
        "blur",
        {
            "cifar": ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
            "tiny": ((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
            "imagenet": ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
        },
    ),
    "gaussian_blur": Kind(
        gaussian_blur,
        "blur",
        {
            "cifar": _each(0.4, 0.6, 0.7, 0.8, 1),
            "tiny": _each(0.5, 0.75, 1, 1.25, 1.5),
            "imagenet": _each(1, 2, 3, 4, 6),
        },
        extra=True,
    ),
}
