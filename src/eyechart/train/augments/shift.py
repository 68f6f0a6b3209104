"""Random shifts: the frame moved by whole pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from eyechart.train.augment import Augment

Fill = Literal["black", "reflect", "circular"]


@dataclass(frozen=True)
class Shift(Augment):
    """Each image moved by a whole number of pixels, uniform on -most .. most, down and across.

    Attributes:
        most: pixels. 4 is the usual reach at 32 pixels; a net of stride S needs S / 2 to see all its phases.
        fill: what comes in: ``black``, the image mirrored at its border, or its other side (``circular``).
    """

    title: ClassVar[str] = "The image is moved by a few whole pixels."
    numbers: ClassVar[int] = 2
    most: int = 4
    fill: Fill = "black"

    def __post_init__(self) -> None:
        if self.most < 0:
            raise ValueError(f"most is 0 pixels or more, not {self.most}")

    def __call__(self, pixels: Tensor, drawn: Tensor) -> Tensor:
        """Rows, then columns, are gathered from where they come from."""
        height, width = pixels.shape[2:]
        if self.fill == "reflect" and self.most >= min(height, width):
            raise ValueError(
                f"a frame of {height} x {width} pixels cannot be mirrored {self.most} pixels beyond its border"
            )
        moves = (drawn * (2 * self.most + 1)).long() - self.most
        down, across = (
            torch.arange(length, device=drawn.device) - move[:, None]
            for length, move in zip((height, width), moves.unbind(1), strict=True)
        )
        image = torch.arange(len(pixels), device=drawn.device).view(-1, 1, 1)
        rows, columns = self._inside(down, height)[:, :, None], self._inside(across, width)[:, None]
        shown = pixels.permute(0, 2, 3, 1)[image, rows, columns].permute(0, 3, 1, 2)
        if self.fill != "black":
            return shown
        kept = ((down >= 0) & (down < height))[:, :, None] & ((across >= 0) & (across < width))[:, None]
        return shown * kept[:, None]

    def _inside(self, at: Tensor, length: int) -> Tensor:
        """Places beyond the border, brought back."""
        if self.fill == "circular":
            return at % length
        if self.fill == "reflect":
            return (length - 1) - ((length - 1) - at.abs()).abs()
        return at.clamp(0, length - 1)
