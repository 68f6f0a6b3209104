"""Random resized crops: a part of the image, of random area and aspect, fills the frame (Szegedy et al., CVPR 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import ClassVar

import torch
from torch import Tensor

from eyechart.train.augment import Augment
from eyechart.train.augments.lines import placed, stretched

TRIES = 10


@dataclass(frozen=True)
class ResizedCrop(Augment):
    """As torchvision draws it: ten tries for a rectangle that fits, or else the largest in the middle with an aspect allowed.

    Cut from the frame, which the model's preprocessing has cut from the original; published training cuts the original.
    Resized linearly.

    Attributes:
        scale: least and largest area, as a share of the frame; uniform between.
        ratio: least and largest width by height; uniform in its logarithm.
    """

    title: ClassVar[str] = "A random part of the image is enlarged to fill the frame."
    numbers: ClassVar[int] = 2 * TRIES + 2
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1] <= 1 or not 0 < self.ratio[0] <= self.ratio[1]:
            raise ValueError(f"scale and ratio go from small to large, shares and positive: {self.scale}, {self.ratio}")

    def __call__(self, pixels: Tensor, drawn: Tensor) -> Tensor:
        """A matrix for each image's rows, and one for its columns."""
        places = self._rectangles(drawn.double(), *pixels.shape[2:])
        lines = []
        for (first, side), length in zip(places, pixels.shape[2:], strict=True):
            frame = torch.zeros_like(side), torch.full_like(side, length)
            lines.append(stretched(length, (first, side), frame))
        return placed(pixels, *lines)

    def _rectangles(
        self, drawn: Tensor, height: int, width: int
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """First and number of rows, and of columns, (n,) each."""
        areas, aspects = drawn[:, : 2 * TRIES].view(len(drawn), 2, TRIES).unbind(1)
        area = height * width * (self.scale[0] + areas * (self.scale[1] - self.scale[0]))
        low, high = log(self.ratio[0]), log(self.ratio[1])
        aspect = torch.exp(low + aspects * (high - low))
        wide, tall = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
        fits = (wide > 0) & (wide <= width) & (tall > 0) & (tall <= height)
        first = fits.int().argmax(1, keepdim=True)  # the first that fits
        usual = min(max(width / height, self.ratio[0]), self.ratio[1])
        middle = min(height, round(width / usual)), min(width, round(height * usual))
        found = []
        for sides, length, place, whole in zip((tall, wide), (height, width), (-2, -1), middle, strict=True):
            side = torch.where(fits.any(1), sides.gather(1, first)[:, 0], float(whole))
            start = torch.where(
                fits.any(1), (drawn[:, place] * (length - side + 1)).floor(), float((length - whole) // 2)
            )
            found.append((start, side))
        return found[0], found[1]
