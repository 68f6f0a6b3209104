"""Corruptions worked out a few images at a time, so that intermediate results stay in a core's cache."""

from __future__ import annotations

from collections.abc import Callable

import torch

from eyechart.views.corruptions.kind import Given, cut, finest, pieces

Work = Callable[..., torch.Tensor]


def in_pieces(given: Given, work: Work, *each: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w), as ``Kind.apply`` returns it: ``work`` in float32, good to one level where the exact result is whole.

    Args:
        given: the images.
        work: (pixels, *each) -> values in units of [0, 1], before clipping; pixels are (m, c, h, w) float32.
        each: of the same images, whatever else ``work`` needs.
    """
    made = _empty(given)
    for piece in pieces(made):
        values = work(given.pixels[piece], *(part[piece] for part in each))
        made[piece] = cut(values) if given.whole else values
    return made


def exactly(given: Given, work: Work, *each: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w), as ``Kind.apply`` returns it: ``work`` on the very numbers that the published code cuts.

    Half of all levels plus a fifth of 255 are whole numbers or miss one by the rounding of double precision, so the same
    operations must be done in the same order.

    Args:
        given: the images.
        work: (levels, *each) -> levels, float64 in 0 to 255. Given are (m, c, h, w), whole numbers if the pixels were 8 bit;
            they may be written into.
        each: of the same images, whatever else ``work`` needs.
    """
    made = _empty(given)
    for piece in pieces(made):
        exact = given.levels[piece].to(finest(made.device), copy=True)
        levels = work(exact, *(part[piece] for part in each))
        made[piece] = levels if given.whole else levels.div_(255)  # to uint8 by truncation
    return made


def _empty(given: Given) -> torch.Tensor:
    kind = torch.uint8 if given.whole else torch.float32
    return torch.empty_like(given.pixels, dtype=kind, memory_format=torch.channels_last)
