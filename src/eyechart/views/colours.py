"""Views that take the colour out of an image, or give it a wrong one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.core.view import InputView, Pixels, Shown
from eyechart.views.patches import another_order

LUMINANCE = (0.2125, 0.7154, 0.0721)  # ITU-R BT.709, of pixels as they are, as scikit-image's rgb2gray has it


@dataclass(frozen=True)
class Greyed(InputView):
    """(1 - amount) x + amount * grey(x), grey the weighted sum 0.2125 R + 0.7154 G + 0.0721 B in all channels.

    Attributes:
        amount: 0 (the image as it is) to 1 (no colour).

    Images of one channel are grey already.
    """

    amount: float = 1.0

    def render(self, batch: Pixels) -> Shown:
        """Three planes of one picture, mixed in."""
        if batch.tensor.shape[1] != 3:
            return Shown(batch.tensor.clone(memory_format=torch.channels_last))
        given = batch.tensor
        grey = given.permute(0, 2, 3, 1) @ given.new_tensor(LUMINANCE)
        shown = torch.empty_like(given, memory_format=torch.channels_last)
        for channel in range(3):  # one after the other: a third of the time of all at once
            torch.lerp(given[:, channel], grey, self.amount, out=shown[:, channel])
        return Shown(shown)


@dataclass(frozen=True)
class ChannelShuffle(InputView):
    """Red, green and blue change places, in one of the five other orders for each image, all as likely.

    Attributes:
        number: which order of the image.

    Images of one channel stay as they are.
    """

    number: int = 0

    @property
    def stream(self) -> str:
        """One stream a number."""
        return f"channel_shuffle.{self.number}"

    def render(self, batch: Pixels) -> Shown:
        """Every value is copied."""
        channels = batch.tensor.shape[1]
        each = [another_order(generator(batch.seed, self.stream, i), channels) for i in batch.ids]
        order = torch.from_numpy(np.array(each, np.int64).reshape(-1, channels)).to(batch.tensor.device)
        planes = batch.tensor.permute(0, 2, 3, 1)
        return Shown(planes.gather(3, order[:, None, None, :].expand_as(planes)).permute(0, 3, 1, 2))
