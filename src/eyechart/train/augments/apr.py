"""Amplitude-phase recombination of one image (APR-S; Chen et al., ICCV 2021, arXiv 2108.08487)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from eyechart.spectrum.phase import swap_phase
from eyechart.train.augment import Augment
from eyechart.train.augments.augmix import OPERATIONS, levels, one_step
from eyechart.train.augments.shares import check_share


@dataclass(frozen=True)
class Recombined(Augment):
    """Two changed versions of an image: the amplitudes of one with the phases of the other.

    The first version is the image after one of AugMix's nine operations, the second the first after another one. Which gives
    the phases is drawn. Works on 8-bit pictures, as published, each channel transformed alone and the result clipped before it
    is cut to whole grey levels: the published code transforms channels together and lets values beyond 0..255 wrap around.

    Attributes:
        p: probability of the recombination; else the first version is shown (published: 0.5).
        severity: levels are uniform from 0.1 to this (published: 3).
    """

    title: ClassVar[str] = (
        "Two changed versions of the image are joined: how strong each wave is from one, where it lies from the other."
    )
    numbers: ClassVar[int] = 8
    p: float = 0.5
    severity: float = 3.0

    def __post_init__(self) -> None:
        check_share(p=self.p)
        if not 0.1 <= self.severity <= 10:
            raise ValueError(f"severity goes from 0.1 to 10: {self.severity}")

    def __call__(self, pixels: Tensor, drawn: Tensor) -> Tensor:
        """Operations on whole batches, transforms of those drawn."""
        chosen, turned, *rest = drawn.unbind(1)
        again = chosen < self.p
        first = self._changed(pixels.permute(0, 2, 3, 1).mul(255).round().to(torch.uint8), rest[:3])
        shown = _real(first)
        if again.any():
            one = shown[again]
            two = _real(self._changed(first[again], [numbers[again] for numbers in rest[3:]]))
            first_phase = (turned[again] < 0.5).view(-1, 1, 1, 1)
            phase, amplitude = torch.where(first_phase, one, two), torch.where(first_phase, two, one)
            raw = swap_phase(amplitude.double(), phase.double())
            shown[again] = (raw * 255).clamp_(0, 255).add_(1e-6).floor_().div_(255).float()  # rounding is no grey level
        return shown

    def _changed(self, pictures: Tensor, drawn: list[Tensor]) -> Tensor:
        which, level, sign = drawn
        everyone = torch.ones_like(which, dtype=torch.bool)
        return one_step(pictures, everyone, which, levels(level, self.severity), sign, tuple(OPERATIONS.values()))


def _real(pictures: Tensor) -> Tensor:
    """(n, h, w, c) uint8 as (n, c, h, w) float32 in [0, 1], channels_last."""
    return pictures.permute(0, 3, 1, 2).float().div_(255)
