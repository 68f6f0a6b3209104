"""Training on a band: what lies below, above, between or beyond radii of the spectrum (Wang et al., CVPR 2020, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from eyechart.spectrum.bands import low_pass
from eyechart.spectrum.grid import radius_map
from eyechart.train.augment import Augment
from eyechart.train.augments.shares import check_share


@dataclass(frozen=True)
class Band(Augment):
    """Some of each image's frequencies, per channel.

    Attributes:
        keep: ``low`` (D <= radius), ``high`` (the image less that), ``between`` (inner < D <= radius) or ``beyond`` (the image
            less that).
        radius: cycles per image.
        inner: where the band of ``between`` and ``beyond`` begins; 0 leaves the mean out of it.
        form: ``hard``, or ``gaussian``: D counts with exp(-D^2 / (2 radius^2)), and bands are differences of such.
        rescale: ``none`` leaves values as they are, also beyond [0, 1]: such a step comes last. ``clip`` cuts them; ``max``
            divides by the image's largest value (the published code; negative values stay, so it comes last, too); ``minmax``
            stretches the image to [0, 1]. Flat images stay as they are.
        p: probability.
    """

    title: ClassVar[str] = "Only some frequencies of the image are shown: coarse detail, fine detail, or a band."
    numbers: ClassVar[int] = 1
    keep: Literal["low", "high", "between", "beyond"] = "low"
    radius: float = 12.0
    inner: float = 0.0
    form: Literal["hard", "gaussian"] = "hard"
    rescale: Literal["none", "clip", "max", "minmax"] = "none"
    p: float = 1.0

    def __post_init__(self) -> None:
        check_share(p=self.p)
        if not 0 <= self.inner < self.radius:
            raise ValueError(f"inner is 0 or more, and radius above it: {self.inner}, {self.radius}")

    @property
    def in_range(self) -> bool:
        """As ``rescale`` says."""
        return self.rescale in ("clip", "minmax")

    def __call__(self, pixels: Tensor, drawn: Tensor) -> Tensor:
        """Filter the images drawn."""
        chosen = drawn[:, 0] < self.p
        if not chosen.any():
            return pixels
        shown = pixels.clone(memory_format=torch.channels_last)
        shown[chosen] = self._rescaled(self._kept(pixels[chosen]))
        return shown

    def _kept(self, pixels: Tensor) -> Tensor:
        band = self._low(pixels, self.radius)
        if self.keep in ("between", "beyond"):
            band = band - self._low(pixels, self.inner)
        return band if self.keep in ("low", "between") else pixels - band

    def _low(self, pixels: Tensor, radius: float) -> Tensor:
        if self.form == "hard":
            return low_pass(pixels, radius)
        if not radius:
            return pixels.mean((2, 3), keepdim=True)
        height, width = pixels.shape[2:]
        distance = radius_map(height, width, device=str(pixels.device))
        weights = torch.exp(-0.5 * (distance / radius) ** 2).to(pixels.dtype)
        low: Tensor = torch.fft.irfft2(torch.fft.rfft2(pixels) * weights, s=(height, width))
        return low

    def _rescaled(self, pixels: Tensor) -> Tensor:
        if self.rescale == "none":
            return pixels
        if self.rescale == "clip":
            return pixels.clamp(0, 1)
        high = pixels.amax((1, 2, 3), keepdim=True)
        low = pixels.amin((1, 2, 3), keepdim=True) if self.rescale == "minmax" else torch.zeros_like(high)
        spread = high - low
        flat = spread <= 1e-6  # rounding of an image without a frequency in the band
        if self.rescale == "max":
            return torch.where(flat, pixels, pixels / torch.where(flat, 1.0, spread))
        return torch.where(flat, pixels.clamp(0, 1), (pixels - low) / torch.where(flat, 1.0, spread))
