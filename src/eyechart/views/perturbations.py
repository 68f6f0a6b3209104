"""Steps after an attack that take its perturbation apart: only the coarse or the fine part of it, or a picture of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.spectrum.bands import low_pass
from eyechart.spectrum.grid import centred
from eyechart.views.bands import Side

MID_GREY = 0.5
FLOOR = 1e-3  # of an amplitude spectrum's largest entry: what pictures of it show as black


@dataclass(frozen=True)
class OnlyBand(InputView):
    """The image as the source view showed it, changed by one band of the perturbation alone; clipped to [0, 1].

    Attributes:
        band: ``low`` keeps the perturbation's frequencies with D <= radius, ``high`` the rest.
        radius: cycles per image.
    """

    band: Side
    radius: float

    def render(self, batch: Pixels) -> Shown:
        """Image plus that part."""
        moved = batch.tensor - batch.before
        low = low_pass(moved, self.radius)
        part = low if self.band == "low" else moved - low
        shown = (batch.before + part).clamp_(0, 1)
        return Shown(shown.contiguous(memory_format=torch.channels_last))


@dataclass(frozen=True)
class Enlarged(InputView):
    """The perturbation alone on mid grey, each image's largest change drawn out to black or white: for people, not models."""

    def render(self, batch: Pixels) -> Shown:
        """Grey where nothing was changed."""
        moved = batch.tensor - batch.before
        largest = moved.flatten(1).abs().amax(1).view(-1, 1, 1, 1)
        shown = MID_GREY + MID_GREY * moved / largest.clamp_min(torch.finfo(moved.dtype).tiny)
        return Shown(shown.contiguous(memory_format=torch.channels_last))


@dataclass(frozen=True)
class SpectrumOfChange(InputView):
    """The perturbation's amplitude spectrum as a grey picture, zero frequency in the middle: for people, not models.

    Root mean square over channels, logarithmic from a thousandth of its largest entry (black) to that (white).
    """

    def render(self, batch: Pixels) -> Shown:
        """One channel's picture, in all channels."""
        moved = batch.tensor - batch.before
        amplitude = centred(torch.fft.fft2(moved).abs().square().mean(1, keepdim=True).sqrt())
        largest = amplitude.flatten(1).amax(1).view(-1, 1, 1, 1).clamp_min(torch.finfo(moved.dtype).tiny)
        dark = torch.tensor(FLOOR).log().item()
        shown = 1 - (amplitude / largest).clamp_min(FLOOR).log() / dark
        return Shown(shown.expand_as(moved).contiguous(memory_format=torch.channels_last))
