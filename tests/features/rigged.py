"""Nets whose channels are known: a grating, a colour, and things that go wrong."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor, nn

from eyechart.models.image_model import ImageModel
from eyechart.models.load import wrap
from eyechart.models.preprocessing import Preprocessing

SIDE, FIELD, FREQUENCY, ANGLE = 64, 41, 0.19, 0.6  # cycles a pixel, radians
RED, GRATING, DEAD = 0, 1, 2


class Rigged(nn.Module):
    """Channel 0 likes red, channel 1 a grating, channel 2 nothing; then ReLU, a mean over places, and four classes."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.detect = nn.Conv2d(channels, 3, FIELD, padding=FIELD // 2)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(3, 4)
        with torch.no_grad():
            self.detect.weight.zero_()
            self.detect.bias.zero_()
            self.head.weight[:] = torch.arange(12).view(4, 3) / 12
            self.head.bias.zero_()
            colour = torch.tensor([1.0, -0.5, -0.5])[:channels] if channels == 3 else torch.ones(channels)
            self.detect.weight[RED, :, FIELD // 2, FIELD // 2] = colour
            self.detect.weight[GRATING] = grating(FIELD) / FIELD**2

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.relu(self.detect(x)).mean((2, 3)))


def grating(side: int) -> Tensor:
    """(side, side), under a Hann window, so that its spectrum has one peak; its sum is zero."""
    y, x = torch.meshgrid(torch.arange(side).float(), torch.arange(side).float(), indexing="ij")
    wave = torch.cos(2 * pi * FREQUENCY * (x * torch.cos(torch.tensor(ANGLE)) + y * torch.sin(torch.tensor(ANGLE))))
    window = torch.hann_window(side, periodic=False)
    patch = wave * window[:, None] * window[None]
    return patch - patch.mean()


def model_of(net: nn.Module, channels: int = 3, side: int = SIDE) -> ImageModel:
    """With pixels as they are."""
    preprocessing = Preprocessing(size=(side, side), resize=side, mean=(0.5,) * channels, std=(0.25,) * channels)
    return wrap(net, preprocessing=preprocessing, name="rigged", device="cpu")


def strengths(picture: Tensor) -> Tensor:
    """Magnitude of the spectrum of (c, h, w), as (512, 257), whatever its size."""
    grey = picture.mean(0)
    window = torch.hann_window(len(grey), periodic=False)
    return torch.fft.rfft2((grey - grey.mean()) * window[:, None] * window[None], s=(512, 512)).abs()


def peak(strength: Tensor) -> tuple[float, float]:
    """Cycles a pixel and angle of the strongest wave."""
    row, column = divmod(int(strength.argmax()), strength.shape[1])
    v, u = (row if row < 256 else row - 512) / 512, column / 512
    return (u * u + v * v) ** 0.5, float(torch.atan2(torch.tensor(v), torch.tensor(u)))
