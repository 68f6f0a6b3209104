"""Views that add noise of independent pixels to the grey image (Geirhos et al., NeurIPS 2018, arXiv 1808.08750)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.core.view import InputView, Pixels, Shown
from eyechart.views.tones import clipped_to_range, grey_of, in_colour

CONTRAST = 0.3  # theirs, so that weak noise is not clipped


def uniform_draws(batch: Pixels, stream: str) -> torch.Tensor:
    """(n, 1, h, w) uniform on [0, 1), one value a pixel and image, drawn once for all views that name the stream."""

    def made() -> torch.Tensor:
        size = tuple(batch.tensor.shape[-2:])
        each = [generator(batch.seed, stream, i).random(size, dtype=np.float32) for i in batch.ids]
        return torch.from_numpy(np.stack(each)[:, None]).to(batch.tensor.device)

    return batch.shared(("uniform draws", stream), made)


@dataclass(frozen=True)
class UniformNoise(InputView):
    """Grey, contrast lowered, noise uniform on [-width, width) added to every pixel (alike in all channels), clipped to [0, 1].

    Attributes:
        width: of the noise, in units of [0, 1]; 0 adds none.
        contrast: of the image.

    Notes: ``clipped_share``, of the pixels that left [0, 1].
    """

    width: float
    contrast: float = CONTRAST

    @property
    def stream(self) -> str:
        """One for all widths: common random numbers."""
        return "uniform_noise"

    def render(self, batch: Pixels) -> Shown:
        """Scale what was drawn."""
        toned = grey_of(batch) * self.contrast + (1 - self.contrast) / 2
        noisy = toned + self.width * (2 * uniform_draws(batch, self.stream) - 1)
        return clipped_to_range(noisy, batch)


@dataclass(frozen=True)
class SaltAndPepper(InputView):
    """Grey, contrast lowered, and a share of the pixels made white or black, half of them each.

    Attributes:
        share: of the pixels, 0 to 1.
        contrast: of the image.
    """

    share: float
    contrast: float = CONTRAST

    @property
    def stream(self) -> str:
        """One for all shares: what is hit at a small share is hit at a larger one."""
        return "salt_and_pepper"

    def render(self, batch: Pixels) -> Shown:
        """Both ends of what was drawn."""
        toned = grey_of(batch) * self.contrast + (1 - self.contrast) / 2
        drawn = uniform_draws(batch, self.stream)
        noisy = toned.masked_fill(drawn < self.share / 2, 0.0).masked_fill(drawn >= 1 - self.share / 2, 1.0)
        return Shown(in_colour(noisy, batch.tensor.shape[1]))
