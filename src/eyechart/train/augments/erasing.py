"""Random erasing (Zhong et al., AAAI 2020, arXiv 1708.04896): a rectangle of the image is lost."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from eyechart.core.chance import generator
from eyechart.train.augment import Augment
from eyechart.train.augments.shares import check_share, names_of

TRIES = 10


@dataclass(frozen=True)
class Erasing(Augment):
    """A rectangle of random area, aspect and place, filled. As torchvision draws it: ten tries for one that fits, or none.

    Attributes:
        p: probability.
        scale: least and largest area, as a share of the frame; uniform between. The paper's code goes up to 0.4.
        ratio: least and largest height by width; uniform in its logarithm.
        fill: a value in [0, 1] for all channels (torchvision: 0); or ``noise``, each value uniform on its own, which the paper
            found best; its code fills with the mean colour of CIFAR-10 and draws the ratio itself uniformly.
    """

    title: ClassVar[str] = "A rectangle of the image is blacked out or filled with noise."
    numbers: ClassVar[int] = 1 + 2 * TRIES + 2 + 2
    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    fill: float | Literal["noise"] = 0.0

    def __post_init__(self) -> None:
        check_share(p=self.p, **{} if self.fill == "noise" else {"fill": float(self.fill)})
        if not 0 <= self.scale[0] <= self.scale[1] <= 1 or not 0 < self.ratio[0] <= self.ratio[1]:
            raise ValueError(f"scale and ratio go from small to large, shares and positive: {self.scale}, {self.ratio}")

    def __call__(self, pixels: Tensor, drawn: Tensor) -> Tensor:
        """All rectangles as one mask; noise for those that are filled with it."""
        height, width = pixels.shape[2:]
        top, left, tall, wide = self._rectangles(drawn.double(), height, width)
        down, across = torch.arange(height, device=drawn.device), torch.arange(width, device=drawn.device)
        rows = (down >= top[:, None]) & (down < (top + tall)[:, None])
        columns = (across >= left[:, None]) & (across < (left + wide)[:, None])
        hole = (rows[:, :, None] & columns[:, None, :])[:, None]  # (n, 1, h, w)
        if self.fill != "noise":
            filled = pixels.masked_fill(hole, float(self.fill))
        else:
            filled = torch.where(hole, self._noise(pixels, tall > 0, drawn[:, -2:]), pixels)
        return filled.contiguous(memory_format=torch.channels_last)

    def _rectangles(self, drawn: Tensor, height: int, width: int) -> tuple[Tensor, ...]:
        """(n,) top, left, height and width; height 0 where there is none."""
        areas, aspects = drawn[:, 1:-4].view(len(drawn), 2, TRIES).unbind(1)
        area = height * width * (self.scale[0] + areas * (self.scale[1] - self.scale[0]))
        low, high = log(self.ratio[0]), log(self.ratio[1])
        aspect = torch.exp(low + aspects * (high - low))
        tall, wide = (area * aspect).sqrt().round().long(), (area / aspect).sqrt().round().long()
        fits = (tall < height) & (wide < width)
        first = fits.int().argmax(1, keepdim=True)  # the first that fits
        chosen = fits.any(1) & (drawn[:, 0] < self.p)
        tall, wide = (side.gather(1, first)[:, 0] * chosen for side in (tall, wide))
        top = (drawn[:, -4] * (height - tall + 1)).long()
        left = (drawn[:, -3] * (width - wide + 1)).long()
        return top, left, tall, wide

    def _noise(self, pixels: Tensor, wanted: Tensor, drawn: Tensor) -> Tensor:
        """Like ``pixels``, each image from a generator of its own; 0 where none is wanted."""
        n, channels, height, width = pixels.shape
        noise = np.zeros((n, height, width, channels), np.float32)
        for k, name in enumerate(names_of(drawn)):
            if wanted[k]:
                generator(0, "erasing", name).random(out=noise[k], dtype=np.float32)
        return torch.from_numpy(noise).to(pixels.device).permute(0, 3, 1, 2)
