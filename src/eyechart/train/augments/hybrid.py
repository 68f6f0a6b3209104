"""Hybrid images: the coarse detail of one image, the fine detail of another (Oliva et al., 2006; Yucel et al., ICCV 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from eyechart.spectrum.bands import low_pass
from eyechart.train.augment import Mix
from eyechart.train.augments.shares import check_share
from eyechart.views.blurs import gaussian_blur


@dataclass(frozen=True)
class Hybrid(Mix):
    """low(x) + x' - low(x'), clipped: HybridAugment of pairs (arXiv 2307.11823), with the label of the coarse image.

    Published training adds the loss on these to that on the images as they are, as in ``apr_pairs``; it draws for a whole
    batch whether to mix, here each image is drawn, and it does not clip.

    Attributes:
        p: probability of a hybrid (published: 0.6).
        kernel, sigma: pixels; low is a Gaussian (published on CIFAR: 3 and 0.5).
        radius: low is an ideal filter up to so many cycles per image instead.
        low_label: share of the label that is the coarse image's; the rest is the fine one's.
    """

    title: ClassVar[str] = "The coarse detail of the image is joined with the fine detail of another."
    numbers: ClassVar[int] = 1
    p: float = 0.6
    kernel: int = 3
    sigma: float = 0.5
    radius: float | None = None
    low_label: float = 1.0

    def __post_init__(self) -> None:
        check_share(p=self.p, low_label=self.low_label)
        if self.kernel < 1 or self.kernel % 2 == 0 or self.sigma <= 0:
            raise ValueError(f"kernel is odd and sigma above 0: {self.kernel}, {self.sigma}")

    @property
    def mixes_labels(self) -> bool:
        """As ``low_label`` says."""
        return self.low_label < 1

    def __call__(self, pixels: Tensor, others: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """The filter is linear: x' + low(x - x')."""
        chosen = drawn[:, 0] < self.p
        shown = pixels.clone(memory_format=torch.channels_last)
        if chosen.any():
            coarse, fine = pixels[chosen], others[chosen]
            shown[chosen] = self._low(coarse - fine).add_(fine).clamp_(0, 1)
        return shown, torch.where(chosen, self.low_label, 1.0)

    def _low(self, pixels: Tensor) -> Tensor:
        return (
            low_pass(pixels, self.radius) if self.radius is not None else gaussian_blur(pixels, self.kernel, self.sigma)
        )
