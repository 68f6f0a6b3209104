"""Low-contrast grey images in octave-band noise (Subramanian et al., NeurIPS 2023, arXiv 2309.13190)."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log2, sqrt

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.core.view import InputView, Pixels, Shown
from eyechart.spectrum.bands import band_from_spectrum
from eyechart.views.tones import clipped_to_range, grey_of

CONTRAST, MEAN = 0.2, 0.449  # theirs
LOWEST = 1.75  # cycles per image, the centre of the lowest band: 224 / 2 ** 7
# Root mean square of the finest level of a Laplacian pyramid (binomial kernel 1 4 6 4 1) of white noise of SD 1, to which the
# authors scale every band: 1 - 2 t^2 + s^2, where t and s are the mean diagonal and mean squared entry sum of "reduce, then
# expand" along one axis, t = (76 + 64) / 512 and s = 6470 / 32768.
FINEST = sqrt(1 - 2 * (140 / 512) ** 2 + (6470 / 32768) ** 2)


def octaves(size: tuple[int, int]) -> int:
    """How many bands a frame has room for: those whose lower edge lies below n / 2 (n the shorter side).

    >>> octaves((224, 224)), octaves((32, 32))
    (7, 4)
    """
    return max(1, floor(log2(min(size) / 2 / LOWEST) + 0.5 - 1e-9) + 1)


def centre(octave: int) -> float:
    """Cycles per image: 1.75 for octave 0, twice as much for each further one."""
    return float(LOWEST * 2**octave)


@dataclass(frozen=True)
class BandNoise(InputView):
    """(grey - its mean) * contrast + 0.449 with noise of one octave added, alike in all channels, clipped to [0, 1].

    The noise is white Gaussian noise of standard deviation ``sd`` cut to centre / sqrt(2) <= D < centre * sqrt(2) and scaled
    to the root mean square that the finest level of a Laplacian pyramid of it would have, .943 sd, in every image alike. (The
    authors take levels of such a pyramid, which leak into their neighbours; and where the sum leaves the range they move the
    pixel or draw its noise again.)

    Attributes:
        octave: 0, 1, ...; see ``centre``.
        sd: in units of [0, 1]; 0 adds none, whatever the octave.
        contrast: theirs is .2.

    Notes: ``clipped_share``, of the pixels that left [0, 1].
    """

    octave: int
    sd: float
    contrast: float = CONTRAST

    @property
    def stream(self) -> str:
        """One for all bands and strengths: common random numbers."""
        return "band_noise"

    def render(self, batch: Pixels) -> Shown:
        """Noise is drawn once a batch, cut once a band."""
        planes = grey_of(batch)
        faint = (planes - planes.mean((2, 3), keepdim=True)) * self.contrast + MEAN
        if not self.sd:
            return clipped_to_range(faint, batch)
        noise = batch.shared(("band noise", self.octave), lambda: self._noise(batch))
        return clipped_to_range(faint + self.sd * noise, batch)

    def _noise(self, batch: Pixels) -> torch.Tensor:
        """(n, 1, h, w) of root mean square ``FINEST``; zeros where a frame holds no such wave."""
        size = (batch.tensor.shape[-2], batch.tensor.shape[-1])
        white = batch.shared(("white spectrum", self.stream), lambda: self._white(batch, size))
        edges = centre(self.octave) / sqrt(2), centre(self.octave) * sqrt(2)
        band = band_from_spectrum(white, size, *edges, inclusive=False)
        strength = band.square().mean((2, 3), keepdim=True).sqrt()
        return band * (FINEST / strength.clamp(min=1e-12))

    def _white(self, batch: Pixels, size: tuple[int, int]) -> torch.Tensor:
        each = [generator(batch.seed, self.stream, i).standard_normal(size, dtype=np.float32) for i in batch.ids]
        spectrum: torch.Tensor = torch.fft.rfft2(torch.from_numpy(np.stack(each)[:, None]).to(batch.tensor.device))
        return spectrum
