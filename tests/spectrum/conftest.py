"""Natural images for the spectrum tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image
from torch import Tensor

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

settings.register_profile(
    "untimed", deadline=None
)  # the first call pays for threads and caches, and machines are shared
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def cifar() -> Tensor:
    """The 9,979 lossless CIFAR-10 test images: (n, 3, 32, 32) uint8."""
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not there")
    sheets = []
    for sheet in range(10):
        with Image.open(SHARED / "cifar10" / f"test_{sheet:02d}.webp") as picture:
            tiles = np.asarray(picture.convert("RGB")).reshape(25, 32, 40, 32, 3).transpose(0, 2, 4, 1, 3)
        sheets.append(tiles.reshape(1000, 3, 32, 32))
    present = np.load(SHARED / "cifar10" / "test_labels.npz")["present"]
    return torch.from_numpy(np.concatenate(sheets)[present])
