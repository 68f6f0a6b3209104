"""Views that mix an image, A, with another of another class, B, so that two cues name two classes.

No style network is needed, so any set of images gives its own conflicts: phase of A with amplitude of B (Oppenheim & Lim, Proc.
IEEE 69(5), 1981), coarse detail of A with fine detail of B (Oliva, Torralba & Schyns, ACM Trans. Graph. 25(3), 2006).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch

from eyechart.core.view import InputView, Partner, Pixels, Shown
from eyechart.spectrum.grid import Units
from eyechart.spectrum.phase import swap_phase
from eyechart.views.bands import shared_low

HALF_STEP = 0.5 / 255  # nearer to [0, 1] than that, an 8-bit pixel would not be clipped
Array = np.ndarray[Any, Any]
Dc = Literal["phase", "amplitude"]


def clipped_share(raw: torch.Tensor) -> Array:
    """(n,) share of the values (n, ...) that lie more than half an 8-bit step outside [0, 1]."""
    outside = (raw - 0.5).abs() > 0.5 + HALF_STEP
    return np.asarray(outside.flatten(1).float().mean(1).cpu().numpy())


@dataclass(frozen=True)
class Conflict(InputView):
    """A mixed with its partner B, clipped to [0, 1].

    Attributes:
        number: which partner.

    Notes: ``clipped_share`` of the pixel values that lay more than half an 8-bit step outside [0, 1]; and those of ``Partner``.
    """

    number: int = 0

    @property
    def beside(self) -> Partner:
        """B."""
        return Partner(self.number)

    @abstractmethod
    def mixed(self, a: Pixels, b: Pixels) -> torch.Tensor:
        """(n, c, h, w), channels_last, not clipped."""

    def render(self, batch: Pixels) -> Shown:
        """Mix and clip."""
        raw = self.mixed(batch, batch.beside[self.beside])
        return Shown(raw.clamp(0, 1), {"clipped_share": clipped_share(raw)})


@dataclass(frozen=True)
class PhaseSwap(Conflict):
    """The phase of A with the amplitude (1 - mix) |F_A| + mix |F_B|, per channel.

    Laws: A with itself is A; mix 0 is A; unclipped, the amplitude is as stated.

    Attributes:
        dc: whose mean colour it has: ``phase``, A's; ``amplitude``, mixed like the other amplitudes.
        mix: from 0, A itself, to 1, all of B's amplitude.
        taper: see ``tapered``.
    """

    dc: Dc = "phase"
    mix: float = 1.0
    taper: float = 0.0

    def mixed(self, a: Pixels, b: Pixels) -> torch.Tensor:
        """With A's phase throughout, mixing amplitudes is mixing A with the full swap; that is made once for all mixes."""
        first = tapered(a, self.taper)
        swapped = first.shared(
            ("phase swap", self.dc, self.number), lambda: self._swapped(first, tapered(b, self.taper))
        )
        return torch.lerp(first.tensor, swapped, self.mix)

    def _swapped(self, a: Pixels, b: Pixels) -> torch.Tensor:
        found = swap_phase(b.tensor, a.tensor).contiguous(memory_format=torch.channels_last)
        if self.dc == "amplitude":
            return found
        return found + (a.tensor - found).mean((2, 3), keepdim=True)


@dataclass(frozen=True)
class BandHybrid(Conflict):
    """The low band of A and the high band of B: low(A) + B - low(B), with B's mean only where no frequency is low.

    Laws: A with itself is A; an empty low band gives B, a full one A.

    Attributes:
        radius: cycles per image; A has D <= radius.
        inclusive, units: see ``eyechart.spectrum.bands.low_pass``.
        taper: see ``tapered``.
    """

    radius: float = 0.0
    inclusive: bool = True
    units: Units = "index"
    taper: float = 0.0

    def mixed(self, a: Pixels, b: Pixels) -> torch.Tensor:
        """One forward transform of each image for all radii."""
        first, second = tapered(a, self.taper), tapered(b, self.taper)
        lows = [shared_low(one, self.radius, self.inclusive, self.units) for one in (first, second)]
        return second.tensor + (lows[0] - lows[1])


def tapered(batch: Pixels, share: float) -> Pixels:
    """The batch faded to its mean colour at the borders, by a Tukey window whose slopes take up ``share`` of each side.

    A picture's opposite borders do not fit together, which to the Fourier transform is a cross of edges: B's would show as
    texture. 0 leaves the batch as it is.
    """
    if not share:
        return batch

    def fade() -> Pixels:
        mean = batch.tensor.mean((2, 3), keepdim=True)
        window = tukey_window(batch.tensor.shape[2], batch.tensor.shape[3], share).to(batch.tensor.device)
        return Pixels(mean + window * (batch.tensor - mean), batch.ids, batch.seed, batch.notes)

    return batch.shared(("taper", share), fade)


@lru_cache(maxsize=8)
def tukey_window(height: int, width: int, share: float) -> torch.Tensor:
    """(height, width) float32, 1 in the middle, 0 at the border: the product of two Tukey windows (Harris, Proc. IEEE 1978)."""

    def along(length: int) -> torch.Tensor:
        at = torch.arange(length, dtype=torch.float64, device="cpu")
        inward = torch.minimum(at, length - 1 - at) / max(length - 1, 1)
        return 0.5 - 0.5 * torch.cos(torch.pi * (2 * inward / share).clamp(max=1))

    with torch.inference_mode(False):
        return (along(height)[:, None] * along(width)).float()
