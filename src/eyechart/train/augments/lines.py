"""Resizing as matrices: a stretch of a line of pixels, made longer or shorter, at its place on another line; one an image."""

from __future__ import annotations

import torch
from torch import Tensor


def stretched(length: int, source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
    """(n, length, length) float32: rows of weights that fill ``target`` with the pixels of ``source``; zeros elsewhere.

    Each row is a triangle about its pixel's centre that reaches one pixel far, or as far as its neighbours of another size:
    linear interpolation, antialiased. Pixels beyond ``source`` have no part in it.

    Args:
        length: pixels of both lines.
        source, target: first pixel and number of pixels, each (n,) float64, of whole numbers.
    """
    first, side = (values[:, None] for values in source)
    start, size = (values[:, None] for values in target)
    at = torch.arange(length, device=side.device, dtype=torch.float64)
    scale = side / size  # pixels of the source in one of the target
    number = at - start
    centre = first + (number + 0.5) * scale  # (n, length)
    reach = scale.clamp_min(1)[:, :, None]
    weights = (1 - ((at + 0.5) - centre[:, :, None]).abs() / reach).clamp_min(0)
    weights = weights * ((at >= first) & (at < first + side))[:, None]
    weights = weights / weights.sum(2, keepdim=True).clamp_min(1e-12)
    return (weights * ((number >= 0) & (number < size))[:, :, None]).float()


def placed(pixels: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Images (n, c, h, w) with their columns (n, h, h) and rows (n, w, w) resized; clipped, channels_last."""
    n, channels, height, width = pixels.shape
    planes = pixels.permute(0, 2, 3, 1).reshape(n, height, width * channels)
    tall = torch.bmm(down, planes).view(n, height, width, channels)
    wide = torch.matmul(across[:, None], tall)
    return wide.permute(0, 3, 1, 2).clamp_(0, 1)
