"""Random crop of the padded image and a flip: the usual augmentation of CIFAR (He et al., CVPR 2016, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn.functional import pad

from eyechart.train.augment import Augment


@dataclass(frozen=True)
class CropFlip(Augment):
    """Pad with black, cut the frame at a random place, and flip left to right.

    Attributes:
        padding: pixels on each side.
        flip: probability of a flip.
    """

    title: ClassVar[str] = "The image is moved a little, black coming in, and half of the time flipped left to right."
    numbers: ClassVar[int] = 3
    padding: int = 4
    flip: float = 0.5

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.padding < 0 or not 0 <= self.flip <= 1:
            raise ValueError("padding is 0 or more, flip between 0 and 1")

    def __call__(self, pixels: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        """Gather rows, then columns; the flip reverses the columns gathered. Raises ValueError: nothing may be left."""
        n, _, height, width = pixels.shape
        if self.padding >= min(height, width):
            raise ValueError(f"a padding of {self.padding} may leave nothing of frames of {height} x {width}")
        wide = pad(pixels, (self.padding,) * 4).permute(0, 2, 3, 1)  # (n, h, w, c), as it lies in memory
        corner = (drawn[:, :2] * (2 * self.padding + 1)).long()
        down = torch.arange(height, device=pixels.device) + corner[:, :1]
        across = torch.arange(width, device=pixels.device).expand(n, -1)
        flipped = (drawn[:, 2:3] < self.flip).expand(-1, width)
        across = torch.where(flipped, width - 1 - across, across) + corner[:, 1:]
        image = torch.arange(n, device=pixels.device).view(-1, 1, 1)
        return wide[image, down[:, :, None], across[:, None, :]].permute(0, 3, 1, 2)
