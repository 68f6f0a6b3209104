"""What the model tests share: the shared data, and nets whose normalisations are not trivial."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from eyechart.models.preprocessing import Preprocessing

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not there")
    return SHARED


@pytest.fixture
def seen() -> Preprocessing:
    return Preprocessing(size=(32, 32), resize=32, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25))


@pytest.fixture
def cifar(shared: Path) -> Callable[[int], tuple[Tensor, Tensor]]:
    """sheet -> its images that are present (n, 3, 32, 32) uint8 channels_last, and their labels (n,)."""
    table = np.load(shared / "cifar10" / "test_labels.npz")

    def read(sheet: int) -> tuple[Tensor, Tensor]:
        with Image.open(shared / "cifar10" / f"test_{sheet:02d}.webp") as picture:
            tiles = np.asarray(picture.convert("RGB")).reshape(25, 32, 40, 32, 3).transpose(0, 2, 1, 3, 4)
        here = slice(sheet * 1000, sheet * 1000 + 1000)
        present = table["present"][here]
        images = np.ascontiguousarray(tiles.reshape(1000, 32, 32, 3)[present])
        return torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(
            table["labels"][here][present].astype("i8")
        )

    return read


@pytest.fixture
def shake() -> Callable[[nn.Module], nn.Module]:
    """Give every BatchNorm statistics and gains that matter: with fresh ones, folding could not fail."""

    def shaken(net: nn.Module) -> nn.Module:
        chance = torch.Generator().manual_seed(7)
        for layer in net.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                for tensor, low in ((layer.running_mean, -0.3), (layer.running_var, 0.5), (layer.bias, -0.2)):
                    tensor.data.copy_(low + torch.rand(tensor.shape, generator=chance))
                layer.weight.data.copy_(0.5 + torch.rand(layer.weight.shape, generator=chance))
        return net

    return shaken
