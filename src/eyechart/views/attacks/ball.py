"""Where an attack may go: everything within eps of the image, and within [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from eyechart.spectrum.bands import high_pass, low_pass

Norm = Literal["linf", "l2"]
Side = Literal["low", "high"]
TINY = 1e-12
FAINT = 1e-6  # shorter gradients are sound, but TINY and float32 would swallow them


@dataclass(frozen=True)
class Only:
    """The frequencies that a change may have: an ideal filter (see ``eyechart.spectrum.bands``).

    Attributes:
        band: ``low`` keeps D <= radius, ``high`` the rest.
        radius: cycles per image.
    """

    band: Side
    radius: float

    def __call__(self, moved: torch.Tensor) -> torch.Tensor:
        """The part of changes (n, c, h, w) that lies in the band, channels_last."""
        kept = low_pass(moved, self.radius) if self.band == "low" else high_pass(moved, self.radius)
        return kept.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Ball:
    """All pictures within ``eps`` of one, in [0, 1].

    Attributes:
        norm: ``linf`` (the largest change of a value) or ``l2`` (root of the sum of squares over the whole image).
        eps: in units of [0, 1]; a tensor (n,) gives each image its own.
        only: the change has these frequencies alone, but for what clipping to [0, 1] puts in.
    """

    norm: Norm
    eps: float | torch.Tensor
    only: Only | None = None

    def project(self, pixels: torch.Tensor, around: torch.Tensor) -> torch.Tensor:
        """The nearest point of the ball around ``around``, then clipped to [0, 1]: that never leaves the ball.

        With ``only`` the change is filtered, then scaled into the ball (which keeps it in the band, and is no nearest point
        where the ball is a cube).
        """
        eps = by_image(self.eps, around)
        if self.norm == "linf" and self.only is None:
            return torch.minimum(torch.maximum(pixels, around - eps), around + eps).clamp_(0, 1)
        moved = pixels - around
        if self.only is not None:
            moved = self.only(moved)
        size = norm_of(moved, self.norm).view(-1, 1, 1, 1)
        return (around + moved * (eps / (size + TINY)).clamp_max(1)).clamp_(0, 1)

    def ascent(self, gradient: torch.Tensor) -> torch.Tensor:
        """The direction of unit size in which a loss rises most: the sign, or the gradient at length 1 (0 stays 0).

        With ``only``: the sign of the filtered gradient, filtered (no steepest, which has no closed form, but it rises), or the
        filtered gradient at length 1.
        """
        if self.only is not None:
            gradient = self.only(gradient)
        if self.norm == "linf":
            return gradient.sign() if self.only is None else self.only(gradient.sign())
        length = norm_of(gradient, "l2")
        if bool((length < FAINT).any()):  # squares of such numbers may be 0 in float32
            gradient = gradient / enlarging(length, norm_of(gradient, "linf")).view(-1, 1, 1, 1)
            length = norm_of(gradient, "l2")
        return gradient / (length.view(-1, 1, 1, 1) + TINY)

    def of(self, chosen: torch.Tensor) -> Ball:
        """The ball of some of the images: ``chosen`` is (n,) bool or indices."""
        eps = self.eps[chosen] if isinstance(self.eps, torch.Tensor) else self.eps
        return Ball(self.norm, eps, self.only)


def enlarging(length: torch.Tensor, largest: torch.Tensor) -> torch.Tensor:
    """(n,) what to divide gradients by, of that l2 length and that largest value, so that none is faint; 1 for all others."""
    return torch.where(length < FAINT, largest.clamp_min(torch.finfo(largest.dtype).tiny), 1.0)


def by_image(values: float | torch.Tensor, like: torch.Tensor) -> float | torch.Tensor:
    """(n,) values as (n, 1, 1, 1) beside images; a number stays one."""
    return values.view(-1, 1, 1, 1).to(like.dtype) if isinstance(values, torch.Tensor) else values


def norm_of(moved: torch.Tensor, norm: Norm) -> torch.Tensor:
    """(n,) size of each change (n, c, h, w), or (n, ...)."""
    by_pixel = moved.permute(0, 2, 3, 1) if moved.ndim == 4 else moved  # no copy where the memory is channels_last
    values = by_pixel.flatten(1)
    return values.abs().amax(1) if norm == "linf" else values.norm(dim=1)
