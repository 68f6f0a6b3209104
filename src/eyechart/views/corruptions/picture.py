"""A corrupted picture as it lies in a set: on request saved once more as JPEG, as published ones of 64 and 224 pixels are."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from eyechart.core.view import Pixels, Shown
from eyechart.views.corruptions.corrupted import Corrupted

GENERATOR = 1  # raised whenever a corruption shows other pixels
QUALITY = 85


@dataclass(frozen=True)
class CorruptedPicture(Corrupted):
    """As ``Corrupted``.

    Attributes:
        jpeg85: rounded to 8 bits, saved as JPEG of quality 85 (Pillow's chroma subsampling) and read again. All files of
            ImageNet-C and Tiny ImageNet-C are saved so, those of CIFAR-10-C are not.
    """

    jpeg85: bool = False

    def render(self, batch: Pixels) -> Shown:
        """Corrupt, and save if asked to."""
        shown = super().render(batch)
        if not self.jpeg85:
            return shown
        frames = shown.pixels.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        saved = torch.from_numpy(np.stack([_saved(frame) for frame in frames])).permute(0, 3, 1, 2)
        pixels = saved.to(shown.pixels.device).to(torch.float32).div_(255)
        return Shown(pixels.contiguous(memory_format=torch.channels_last), shown.notes, shown.valid)


def _saved(
    frame: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """One picture (h, w, c) as JPEG, read again."""
    grey = frame.shape[2] == 1
    file = io.BytesIO()
    Image.fromarray(frame[..., 0] if grey else frame).save(file, format="JPEG", quality=QUALITY)
    found = np.asarray(Image.open(file))
    return found[..., None] if grey else found
