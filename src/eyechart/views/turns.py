"""Turns by right angles: copies of pixels, nothing interpolated."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from eyechart.core.view import InputView, Pixels, Shown


@dataclass(frozen=True)
class QuarterTurn(InputView):
    """The frame turned counter-clockwise by so many right angles.

    Attributes:
        turns: 0 to 3.

    Odd turns need a square frame: others are not valid and stay as they are.
    """

    turns: int

    def render(self, batch: Pixels) -> Shown:
        """Rows become columns."""
        height, width = batch.tensor.shape[-2:]
        if self.turns % 2 and height != width:
            kept = batch.tensor.clone(memory_format=torch.channels_last)
            return Shown(kept, valid=batch.tensor.new_zeros(len(batch.ids)).bool().cpu().numpy())
        turned = torch.rot90(batch.tensor, self.turns, (2, 3))
        return Shown(turned.contiguous(memory_format=torch.channels_last))
