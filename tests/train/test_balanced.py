"""BaSS as training shows it: bit for bit what the method's page says, and safe where the published form is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from eyechart.train.augments.bass import BaSS

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
Array = np.ndarray[Any, Any]


def balanced(plane: Array) -> Array:
    """One channel of a picture, uint8, step by step as in frequency.md, section 13, in float64."""
    height, width = plane.shape
    spectrum = np.fft.fftshift(np.fft.fft2(plane.astype(np.float64)))
    down, across = np.arange(height) - height // 2, np.arange(width) - width // 2
    ring = np.hypot(down[:, None], across[None, :]).astype(int)
    amplitude = np.abs(spectrum + 1e-8)
    largest = amplitude == amplitude.max()
    amplitude[largest] = 0
    rings = range(1, ring.max())
    means = np.array([amplitude[ring == k].mean() for k in rings])
    density, wanted = means / means.sum(), np.log(means) / np.log(means).sum()
    weights = np.ones(ring.max() + 1)
    weights[1:-1] = wanted / density
    shown = np.fft.ifft2(np.fft.ifftshift(spectrum * np.where(largest, 1.0, weights[ring]))).real
    return np.clip(shown, 0, 255).astype(np.uint8)


def sheet(name: str) -> Array:
    """(1000, 3, 32, 32) uint8."""
    with Image.open(SHARED / "cifar10" / name) as picture:
        tiles = np.asarray(picture.convert("RGB")).reshape(25, 32, 40, 32, 3)
    return tiles.transpose(0, 2, 4, 1, 3).reshape(1000, 3, 32, 32)


def as_trained(levels: Array) -> Tensor:
    """(n, 3, h, w) uint8 as the loop hands pictures over."""
    whole = torch.from_numpy(levels).contiguous(memory_format=torch.channels_last)
    return whole.float().div_(255)


@pytest.mark.shared
def test_a_thousand_pictures_are_balanced_bit_for_bit() -> None:
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not there")
    present = np.load(SHARED / "cifar10" / "test_labels.npz")["present"][3000:5000]  # a few places hold no picture
    images = np.concatenate([sheet("test_03.webp"), sheet("test_04.webp")])[present][:1000]
    wanted = np.stack([[balanced(plane) for plane in image] for image in images])
    drawn = torch.linspace(0, 0.999, 1000)[:, None]
    got = BaSS(p=0.5, form="parity")(as_trained(images), drawn).mul(255).round().to(torch.uint8).numpy()
    chosen = drawn[:, 0].numpy() < 0.5
    assert np.array_equal(got[chosen], wanted[chosen])
    assert np.array_equal(got[~chosen], images[~chosen])
    every = BaSS(p=1.0, form="parity")(as_trained(images), drawn).mul(255).round().to(torch.uint8).numpy()
    assert np.array_equal(every, wanted)


def test_black_and_flat_pictures_are_safe() -> None:
    flat = np.stack([np.full((3, 32, 32), level, np.uint8) for level in (0, 1, 100, 255)])
    speck = np.full((1, 3, 32, 32), 100, np.uint8)
    speck[..., 5, 7] = 101
    pictures = as_trained(np.concatenate([flat, speck]))
    once = torch.zeros(5, 1)
    for quantize in ("trunc", "round", "none"):
        got = BaSS(p=1.0, quantize=quantize)(pictures, once)
        assert got.isfinite().all()
        torch.testing.assert_close(got[:4], pictures[:4], atol=1e-6, rtol=0)
        assert (got[4] - pictures[4]).abs().max() < 1.001 / 255
    ramp = as_trained(np.tile(np.linspace(100, 110, 32).astype(np.uint8), (1, 3, 32, 1)))
    assert BaSS(p=1.0)(ramp, once[:1]).isfinite().all()
    assert (BaSS(p=1.0)(ramp, once[:1]) - ramp).abs().max() < 18 / 255  # the published form moves it to both ends
