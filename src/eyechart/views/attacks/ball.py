"""Where an attack may go: everything within eps of the image, and within [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

Norm = Literal["linf", "l2"]
TINY = 1e-12


@dataclass(frozen=True)
class Ball:
    """All pictures within ``eps`` of one, in [0, 1].

    Attributes:
        norm: ``linf`` (the largest change of a value) or ``l2`` (root of the sum of squares over the whole image).
        eps: in units of [0, 1]; a tensor (n,) gives each image its own.
    """

    norm: Norm
    eps: float | torch.Tensor

    def project(self, pixels: torch.Tensor, around: torch.Tensor) -> torch.Tensor:
        """The nearest point of the ball around ``around``, then clipped to [0, 1]: that never leaves the ball."""
        eps = by_image(self.eps, around)
        if self.norm == "linf":
            return torch.minimum(torch.maximum(pixels, around - eps), around + eps).clamp_(0, 1)
        moved = pixels - around
        return (around + moved * (eps / (_lengths(moved) + TINY)).clamp_max(1)).clamp_(0, 1)

    def ascent(self, gradient: torch.Tensor) -> torch.Tensor:
        """The direction of unit size in which a loss rises most: the sign, or the gradient at length 1 (0 stays 0)."""
        if self.norm == "linf":
            return gradient.sign()
        return gradient / (_lengths(gradient) + TINY)


def by_image(values: float | torch.Tensor, like: torch.Tensor) -> float | torch.Tensor:
    """(n,) values as (n, 1, 1, 1) beside images; a number stays one."""
    return values.view(-1, 1, 1, 1).to(like.dtype) if isinstance(values, torch.Tensor) else values


def norm_of(moved: torch.Tensor, norm: Norm) -> torch.Tensor:
    """(n,) size of each change (n, c, h, w)."""
    return moved.flatten(1).abs().amax(1) if norm == "linf" else moved.flatten(1).norm(dim=1)


def _lengths(moved: torch.Tensor) -> torch.Tensor:
    """(n, 1, 1, 1) lengths of (n, c, h, w)."""
    return norm_of(moved, "l2").view(-1, 1, 1, 1)
