"""Poisson counts by inverting the distribution at numbers drawn before, so that equal draws give comparable counts at any mean.

A draw of 32 bits stands for the middle of one of 2^32 equal parts of [0, 1]: every count is as probable as it should be to
within 2^-32. For the 256 grey levels the distributions are tabulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Any

import numpy as np
import torch
from scipy.special import pdtr, pdtrik

from eyechart.views.corruptions.kind import finest

Array = np.ndarray[Any, Any]
PARTS = 1 << 32
COARSE = 10  # bits of a draw that nearly always tell the count


@dataclass(frozen=True)
class Table:
    """The counts at each grey level, up to full brightness: what lies above is clipped anyway.

    Attributes:
        coarse: (256 * 2^COARSE) int16: the count if the first bits of the draw tell it, else -1.
        bounds: sorted int64, for each level as many as it has counts: level * 2^32 + the draw from which on the next is meant.
        each: how many a level has.
    """

    coarse: torch.Tensor
    bounds: torch.Tensor
    each: int


@lru_cache(maxsize=8)
def table(photons: float, device: torch.device) -> Table:
    """For one mean at full brightness."""
    each = ceil(photons)
    below = pdtr(np.arange(each), np.arange(256)[:, None] / 255 * photons)  # (256, each), distribution functions
    starts = np.arange(256)[:, None] << 32
    bounds = (starts + np.rint(below * PARTS).astype(np.int64)).ravel()
    first = (starts + (np.arange(1 << COARSE) << 32 - COARSE)).ravel()
    least, most = (np.searchsorted(bounds, at, side="right") for at in (first, first + (PARTS >> COARSE) - 1))
    counts = np.where(least == most, least - np.repeat(np.arange(256) * each, 1 << COARSE), -1).astype(np.int16)
    return Table(torch.from_numpy(counts).to(device), torch.from_numpy(bounds).to(device), each)


def counts(levels: torch.Tensor, drawn: torch.Tensor, photons: float) -> torch.Tensor:
    """Poisson counts of mean ``levels`` / 255 * ``photons``; for whole levels cut at the least that is ``photons`` or more.

    Args:
        levels: 0 to 255, float32.
        drawn: the same shape, int32, uniform over all its values.
        photons: mean at full brightness.

    Returns:
        The same shape, whole numbers: int16, or float64 if levels are no whole numbers.
    """
    if bool((levels != levels.round()).any()):
        return _of_reals(levels, drawn, photons)
    known = table(photons, levels.device)
    grey, parts = (flat(each).to(torch.int32) for each in (levels, drawn))
    found = known.coarse.index_select(0, (grey << COARSE) + (parts >> 32 - COARSE) + (1 << COARSE - 1))
    unsure = (found < 0).nonzero().squeeze(1)
    level = grey[unsure].to(torch.int64)
    place = (level << 32) + parts[unsure] + PARTS // 2
    found[unsure] = (torch.searchsorted(known.bounds, place, right=True) - level * known.each).to(found.dtype)
    n, c, h, w = levels.shape
    return found.reshape(n, h, w, c).permute(0, 3, 1, 2)


def flat(planes: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w), channels_last, as one row of numbers."""
    return planes.permute(0, 2, 3, 1).reshape(-1)


def _of_reals(levels: torch.Tensor, drawn: torch.Tensor, photons: float) -> torch.Tensor:
    """The same for levels that are no whole numbers, on the CPU."""
    means = levels.double().cpu().numpy() / 255 * photons
    share = (drawn.cpu().numpy().astype(np.float64) + PARTS // 2 + 0.5) / PARTS
    guess = np.ceil(pdtrik(share, np.maximum(means, 1e-12)))
    lower = np.maximum(guess - 1, 0)
    exact = np.where(pdtr(lower, means) >= share, lower, guess)  # pdtrik is a root-finder: it may end just above
    return torch.from_numpy(np.where(means > 0, exact, 0.0)).to(levels.device, finest(levels.device))
