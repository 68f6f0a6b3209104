"""Working through many images a few at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch

PART = 2**18  # pixels: a few intermediates of a part fit into the cache of a core


def in_parts(work: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """``work(images)`` of (..., h, w), for work that treats each image of the first axis by itself.

    On a CPU in parts, because intermediates that leave the cache, and memory that is new each time, cost as much again as the
    transforms; elsewhere at once.
    """
    if images.device.type != "cpu" or images.ndim < 3 or images.numel() <= PART:
        return work(images)
    parts = torch.split(images, max(1, PART // images[0].numel()))
    return torch.cat([work(part) for part in parts])
