"""Views that show only some of an image's frequencies: the low, the high, or those between two radii."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.spectrum.bands import low_from_spectrum, spectrum
from eyechart.spectrum.grid import Units

Side = Literal["low", "high"]


def shared_spectrum(batch: Pixels) -> torch.Tensor:
    """The half-plane spectrum of a batch, transformed once for all its views."""
    return batch.shared(("spectrum",), lambda: spectrum(batch.tensor))


def shared_low(batch: Pixels, radius: float, inclusive: bool, units: Units) -> torch.Tensor:
    """The low band of a batch up to ``radius``, made once for the views that follow one another."""

    def made() -> torch.Tensor:
        size = (batch.tensor.shape[-2], batch.tensor.shape[-1])
        low = low_from_spectrum(shared_spectrum(batch), size, radius, inclusive, units)
        return low.contiguous(memory_format=torch.channels_last)  # the transform leaves one plane after another

    return batch.shared(("low", radius, inclusive, units), made)


@dataclass(frozen=True)
class Band(InputView):
    """One band of the image in the model's frame, before normalisation, not clipped and not rescaled.

    Attributes:
        band: ``low`` keeps frequencies with D <= radius, ``high`` the rest (image minus low).
        radius: cycles per image.
        inclusive, units: see ``eyechart.spectrum.bands.low_pass``.
    """

    band: Side
    radius: float
    inclusive: bool = True
    units: Units = "index"

    def render(self, batch: Pixels) -> Shown:
        """Low and high share one forward transform, and one inverse per radius."""
        low = shared_low(batch, self.radius, self.inclusive, self.units)
        return Shown(low if self.band == "low" else batch.tensor - low)


@dataclass(frozen=True)
class BandPass(InputView):
    """What lies between two radii: low(radius) minus low(inner), so that bands that touch add up to the image.

    Attributes:
        inner, radius: cycles per image, inner < D <= radius (inner <= D < radius unless ``inclusive``).
        inclusive, units: see ``eyechart.spectrum.bands.low_pass``.
    """

    inner: float
    radius: float
    inclusive: bool = True
    units: Units = "index"

    def render(self, batch: Pixels) -> Shown:
        """Needs no transform of its own where both low bands were shown just before."""
        inner = shared_low(batch, self.inner, self.inclusive, self.units)
        return Shown(shared_low(batch, self.radius, self.inclusive, self.units) - inner)


@dataclass(frozen=True)
class Grey(InputView):
    """Adds mid grey: how a band without brightness of its own is pictured for people (not for models)."""

    def render(self, batch: Pixels) -> Shown:
        """Pixels + 0.5."""
        return Shown(batch.tensor + 0.5)
