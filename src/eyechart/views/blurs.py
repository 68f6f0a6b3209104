"""Gaussian smoothing with a kernel of a given size."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import torch
from torch.nn.functional import pad

from eyechart.core.view import InputView, Pixels, Shown


@dataclass(frozen=True)
class GaussianBlur(InputView):
    """The frame smoothed by ``gaussian_blur``.

    Attributes:
        kernel, sigma: see ``gaussian_blur``.
    """

    kernel: int
    sigma: float

    def render(self, batch: Pixels) -> Shown:
        """Both axes one after the other."""
        return Shown(gaussian_blur(batch.tensor, self.kernel, self.sigma))


def gaussian_blur(pixels: torch.Tensor, kernel: int, sigma: float) -> torch.Tensor:
    """Weights exp(-k^2 / (2 sigma^2)) on ``kernel`` pixels of each axis, together 1 (``cv2.GaussianBlur``, in floating point).

    Beyond the border the picture is mirrored without repeating its edge.

    Args:
        pixels: (n, c, h, w).
        kernel: an odd number of pixels.
        sigma: pixels.

    Returns:
        (n, c, h, w), channels_last.

    Raises:
        ValueError: the kernel is even or wider than can be mirrored, or sigma is not positive.
    """
    reach = kernel // 2
    if kernel % 2 == 0 or kernel < 1 or sigma <= 0 or reach >= min(pixels.shape[-2:]):
        raise ValueError(f"a Gaussian of {kernel} pixels and sigma {sigma} on {tuple(pixels.shape[-2:])}")
    height, width = pixels.shape[-2:]
    framed = pad(pixels, (reach,) * 4, mode="reflect").permute(0, 2, 3, 1).contiguous()
    weights = [exp(-0.5 * (k / sigma) ** 2) for k in range(reach + 1)]
    whole = weights[0] + 2 * sum(weights[1:])
    down = _smoothed(framed, 1, height, [w / whole for w in weights])
    return _smoothed(down, 2, width, [w / whole for w in weights]).permute(0, 3, 1, 2)


def _smoothed(framed: torch.Tensor, axis: int, length: int, weights: list[float]) -> torch.Tensor:
    """Along one axis of padded pixels; ``weights`` from the middle of the kernel outwards."""
    reach = len(weights) - 1
    found = framed.narrow(axis, reach, length) * weights[0]
    for k in range(1, reach + 1):
        found.add_(framed.narrow(axis, reach - k, length), alpha=weights[k])
        found.add_(framed.narrow(axis, reach + k, length), alpha=weights[k])
    return found
