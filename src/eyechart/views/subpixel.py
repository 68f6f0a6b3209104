"""Shifts by shares of a pixel, on the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.spectrum.shifts import shift_spectrum
from eyechart.views.bands import shared_spectrum

OUTSIDE = 0.5 / 255  # half a step of 8 bits: less is rounding


@dataclass(frozen=True)
class FourierShift(InputView):
    """The frame moved cyclically by any number of pixels, see ``eyechart.spectrum.shifts.fourier_shift``.

    Attributes:
        down, right: pixels.
        clip: cut values off at 0 and 1.

    Notes: ``outside``, the share of values that ringing carries beyond 0 or 1 by more than half a step of 8 bits, and
    ``outside_most``, how far the farthest lies beyond; both before clipping.
    """

    down: float
    right: float
    clip: bool = False

    def render(self, batch: Pixels) -> Shown:
        """One inverse transform; the forward one is shared by all views of the batch."""
        size = (batch.tensor.shape[-2], batch.tensor.shape[-1])
        turned = shift_spectrum(shared_spectrum(batch), size, self.down, self.right)
        moved = torch.fft.irfft2(turned, s=size).contiguous(memory_format=torch.channels_last)
        beyond = (moved - moved.clamp(0, 1)).abs_().flatten(1)
        share = (beyond > OUTSIDE).double().mean(1)
        notes = {"outside": share.cpu().numpy(), "outside_most": beyond.amax(1).double().cpu().numpy()}
        return Shown(moved.clamp_(0, 1) if self.clip else moved, notes)
