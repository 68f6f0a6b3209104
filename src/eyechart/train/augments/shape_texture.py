"""Shape-texture debiased training (Li et al., ICLR 2021, arXiv 2010.05981): a shape, another image's texture, both labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor

from eyechart.spectrum.phase import swap_phase
from eyechart.stimuli.adain import AdaIN
from eyechart.stimuli.transfer import Paint
from eyechart.train.augment import Mix
from eyechart.train.augments.shares import check_share


@dataclass(frozen=True)
class ShapeTexture(Mix):
    """An image in the style of its partner, with shape_label of its own label and the rest of its partner's.

    Attributes:
        texture: ``adain``, as published: style transfer by the two nets that Stylized-ImageNet was made with, which you must
            have (docs/stimuli.md); or ``amplitude``, which needs none: the partner's amplitudes with the image's own phases
            and mean colour. That is a stand-in of ours; the published figures do not speak for it.
        p: probability of a mixture. Ours: half; the published code shows both versions of every image.
        shape_label: gamma (published: 0.8).
        weights, decoder: files of both nets, for ``adain``.
        alpha: share of the style's moments, for ``adain`` (the published code: half; Stylized-ImageNet: all).
    """

    title: ClassVar[str] = (
        "The image is painted with another's texture, and counts mostly as its shape, a little as the texture."
    )
    numbers: ClassVar[int] = 1
    texture: Literal["amplitude", "adain"] = "amplitude"
    p: float = 0.5
    shape_label: float = 0.8
    weights: Path | None = None
    decoder: Path | None = None
    alpha: float = 0.5

    def __post_init__(self) -> None:
        check_share(p=self.p, shape_label=self.shape_label, alpha=self.alpha)
        if self.texture == "adain" and (self.weights is None or self.decoder is None):
            raise ValueError("adain needs weights and decoder, files of the two nets; amplitude needs none")

    def __call__(self, pixels: Tensor, others: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Paint those drawn."""
        chosen = drawn[:, 0] < self.p
        shown = pixels.clone(memory_format=torch.channels_last)
        if chosen.any():
            shown[chosen] = self._painted(pixels[chosen], others[chosen]).clamp(0, 1)
        return shown, torch.where(chosen, self.shape_label, 1.0)

    def _painted(self, shape: Tensor, texture: Tensor) -> Tensor:
        if self.weights is None or self.decoder is None or self.texture == "amplitude":
            found = swap_phase(texture, shape)
            return found + (shape - found).mean((2, 3), keepdim=True)
        if shape.shape[2] % 8 or shape.shape[3] % 8:
            raise ValueError(f"adain paints frames whose sides are multiples of 8, not {tuple(shape.shape[2:])}")
        return _opened(self.weights, self.decoder, self.alpha, str(shape.device))(shape, texture).pixels


@lru_cache(maxsize=2)
def _opened(weights: Path, decoder: Path, alpha: float, device: str) -> Paint:
    """Both nets, kept from one batch to the next."""
    return AdaIN(weights, decoder, alpha).opened(torch.device(device), "none")
