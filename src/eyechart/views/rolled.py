"""The frame moved, coming in again at the other side."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from eyechart.core.view import InputView, Pixels, Shown


@dataclass(frozen=True)
class Rolled(InputView):
    """Moved cyclically by whole pixels; the values stay as they are.

    Attributes:
        move: pixels (down, right).
    """

    move: tuple[int, int] = (0, 0)

    def render(self, batch: Pixels) -> Shown:
        """Roll rows and columns."""
        moved = torch.roll(batch.tensor, self.move, (2, 3))
        return Shown(moved.contiguous(memory_format=torch.channels_last))
