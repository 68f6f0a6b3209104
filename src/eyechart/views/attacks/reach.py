"""Where rows may go, ready for many steps: a ``Ball`` of which all that does not change is reckoned once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import torch

from eyechart.views.attacks.ball import FAINT, TINY, Norm, enlarging
from eyechart.views.attacks.rows import each, sizes


@dataclass
class Kept:
    """Tensors with one entry a row."""

    def keep(self, index: torch.Tensor) -> Self:
        """Of some rows alone."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        part = {k: v.index_select(0, index) for k, v in own.items() if isinstance(v, torch.Tensor)}
        return replace(self, **part, **{k: v.keep(index) for k, v in own.items() if isinstance(v, Kept)})


@dataclass
class Box(Kept):
    """Within ``lower`` and ``upper`` (m, d): the linf ball within [0, 1]."""

    lower: torch.Tensor
    upper: torch.Tensor

    def pull_(self, rows: torch.Tensor) -> torch.Tensor:
        """Overwrite rows (m, d) by the nearest that are allowed."""
        return torch.clamp(rows, self.lower, self.upper, out=rows)

    def ascent_(self, slopes: torch.Tensor) -> torch.Tensor:
        """Overwrite gradients (m, d) by the steepest direction of size 1."""
        return slopes.sign_()


@dataclass
class Sphere(Kept):
    """Within ``eps`` of ``around`` (m, d) in l2, then clipped to [0, 1]."""

    around: torch.Tensor
    eps: float

    def pull_(self, rows: torch.Tensor) -> torch.Tensor:
        """Overwrite rows (m, d): towards ``around`` as far as needed, then clipped."""
        moved = rows.sub_(self.around)
        shrink = (self.eps / (sizes(moved, "l2") + TINY)).clamp_max_(1)
        return moved.mul_(each(shrink)).add_(self.around).clamp_(0, 1)

    def ascent_(self, slopes: torch.Tensor) -> torch.Tensor:
        """Overwrite gradients (m, d) by the steepest direction of length 1."""
        length = sizes(slopes, "l2")
        if bool((length < FAINT).any()):  # squares of such numbers may be 0 in float32
            slopes.div_(each(enlarging(length, sizes(slopes, "linf"))))
            length = sizes(slopes, "l2")
        return slopes.div_(each(length + TINY))


def reach(norm: Norm, eps: float, around: torch.Tensor) -> Box | Sphere:
    """Of rows (m, d)."""
    if norm == "linf":
        return Box((around - eps).clamp_min_(0), (around + eps).clamp_max_(1))
    return Sphere(around, eps)


def on_the_edge(norm: Norm, eps: float, around: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """``noise`` (m, d) at size ``eps`` around rows, clipped to [0, 1]."""
    return (around + eps * noise / each(sizes(noise, norm) + TINY)).clamp_(0, 1)
