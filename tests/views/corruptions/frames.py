"""Frames to corrupt, and what the published generator does at the end."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from eyechart.core.view import Pixels
from eyechart.views.corruptions.corrupted import Corrupted

Array = np.ndarray[Any, Any]
SIDES = {"cifar": 32, "tiny": 64, "imagenet": 224}


def frames(height: int, width: int, channels: int = 3) -> Array:
    """(4, height, width, channels) uint8: noise; ramps, where sums are whole numbers; plain, with an edge; white and black."""
    rng = np.random.default_rng(height)
    shape = (height, width, channels)
    noise = rng.integers(0, 256, shape)
    ramp = (40 + np.arange(height)[:, None, None] + 2 * np.arange(width)[:, None] + np.zeros(channels)) % 256
    plain = np.where(np.arange(width)[:, None] < width / 2, [91] * channels, [203] * channels) + np.zeros(shape)
    extreme = np.where(np.arange(height)[:, None, None] < height / 3, 255, 0) + np.zeros(shape)
    return np.stack([noise, ramp, plain, extreme]).astype(np.uint8)


def pixels(images: Array, ids: tuple[str, ...] | None = None, seed: int = 5) -> Pixels:
    """As the engine hands them over."""
    tensor = (
        torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255).contiguous(memory_format=torch.channels_last)
    )
    return Pixels(tensor, ids or tuple(f"image {i}" for i in range(len(images))), seed)


def levels(images: Array, corruption: str, severity: int, **settings: Any) -> Array:
    """(n, h, w, c) grey levels after the corruption, as a float array: 255 times the view's pixels."""
    shown = Corrupted(corruption, severity, **settings).render(pixels(images)).pixels
    return np.asarray(shown.double().mul(255).permute(0, 2, 3, 1).numpy())


def whole(levels: Array) -> Array:
    """Levels as uint8, which they must be up to what float32 errs."""
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    return np.rint(levels).astype(np.uint8)


def published(corrupted: Array) -> Array:
    """The end of each of the published corruptions: clip, times 255, cut."""
    return np.uint8(np.clip(corrupted, 0, 1) * 255)
