"""Conflicts of cues without a style network: two pictures mixed in the Fourier plane."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field

from eyechart.core.view import Pixels
from eyechart.spectrum.grid import Units
from eyechart.spectrum.phase import swap_phase
from eyechart.views.bands import shared_low


@dataclass(frozen=True)
class Mixture(ABC):
    """A picture made of two, of which the first gives the shape and the second the texture."""

    @abstractmethod
    def mixed(self, a: Pixels, b: Pixels) -> torch.Tensor:
        """(n, c, h, w) of two batches of that size, not clipped."""


@dataclass(frozen=True)
class PhaseSwap(Mixture):
    """The phase of A with the amplitude (1 - mix) |F_A| + mix |F_B|, per channel (Oppenheim & Lim, Proc. IEEE 69(5), 1981).

    Laws: A with itself is A; mix 0 is A.

    Attributes:
        mix: share of B's amplitude.
        dc: whose mean colour it has: A's (``phase``), or mixed like the other amplitudes (``amplitude``).
    """

    mix: Annotated[float, Field(ge=0, le=1)] = 1.0
    dc: Literal["phase", "amplitude"] = "phase"

    def mixed(self, a: Pixels, b: Pixels) -> torch.Tensor:
        """With A's phase throughout, mixing amplitudes is mixing A with the full swap."""
        swapped = swap_phase(b.tensor, a.tensor)
        if self.dc == "phase":
            swapped = swapped + (a.tensor - swapped).mean((2, 3), keepdim=True)
        return torch.lerp(a.tensor, swapped, self.mix)


@dataclass(frozen=True)
class Hybrid(Mixture):
    """The low band of A and the high band of B: low(A) + B - low(B) (Oliva, Torralba & Schyns, ACM Trans. Graph. 25(3), 2006).

    Laws: A with itself is A; no low band gives B, all of the plane A.

    Attributes:
        radius: cycles per image; A has D <= radius.
        inclusive, units: see ``eyechart.spectrum.bands.low_pass``.
    """

    radius: Annotated[float, Field(ge=0)]
    inclusive: bool = True
    units: Units = "index"

    def mixed(self, a: Pixels, b: Pixels) -> torch.Tensor:
        """One low band of each."""
        lows = [shared_low(one, self.radius, self.inclusive, self.units) for one in (a, b)]
        return b.tensor + (lows[0] - lows[1])
