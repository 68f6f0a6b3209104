"""Balanced spectrum sampling as augmentation (Lin et al., NeurIPS 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from eyechart.spectrum.balance import bass
from eyechart.train.augment import Augment
from eyechart.train.augments.shares import check_share


@dataclass(frozen=True)
class BaSS(Augment):
    """Some of the images with their spectrum balanced, see ``eyechart.spectrum.balance.bass``.

    Starts from whole grey levels, as published, unless the result is to stay a real number: name it before steps that mix.

    Attributes:
        p: probability of an image to be balanced. Not published; 0.5 is our choice.
        form: ``safe`` or ``parity``.
        quantize: to whole grey levels, as published, or ``none``.
    """

    title: ClassVar[str] = "Coarse and fine detail are made more equally strong."
    numbers: ClassVar[int] = 1
    p: float = 0.5
    form: Literal["safe", "parity"] = "safe"
    quantize: Literal["trunc", "round", "none"] = "trunc"

    def __post_init__(self) -> None:
        check_share(p=self.p)

    def __call__(self, pixels: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        """Balance the images drawn."""
        chosen = drawn[:, 0] < self.p
        if not chosen.any():
            return pixels
        shown = pixels.clone(memory_format=torch.channels_last)
        shown[chosen] = self._balanced(pixels[chosen])
        return shown

    def _balanced(self, pixels: torch.Tensor) -> torch.Tensor:
        if self.quantize == "none":
            return bass(pixels, self.form, self.quantize)
        levels = pixels.mul(255).round().to(torch.uint8)  # a 255th in float32 is no 255th, and truncation would tell
        return bass(levels, self.form, self.quantize).to(pixels.dtype).div_(255)
