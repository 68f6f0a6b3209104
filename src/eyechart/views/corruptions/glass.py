"""Glass blur: smoothed, then each pixel takes the value of a neighbour, one after the other, then smoothed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from eyechart.views.corruptions.blur import smoothed
from eyechart.views.corruptions.kind import Given, Kind, in_unit
from eyechart.views.corruptions.piecewise import exactly


def sources(offsets: torch.Tensor, height: int, width: int, reach: int) -> torch.Tensor:
    """Whose value each pixel ends with, after one round in which pixels take that of a neighbour, one after the other.

    Rows and columns run from length - reach down to reach + 1; those beyond keep their value. A pixel whose turn comes later
    still has its old value; from one that had its turn the new one is taken, which is that of another pixel. So pixels point
    at pixels, and whoever is pointed at last is found by following two steps at a time, then four, then eight.

    Args:
        offsets: (n, rows, columns, 2) whole numbers in the order of turns: (right, down) from -reach to reach - 1.
        height, width: of the image.
        reach: the largest offset.

    Returns:
        (n, height * width) int64, places counted through rows.
    """
    n, rows, columns = offsets.shape[:3]
    places = torch.arange(height * width, device=offsets.device).expand(n, -1)
    ours = (slice(None), slice(reach + 1, reach + 1 + rows), slice(reach + 1, reach + 1 + columns))
    steps = torch.zeros((n, height, width), dtype=torch.int64, device=offsets.device)
    right, down = offsets.flip(1, 2).to(torch.int64).unbind(-1)
    steps[ours] = down * width + right
    turned = torch.zeros_like(steps, dtype=torch.bool)
    turned[ours] = True
    taken = places + steps.flatten(1)  # (n, h * w)
    had_turn = turned.flatten(1).gather(1, taken) & (taken > places)
    return _followed(torch.where(had_turn, taken, places), taken)


def _followed(onwards: torch.Tensor, taken: torch.Tensor) -> torch.Tensor:
    """What the last of each chain takes: ``onwards`` (n, m) leads to the next, or to itself at the end."""
    further = onwards.gather(1, onwards)
    while not torch.equal(further, onwards):
        onwards, further = further, further.gather(1, further)
    return taken.gather(1, onwards)


def shuffled(levels: torch.Tensor, rounds: Sequence[torch.Tensor], reach: int) -> torch.Tensor:
    """(n, c, h, w) after all rounds, each given by its offsets (n, rows, columns, 2)."""
    n, c, h, w = levels.shape
    found = torch.arange(h * w, device=levels.device).expand(n, -1)
    for offsets in rounds:
        found = found.gather(1, sources(offsets, h, w, reach))
    return levels.flatten(2).gather(2, found[:, None].expand(-1, c, -1)).reshape(levels.shape)


def glass_blur(given: Given, sigma: float, reach: int, rounds: int) -> torch.Tensor:
    """Smoothed and cut to 8 bit, shuffled, smoothed. Severities of one reach share their first rounds."""
    h, w = given.pixels.shape[2:]
    size = max(h - 2 * reach, 0), max(w - 2 * reach, 0), 2

    def offsets(generator: np.random.Generator) -> np.ndarray[Any, Any]:
        return generator.integers(-reach, reach, size, dtype=np.int8)

    drawn = [given.drawn(f"offsets/{reach}/{k}", offsets) for k in range(rounds)]

    def seen(levels: torch.Tensor, *rounds: torch.Tensor) -> torch.Tensor:
        smooth = smoothed(levels.div_(255), sigma).mul_(255).to(torch.uint8)
        return smoothed(in_unit(shuffled(smooth, rounds, reach)), sigma).clamp_(0, 1).mul_(255)

    return exactly(given, seen, *drawn)


KINDS: Mapping[str, Kind] = {
    "glass_blur": Kind(
        glass_blur,
        "blur",
        {
            "cifar": ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
            "tiny": ((0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)),
            "imagenet": ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
        },
    )
}
