"""Structural similarity (Wang, Bovik, Sheikh & Simoncelli, IEEE Trans. Image Process. 13(4), 2004)."""

from __future__ import annotations

import torch

WINDOW, SIGMA = 11, 1.5
STABLE = (0.01**2, 0.03**2)  # (K L)^2 with L = 1


def ssim(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Mean SSIM of two grey planes (..., h, w) in [0, 1]: (...,), 1 = identical, seldom below 0.

    Gaussian window of 11 pixels, sigma 1.5, only where it fits; K1 = .01, K2 = .03, L = 1; of gamma-coded grey values, see
    ``grey``. Smaller pictures get the largest odd window that fits (the paper's is not defined there). Symmetric. It knows no
    viewing distance, and is no threshold: what is visible must be asked of ``weighted_change``.
    """
    window = min(WINDOW, *((side - 1) // 2 * 2 + 1 for side in first.shape[-2:]))
    first, second = torch.broadcast_tensors(first, second)  # type: ignore[no-untyped-call]
    planes = torch.stack([first, second, first * first, second * second, first * second])
    mean_1, mean_2, square_1, square_2, product = _blurred(planes, window).unbind(0)
    likeness = 2 * mean_1 * mean_2 + STABLE[0], 2 * (product - mean_1 * mean_2) + STABLE[1]
    size = mean_1**2 + mean_2**2 + STABLE[0], square_1 - mean_1**2 + square_2 - mean_2**2 + STABLE[1]
    similarity: torch.Tensor = (likeness[0] * likeness[1]) / (size[0] * size[1])
    return similarity.mean((-2, -1))


def _blurred(planes: torch.Tensor, window: int) -> torch.Tensor:
    """Gaussian means (..., h - window + 1, w - window + 1); sums of shifted planes, which no device rounds to few bits."""
    places = torch.arange(window, dtype=torch.float64) - window // 2
    weights = torch.exp(-(places**2) / (2 * SIGMA**2))
    taps = (weights / weights.sum()).tolist()
    for axis in (-2, -1):
        size = planes.shape[axis] - window + 1
        blurred = planes.narrow(axis, 0, size) * taps[0]
        for k, tap in enumerate(taps[1:], 1):
            blurred = torch.add(blurred, planes.narrow(axis, k, size), alpha=tap)
        planes = blurred
    return planes
