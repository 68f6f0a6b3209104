"""Images made smaller, at a random place of a black frame (as in Azulay & Weiss, JMLR 20(184), 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from eyechart.train.augment import Augment
from eyechart.train.augments.lines import placed, stretched
from eyechart.train.augments.shares import check_share


@dataclass(frozen=True)
class Embed(Augment):
    """The whole image in a part of the frame, sides scaled alike, its place uniform over all that hold it, black around it.

    Resized linearly with antialiasing, to whole pixels. Sizes are ours: the paper tests such images, and trains with crops.

    Attributes:
        smallest, largest: side of the picture as a share of the frame's; uniform between.
        p: probability; the others fill the frame, as they are.
    """

    title: ClassVar[str] = "The image is made smaller and put somewhere on black."
    numbers: ClassVar[int] = 4
    smallest: float = 0.5
    largest: float = 1.0
    p: float = 1.0

    def __post_init__(self) -> None:
        check_share(smallest=self.smallest, largest=self.largest, p=self.p)
        if not 0 < self.smallest <= self.largest:
            raise ValueError(f"smallest is above 0 and at most largest: {self.smallest}, {self.largest}")

    def __call__(self, pixels: Tensor, drawn: Tensor) -> Tensor:
        """A matrix for each image's rows, and one for its columns."""
        size = self.smallest + drawn[:, 1] * (self.largest - self.smallest)
        size = torch.where(drawn[:, 0] < self.p, size, 1.0).double()
        down, across = (
            _embedded(length, (size * length).round().clamp_min(1), place)
            for length, place in zip(pixels.shape[2:], drawn[:, 2:].double().unbind(1), strict=True)
        )
        return placed(pixels, down, across)


def _embedded(length: int, side: Tensor, place: Tensor) -> Tensor:
    """The whole line on ``side`` pixels of it, from a drawn one on."""
    whole = torch.zeros_like(side), torch.full_like(side, length)
    return stretched(length, whole, ((place * (length - side + 1)).floor(), side))
