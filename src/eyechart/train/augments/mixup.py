"""mixup (Zhang et al., ICLR 2018, arXiv 1710.09412): two images and their labels, mixed in one share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from eyechart.train.augment import Mix
from eyechart.train.augments.shares import beta_shares, check_alpha


@dataclass(frozen=True)
class Mixup(Mix):
    """lam x + (1 - lam) x', and the labels likewise; lam ~ Beta(alpha, alpha), drawn for each pair.

    That is the paper's equation; its code draws one lam for a whole batch.

    Attributes:
        alpha: of the distribution; 1 draws all shares alike. Wang et al. (CVPR 2020) take 0.5.
    """

    title: ClassVar[str] = "Two images are laid over each other, and count as both."
    numbers: ClassVar[int] = 1
    alpha: float = 1.0

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    def __call__(self, pixels: Tensor, others: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Mix each pair."""
        share = beta_shares(drawn[:, 0], self.alpha)
        return torch.lerp(others, pixels, share.view(-1, 1, 1, 1)), share
