"""Arithmetic that truncates as the published generator does: on 8-bit levels, in double precision, a few images at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from eyechart.views.corruptions.kind import Given, finest

ON_CPU, ELSEWHERE = (
    2**17,
    2**24,
)  # values worked on at a time: what follows from them stays in a core's cache, or in memory


def pieces(images: torch.Tensor) -> Iterator[slice]:
    """Which images to work on at a time, whole ones."""
    values = ON_CPU if images.device.type == "cpu" else ELSEWHERE
    size = max(1, values // max(1, images[:1].numel()))
    return (slice(start, start + size) for start in range(0, len(images), size))


def exactly(given: Given, work: Callable[..., torch.Tensor], *each: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w): ``work`` truncated on the very numbers that the published code truncates; not truncated, in [0, 1].

    Half of all levels plus a fifth of 255 are whole numbers or miss one by the rounding of double precision, so the same
    operations must be done in the same order.

    Args:
        given: the images.
        work: (x, *each) -> levels, float64 in 0 to 255. x is (m, c, h, w) float64, whole numbers divided by 255 if the pixels
            were 8 bit, and may be written into.
        each: of the same images, whatever else ``work`` needs.
    """
    kind = torch.uint8 if given.whole else torch.float32
    made = torch.empty_like(given.pixels, dtype=kind, memory_format=torch.channels_last)
    for piece in pieces(made):
        x = given.levels[piece].to(finest(made.device), copy=True).div_(255)
        levels = work(x, *(part[piece] for part in each))
        made[piece] = levels if given.whole else levels.div_(255)  # to uint8 by truncation
    return made
