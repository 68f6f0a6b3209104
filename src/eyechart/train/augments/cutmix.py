"""CutMix (Yun et al., ICCV 2019, arXiv 1905.04899): a rectangle of another image, and as much of its label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from eyechart.train.augment import Mix
from eyechart.train.augments.shares import beta_shares, check_alpha, check_share


@dataclass(frozen=True)
class CutMix(Mix):
    """A box of sides sqrt(1 - lam) of the frame's, around a pixel drawn anywhere and cut at the border, comes from the partner.

    lam ~ Beta(alpha, alpha). The label's share is that of the pixels left. Drawn for each pair; the published code draws one
    box for a whole batch.

    Attributes:
        alpha: of the distribution.
        p: probability of an image to get a box (published: 0.5 on CIFAR, 1 on ImageNet).
    """

    title: ClassVar[str] = "A rectangle of another image is pasted in, and counts by its area."
    numbers: ClassVar[int] = 4
    alpha: float = 1.0
    p: float = 0.5

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        check_share(p=self.p)

    def __call__(self, pixels: Tensor, others: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes of all images as one mask."""
        height, width = pixels.shape[2:]
        side = (1 - beta_shares(drawn[:, 1], self.alpha)).sqrt() * (drawn[:, 0] < self.p)
        down = _stretch(side, drawn[:, 2], height)
        across = _stretch(side, drawn[:, 3], width)
        box = down[:, None, :, None] & across[:, None, None, :]  # (n, 1, h, w)
        share = 1 - box.flatten(1).sum(1).float() / (height * width)
        return torch.where(box, others, pixels).contiguous(memory_format=torch.channels_last), share


def _stretch(side: Tensor, centre: Tensor, length: int) -> Tensor:
    """(n, length): half of int(side * length) pixels to either side of a pixel."""
    half = ((side * length).long() // 2)[:, None]
    middle = (centre * length).long()[:, None]
    at = torch.arange(length, device=side.device)
    return (at >= middle - half) & (at < middle + half)
