"""Views that show only the low or only the high frequencies of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.spectrum.bands import low_from_spectrum, spectrum
from eyechart.spectrum.grid import Units


@dataclass(frozen=True)
class Band(InputView):
    """One band of the image in the model's frame, before normalisation, not clipped and not rescaled.

    Attributes:
        band: ``low`` keeps frequencies with D <= radius, ``high`` the rest (image minus low).
        radius: cycles per image.
        inclusive, units: see ``eyechart.spectrum.bands.low_pass``.
    """

    band: Literal["low", "high"]
    radius: float
    inclusive: bool = True
    units: Units = "index"

    def render(self, batch: Pixels) -> Shown:
        """Low and high share one forward transform, and one inverse per radius."""
        low = batch.shared(("low", self.radius, self.inclusive, self.units), lambda: self._low(batch))
        return Shown(low if self.band == "low" else batch.tensor - low)

    def _low(self, batch: Pixels) -> torch.Tensor:
        coefficients = batch.shared(("spectrum",), lambda: spectrum(batch.tensor))
        size = (batch.tensor.shape[-2], batch.tensor.shape[-1])
        low = low_from_spectrum(coefficients, size, self.radius, self.inclusive, self.units)
        return low.contiguous(memory_format=torch.channels_last)  # the transform leaves one plane after another


@dataclass(frozen=True)
class Grey(InputView):
    """Adds mid grey: how a band without brightness of its own is pictured for people (not for models)."""

    def render(self, batch: Pixels) -> Shown:
        """Pixels + 0.5."""
        return Shown(batch.tensor + 0.5)
