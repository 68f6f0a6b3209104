"""Views that part an image otherwise than at a given radius: where its own energy says, or by rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from eyechart.core.view import InputView, Notes, Pixels, Shown
from eyechart.spectrum.density import grey, head_radius
from eyechart.spectrum.grid import Units, radius_map
from eyechart.spectrum.low_rank import svd_split
from eyechart.views.bands import Band, Side, shared_low, shared_spectrum


def luminance(pixels: torch.Tensor) -> torch.Tensor:
    """Grey values (n, h, w) of colour or grey pixels (n, 3 or 1, h, w)."""
    return grey(pixels) if pixels.shape[1] == 3 else pixels[:, 0]


@dataclass(frozen=True)
class PooledHead(InputView):
    """A band at the radius that the images' pooled spectrum gave.

    Not the same view as a ``Band`` at a radius given beforehand, even where the two radii agree: an exam can tell which of
    its queries follow from what it saw.

    Attributes:
        band: ``low`` is the head, D <= radius; ``high`` the tail.
        radius: cycles per image.
        units: see ``eyechart.spectrum.bands.low_pass``.
    """

    band: Side
    radius: float
    units: Units = "index"

    def render(self, batch: Pixels) -> Shown:
        """As a Band."""
        return Band(self.band, self.radius, True, self.units).render(batch)


@dataclass(frozen=True)
class OwnHead(InputView):
    """Head or tail of each image's own spectrum: all channels are cut where its grey values' spectrum says.

    The note ``head_radius`` is the smallest radius within which ``share`` of the power of the grey image lies, without zero
    frequency (``eyechart.spectrum.density.head_radius``). A flat image has none: NaN, not valid, and all of it is head.

    Attributes:
        band: ``low`` is the head, D <= radius; ``high`` the tail.
        share: of the power, above 0 and below 1.
        units: see ``eyechart.spectrum.bands.low_pass``.
    """

    band: Side
    share: float = 0.8
    units: Units = "index"

    def render(self, batch: Pixels) -> Shown:
        """Head and tail share the radii, and one forward and one inverse transform."""
        head, radii = batch.shared(("own head", self.share, self.units), lambda: self._head(batch))
        values = radii.cpu().numpy()
        notes: Notes = {"head_radius": values}
        return Shown(head if self.band == "low" else batch.tensor - head, notes, np.isfinite(values))

    def _head(self, batch: Pixels) -> tuple[torch.Tensor, torch.Tensor]:
        height, width = batch.tensor.shape[-2:]
        radii = head_radius(luminance(batch.tensor), self.share, units=self.units)
        distance = radius_map(height, width, self.units, str(radii.device))
        mask = distance <= radii.nan_to_num(0.0)[:, None, None]
        head = torch.fft.irfft2(shared_spectrum(batch) * mask[:, None], s=(height, width))
        return head.contiguous(memory_format=torch.channels_last), radii


@dataclass(frozen=True)
class LowRank(InputView):
    """The control of ``Band``: each channel's largest singular values, as few as hold the energy of its low band, or the rest.

    Attributes:
        band: ``low`` is the part of low rank, ``high`` the rest (image minus low).
        radius, inclusive, units: of the low band whose energy (sum of squares, a channel at a time) is matched.
    """

    band: Side
    radius: float
    inclusive: bool = True
    units: Units = "index"

    def render(self, batch: Pixels) -> Shown:
        """Both parts share one decomposition."""
        key = ("low rank", self.radius, self.inclusive, self.units)
        low = batch.shared(key, lambda: self._low(batch))
        return Shown(low if self.band == "low" else batch.tensor - low)

    def _low(self, batch: Pixels) -> torch.Tensor:
        low = shared_low(batch, self.radius, self.inclusive, self.units).double()
        # in float32 the rounding allowed for would be as large as the energy of the finest waves
        kept = svd_split(batch.tensor.double(), energy=low.square().sum((-2, -1)))[0]
        return kept.float().contiguous(memory_format=torch.channels_last)
