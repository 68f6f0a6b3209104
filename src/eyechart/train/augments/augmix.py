"""AugMix (Hendrycks et al., ICLR 2020, arXiv 1912.02781): chains of simple operations, mixed with the image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.special import betaincinv, gammaincinv
from torch import Tensor

from eyechart.train.augment import Augment
from eyechart.train.augments import pillow_ops as ops

WIDTH, DEPTH = 3, 3  # chains, and steps of a chain at most
Operation = Callable[[Tensor, Tensor, Tensor], Tensor]  # pictures, level (n,), sign (n,)


def _affine(rows: Callable[[Tensor, Tensor], tuple[tuple[Any, ...], tuple[Any, ...]]]) -> Operation:
    """An operation by its matrix; ``rows``: of signed strength and the pictures."""

    def change(x: Tensor, level: Tensor, sign: Tensor) -> Tensor:
        like = torch.zeros_like(level, dtype=torch.float64)
        parts = rows(level * sign, x)
        matrix = torch.stack([torch.stack([like + part for part in row], 1) for row in parts], 1)
        return ops.affine(x, matrix)

    return change


def _pixels(strength: Tensor, side: int) -> Tensor:
    """Whole pixels of a translation, towards 0."""
    return (strength.double() * (side / 3) / 10).trunc()


OPERATIONS: Mapping[str, Operation] = {
    "autocontrast": lambda x, level, sign: ops.autocontrast(x),
    "equalize": lambda x, level, sign: ops.equalize(x),
    "posterize": lambda x, level, sign: ops.posterize(x, 4 - (level * 4 / 10).long()),
    "rotate": lambda x, level, sign: ops.affine(
        x, ops.rotation(sign * (level.double() * 30 / 10).trunc(), x.shape[1], x.shape[2])
    ),
    "solarize": lambda x, level, sign: ops.solarize(x, 256 - (level.double() * 256 / 10).long()),
    "shear_x": _affine(lambda s, x: ((1, s.double() * 0.3 / 10, 0), (0, 1, 0))),
    "shear_y": _affine(lambda s, x: ((1, 0, 0), (s.double() * 0.3 / 10, 1, 0))),
    "translate_x": _affine(lambda s, x: ((1, 0, _pixels(s, x.shape[2])), (0, 1, 0))),
    "translate_y": _affine(lambda s, x: ((1, 0, 0), (0, 1, _pixels(s, x.shape[1])))),
}
# Off by default, since they are among the corruptions that such nets are tested with.
MORE: Mapping[str, Operation] = {
    "color": lambda x, level, sign: ops.blended(x, ops.grey(x).expand_as(x), _factor(level)),
    "contrast": lambda x, level, sign: ops.blended(x, ops.mean_grey(x).expand_as(x), _factor(level)),
    "brightness": lambda x, level, sign: ops.blended(x, torch.zeros_like(x), _factor(level)),
    "sharpness": lambda x, level, sign: ops.blended(x, ops.smoothed(x), _factor(level)),
}


def _factor(level: Tensor) -> Tensor:
    return level * 1.8 / 10 + 0.1


@dataclass(frozen=True)
class AugMix(Augment):
    """(1 - m) x + m sum of w_i chain_i(x): three chains of one to three operations, m ~ Beta(a, a), w ~ Dirichlet(a, a, a).

    Chains work on 8-bit pictures, as published, and are mixed in real numbers. Translations go by the image's own side.

    Attributes:
        severity: levels are uniform from 0.1 to this (published: 3 at 32 pixels, 1 at 224).
        alpha: of both distributions.
        all_ops: also color, contrast, brightness and sharpness.
    """

    title: ClassVar[str] = (
        "Three chains of simple changes (turned, sheared, fewer grey levels ...) are mixed with the image."
    )
    numbers: ClassVar[int] = 1 + WIDTH + WIDTH + 3 * WIDTH * DEPTH
    severity: float = 3.0
    alpha: float = 1.0
    all_ops: bool = False

    def __post_init__(self) -> None:
        if not 0.1 <= self.severity <= 10 or self.alpha <= 0:
            raise ValueError(f"severity goes from 0.1 to 10, and alpha is above 0: {self.severity}, {self.alpha}")

    def __call__(self, pixels: Tensor, drawn: Tensor) -> Tensor:
        """All chains of all images side by side, one step after another."""
        n = len(pixels)
        share, weights = self._mixture(drawn[:, : 1 + WIDTH])
        lengths = (drawn[:, 1 + WIDTH : 1 + 2 * WIDTH] * DEPTH).long() + 1  # (n, WIDTH)
        which, level, sign = drawn[:, 1 + 2 * WIDTH :].view(n, 3, WIDTH, DEPTH).unbind(1)
        pictures = pixels.permute(0, 2, 3, 1).mul(255).round().to(torch.uint8)
        chains = pictures.repeat_interleave(WIDTH, 0)  # (n * WIDTH, h, w, c)
        level = levels(level, self.severity)
        table = (*OPERATIONS.values(), *(MORE.values() if self.all_ops else ()))
        for step in range(DEPTH):
            active = (lengths > step).flatten()
            now = which[..., step].flatten(), level[..., step].flatten(), sign[..., step].flatten()
            chains = one_step(chains, active, *now, table)
        stacked = chains.view(n, WIDTH, *pictures.shape[1:])
        mixed = torch.einsum("nkhwc,nk->nhwc", stacked.float(), weights / 255).permute(0, 3, 1, 2)
        return torch.lerp(pixels, mixed, share.view(-1, 1, 1, 1)).clamp_(0, 1)

    def _mixture(self, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """m (n,) and w (n, WIDTH), by inverting their distributions."""
        uniform = drawn.double().cpu().numpy().clip(1e-7, 1 - 1e-7)
        share = betaincinv(self.alpha, self.alpha, uniform[:, 0])
        parts = gammaincinv(self.alpha, uniform[:, 1:])
        weights = parts / np.maximum(parts.sum(1, keepdims=True), 1e-30)
        return torch.from_numpy(share).to(drawn), torch.from_numpy(weights).to(drawn)


def levels(drawn: Tensor, severity: float) -> Tensor:
    """Uniform numbers on [0, 1) as levels from 0.1 to ``severity``."""
    return 0.1 + drawn * (severity - 0.1)


def one_step(
    pictures: Tensor, active: Tensor, which: Tensor, level: Tensor, sign: Tensor, table: Sequence[Operation]
) -> Tensor:
    """One operation for each picture that is ``active``; those with the same are done together.

    Args:
        pictures: (n, h, w, c) uint8; left as they are.
        active: (n,) bool.
        which, sign: (n,) uniform on [0, 1), for one of the table, and one of both signs.
        level: (n,), see ``levels``.
        table: operations, all as likely.
    """
    number = (which * len(table)).long()
    shown = pictures.clone()
    sign = torch.where(sign < 0.5, -1.0, 1.0)
    for k, operation in enumerate(table):
        mine = (active & (number == k)).nonzero().flatten()
        if len(mine):
            shown[mine] = operation(pictures[mine], level[mine], sign[mine])
    return shown
