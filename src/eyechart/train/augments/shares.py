"""Shares drawn for mixtures, and names for generators, both from an image's own uniform numbers."""

from __future__ import annotations

import torch
from scipy.special import betaincinv
from torch import Tensor

FINEST = 2**24  # float32 on [0, 1) tells so many numbers apart


def beta_shares(drawn: Tensor, alpha: float) -> Tensor:
    """(n,) float32 of the distribution Beta(alpha, alpha), by its inverse, from (n,) uniform numbers; on their device."""
    uniform = drawn.double().cpu().numpy().clip(1e-7, 1 - 1e-7)
    return torch.from_numpy(betaincinv(alpha, alpha, uniform)).to(drawn)


def check_alpha(alpha: float) -> None:
    """Raise ValueError unless there is such a distribution."""
    if alpha <= 0:
        raise ValueError(f"alpha is above 0, not {alpha}; to mix nothing, leave the step out")


def check_share(**shares: float) -> None:
    """Raise ValueError for a setting that is no share."""
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} goes from 0 to 1, and is {share}")


def names_of(drawn: Tensor) -> tuple[str, ...]:
    """A name for each row of (n, k) uniform numbers, by which a generator of the image's own is found (``core.chance``)."""
    return tuple("/".join(map(str, row)) for row in (drawn * FINEST).long().tolist())
