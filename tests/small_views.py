"""A view that a user may have written."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.spectrum.bands import band_pass


@dataclass(frozen=True)
class Negative(InputView):
    """The negative, or a share of it."""

    share: float = 1.0

    def render(self, batch: Pixels) -> Shown:
        return Shown(torch.lerp(batch.tensor, 1 - batch.tensor, self.share))


@dataclass(frozen=True)
class Backwards(InputView):
    """A view that cannot be drawn of any frame."""

    def render(self, batch: Pixels) -> Shown:
        return Shown(band_pass(batch.tensor, 9, 3))
