"""Views that change the phases of a picture's frequencies and keep their amplitudes, or the reverse."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.core.view import InputView, Pixels, Shown
from eyechart.spectrum.grid import half_plane_weights
from eyechart.views.bands import shared_spectrum

HALF_TURN = 180.0


@dataclass(frozen=True)
class PhaseScramble(InputView):
    """Every frequency's phase moved by an angle of its own, uniform on -width .. width, one and the same in all channels.

    Amplitudes stay, and with them the mean and the power spectrum; at 180 degrees nothing is left of where things are. Angles
    of opposite frequencies are opposite (the picture stays real), and frequencies that are their own opposite keep their phase.

    Attributes:
        width: degrees, 0 (the image as it is) to 180.
        number: which angles of the image; widths share them, in proportion.
        clip: to [0, 1].

    Notes: ``clipped``, share of values outside [0, 1] before clipping, whether or not they were clipped.
    """

    width: float = HALF_TURN
    number: int = 0
    clip: bool = True

    @property
    def stream(self) -> str:
        """One stream a number."""
        return f"phase_scramble.{self.number}"

    def render(self, batch: Pixels) -> Shown:
        """One transform back; the one forth is shared."""
        angles = radians(self.width) * batch.shared(("turns", self.stream), lambda: self._turns(batch))
        turned = shared_spectrum(batch) * torch.polar(torch.ones_like(angles), angles)[:, None]
        return _pictured(turned, batch, self.clip)

    def _turns(self, batch: Pixels) -> torch.Tensor:
        """(n, h, w // 2 + 1) from -1 to 1, opposite at opposite frequencies."""
        height, width = batch.tensor.shape[-2:]
        each = [generator(batch.seed, self.stream, i).random((height, width // 2 + 1), np.float32) for i in batch.ids]
        turns = 2 * torch.from_numpy(np.array(each, np.float32).reshape(-1, height, width // 2 + 1)) - 1
        for column in {0, width // 2} if width % 2 == 0 else {0}:  # both of two opposite frequencies lie here
            upper = turns[:, 1 : (height + 1) // 2, column]
            turns[:, height // 2 + 1 :, column] = -upper.flip(1)
            turns[:, 0, column] = 0.0
            if height % 2 == 0:
                turns[:, height // 2, column] = 0.0
        return turns.to(batch.tensor.device)


@dataclass(frozen=True)
class Whitened(InputView):
    """Amplitudes made alike, phases kept: each amplitude A but the mean's becomes A ** (1 - amount), at the same contrast.

    At ``amount`` 1 all frequencies are equally strong: contours stay where they are, the balance of coarse and fine that
    textures differ by is lost.

    Attributes:
        amount: 0 (the image as it is) to 1.
        clip: to [0, 1].

    Contrast is each channel's variance. Frequencies that hold no more than rounding have no phase and stay as they are.

    Notes: ``clipped``, as in ``PhaseScramble``.
    """

    amount: float = 1.0
    clip: bool = True

    def render(self, batch: Pixels) -> Shown:
        """One transform back; the one forth is shared."""
        given = shared_spectrum(batch)
        size = given.abs()
        eps = torch.finfo(size.dtype).eps
        fine = size > 4 * eps * batch.tensor.abs().sum((-2, -1), keepdim=True)
        fine[..., 0, 0] = False
        power = torch.where(fine, size, 0.0).square()
        gain = torch.where(fine, torch.where(fine, size, 1.0).pow(-self.amount), 0.0)
        weights = half_plane_weights(batch.tensor.shape[-1]).to(size)
        before, after = ((p * weights).sum((-2, -1), keepdim=True) for p in (power, power * gain.square()))
        gain = gain * (before / after.clamp_min(torch.finfo(size.dtype).tiny)).sqrt()
        return _pictured(given * torch.where(fine, gain, 1.0), batch, self.clip)


def _pictured(coefficients: torch.Tensor, batch: Pixels, clip: bool) -> Shown:
    """The picture of a half plane, and how much of it lies outside the range."""
    size = batch.tensor.shape[-2:]
    pixels = torch.fft.irfft2(coefficients, s=size).contiguous(memory_format=torch.channels_last)
    outside = ((pixels < 0) | (pixels > 1)).flatten(1).double().mean(1)
    return Shown(pixels.clamp_(0, 1) if clip else pixels, {"clipped": outside.cpu().numpy()})
