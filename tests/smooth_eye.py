"""Models that attacks have to work for, and what they are asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from attacking import batch_of, linear, middling, told
from eyechart.core.view import Pixels, Precision, Shown
from eyechart.models.image_model import ImageModel
from eyechart.models.load import load_model, wrap
from eyechart.models.preprocessing import Preprocessing
from eyechart.views.attacks.attack import Attack
from eyes import SHARED

SIZE = 6
SHARED_NETS = SHARED / "cifar10_nets"


class SmoothEye(nn.Module):
    """A hidden layer of tangents: curved everywhere, the more the larger ``curve``; no kinks on which rounding could decide."""

    def __init__(self, values: int, classes: int, seed: int = 0, scale: float = 1.0, curve: float = 4.0) -> None:
        super().__init__()
        chance = torch.Generator().manual_seed(seed)
        self.first = nn.Parameter(torch.randn(values, 24, generator=chance) * curve / values**0.5)
        self.second = nn.Parameter(torch.randn(24, classes, generator=chance))
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * ((x - 0.5).flatten(1) @ self.first).tanh() @ self.second


class RoundingEye(nn.Module):
    """The eye within, whose answers come in whole numbers: there are no gradients to follow."""

    def __init__(self, eye: nn.Module, levels: int) -> None:
        super().__init__()
        self.eye, self.levels = eye, levels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.levels * self.eye(x)).round()


def seen(eye: nn.Module, size: tuple[int, int] = (SIZE, SIZE), channels: int = 3) -> ImageModel:
    """The eye as a model of frames of ``size``, pixels in [0, 1] as they are."""
    plain = Preprocessing(size=size, resize=size, mean=(0.0,) * channels, std=(1.0,) * channels)
    return wrap(eye, preprocessing=plain, device="cpu")


def smooth(classes: int = 5, seed: int = 0, scale: float = 1.0, curve: float = 4.0) -> ImageModel:
    return seen(SmoothEye(3 * SIZE * SIZE, classes, seed, scale, curve))


def asked(
    model: ImageModel, n: int, seed: int = 0, precision: Precision = "float32", first: int = 0, images: Any = None
) -> Pixels:
    """Images on which the model is right; ids count from ``first``."""
    channels, (height, width) = model.preprocessing.channels, model.preprocessing.size
    if images is None:
        images = np.random.default_rng(seed).integers(0, 256, (n, height, width, channels), dtype=np.uint8)
    return batch_of(model, images[first : first + n], told(model, images[first : first + n]), precision, first)


def fallen(shown: Shown) -> np.ndarray:
    return shown.notes["broken"] == 1


def distances(norm: str, classes: int, n: int, seed: int = 1) -> tuple[ImageModel, np.ndarray, np.ndarray]:
    """A linear eye, images far from 0 and 1, and how far from each the nearest picture is that the eye calls another."""
    model, weight = linear(seed, classes)
    images = middling(n)
    z = images.transpose(0, 3, 1, 2).reshape(n, -1) / 255 @ weight.T
    reach = np.linalg.norm(weight[z.argmax(1)][:, None] - weight, 1 if norm == "linf" else 2, axis=2)
    gap = z.max(1, keepdims=True) - z
    return model, images, (gap / np.where(reach == 0, np.inf, reach) + 1e9 * (reach == 0)).min(1)


def alike(view: Attack, model: ImageModel, n: int) -> None:
    """Images fare alone as among others."""
    together = view.render(asked(model, n))
    whole = asked(model, n)
    images = np.rint(255 * whole.tensor.permute(0, 2, 3, 1).numpy()).astype(np.uint8)
    for i in (n - 1, 0, n // 2):
        alone = view.render(asked(model, 1, first=i, images=images))
        torch.testing.assert_close(alone.pixels[0], together.pixels[i], rtol=0, atol=1e-5)
        assert fallen(alone)[0] == fallen(together)[i]


def robust(name: str, n: int) -> tuple[ImageModel, Pixels]:
    """An adversarially trained net of the shared data, and the first n images of the test set that are there."""
    model = load_model(str(SHARED_NETS / f"{name}_robust.safetensors"), arch=f"eyechart:{name}", device="cpu")
    truth = np.load(SHARED / "cifar10/test_labels.npz")
    sheet = np.asarray(Image.open(SHARED / "cifar10/test_00.webp").convert("RGB"))
    tiles = sheet.reshape(25, 32, 40, 32, 3).swapaxes(1, 2).reshape(1000, 32, 32, 3)
    there = np.flatnonzero(truth["present"][:1000])[:n]
    return model, batch_of(model, tiles[there], truth["labels"][there].astype(np.int64))
