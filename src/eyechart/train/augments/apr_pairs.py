"""Amplitude-phase recombination of two images (APR-P; Chen et al., ICCV 2021, arXiv 2108.08487)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from eyechart.spectrum.phase import swap_phase
from eyechart.train.augment import Mix
from eyechart.train.augments.shares import check_share


@dataclass(frozen=True)
class RecombinedPairs(Mix):
    """An image's own phases with the amplitudes of its partner, mean colour included; clipped. The label is its own.

    Each channel is transformed alone; the published code transforms channels together and does not clip. It draws for a whole
    batch whether to recombine, here each image is drawn. Published training adds the loss on these to that on the images as
    they are: name it in ``views`` of the objective ``cross_entropy``.

    Attributes:
        p: probability of the recombination (published: 0.6).
    """

    title: ClassVar[str] = "The image takes over from another how strong each wave is, and keeps where things are."
    numbers: ClassVar[int] = 1
    p: float = 0.6

    def __post_init__(self) -> None:
        check_share(p=self.p)

    @property
    def mixes_labels(self) -> bool:
        """Phases tell what is where: the label follows them."""
        return False

    def __call__(self, pixels: Tensor, others: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Recombine those drawn."""
        chosen = drawn[:, 0] < self.p
        shown = pixels.clone(memory_format=torch.channels_last)
        if chosen.any():
            shown[chosen] = swap_phase(others[chosen], pixels[chosen]).clamp_(0, 1)
        return shown, torch.ones_like(drawn[:, 0])
