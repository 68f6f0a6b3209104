"""What the a-trous twin's maps hold that sampling cannot carry."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from eyechart.core.tap import DenseTap
from eyechart.models.atrous import Dense
from eyechart.models.layers import Layer
from eyechart.spectrum.nyquist import Window, share_above, tells, white_share

OF_A_MAP = 3  # numbers


@dataclass(frozen=True)
class NyquistShare(DenseTap):
    """Energy at or above the Nyquist frequency of the layer's own sampling: (n, 6).

    Of the layer's dense maps: the share weighted by channels' energy, their median, and the share in white noise of that size,
    NaN where it would tell nothing (``eyechart.spectrum.nyquist.tells``). Then the same of the maps that the layer makes them
    of, at the new stride, where it is the layer that changes it; else NaN.

    Attributes:
        window: see ``eyechart.spectrum.nyquist.energy_above``.
    """

    window: Window = "hann"

    def read(self, layer: Layer, dense: Dense) -> torch.Tensor:
        """NaN where all channels are the same everywhere."""
        own = self._of(dense.values, dense.stride)
        return torch.cat(
            [own, torch.full_like(own, torch.nan) if dense.before is None else self._of(dense.before, dense.stride)], 1
        )

    def _of(self, maps: torch.Tensor, stride: tuple[int, int]) -> torch.Tensor:
        weighted, median = share_above(maps, stride, self.window)
        size = maps.shape[-2], maps.shape[-1]
        white = white_share(*size, stride, self.window) if tells(*size, stride, self.window) else torch.nan
        return torch.stack([weighted, median, torch.full_like(weighted, white)], 1)
