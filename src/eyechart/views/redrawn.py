"""8-bit pictures of a batch, each changed by Pillow: for codecs and filters that must be the library's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
import torch
from PIL import Image

from eyechart.views.threads import in_threads

Array = np.ndarray[Any, Any]
Change = Callable[[Image.Image], Array]


def redrawn(pixels: torch.Tensor, change: Change) -> torch.Tensor:
    """``change`` of every image, in threads.

    Args:
        pixels: (n, c, h, w) in [0, 1]. Three channels are one picture in colour; any other number are as many grey ones.
        change: gives the levels (h, w) or (h, w, 3) of a picture of the same size and mode.

    Returns:
        (n, c, h, w) uint8 levels, channels_last.
    """
    frames = pixels.detach().permute(0, 2, 3, 1).cpu().numpy()
    changed = levels_of(frames)

    def work(image: int) -> None:
        changed[image] = _redrawn(changed[image], change)

    in_threads(work, len(frames), frames[:1].size)
    return torch.from_numpy(changed).to(pixels.device).permute(0, 3, 1, 2)


def levels_of(frames: Array) -> Array:
    """(n, h, w, c) uint8 of values in [0, 1], rounded."""
    levels, room = np.empty(frames.shape, np.uint8), np.empty(frames.shape[1:], frames.dtype)
    for k, frame in enumerate(frames):
        np.multiply(frame, 255, out=room)
        np.add(room, 0.5, out=room)
        levels[k] = room  # cut to whole numbers
    return levels


def _redrawn(levels: Array, change: Change) -> Array:
    """One image (h, w, c) uint8."""
    if levels.shape[2] == 3:
        return change(Image.fromarray(levels))
    planes = np.ascontiguousarray(levels.transpose(2, 0, 1))
    return np.stack([change(Image.fromarray(plane)) for plane in planes], axis=-1)


def saved_as_jpeg(picture: Image.Image, quality: int) -> Array:
    """Saved and read again, with Pillow's defaults: colour is kept at half the resolution (4:2:0)."""
    file = BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def jpeg(quality: int) -> Change:
    """``saved_as_jpeg`` at that quality, 1 to 95."""
    return partial(saved_as_jpeg, quality=quality)
