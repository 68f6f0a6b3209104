"""The mean magnitude of a set's images, for ``maco``."""

from __future__ import annotations

import torch

from eyechart.features.colours import magnitude_of
from eyechart.features.looks import decoded_of
from eyechart.images.image_set import ImageSet
from eyechart.images.order import seeded_order
from eyechart.models.image_model import ImageModel

SPECTRA = 500  # images whose magnitudes are averaged


def measured_magnitude(model: ImageModel, images: ImageSet, seed: int, limit: int | None = None) -> torch.Tensor:
    """That of up to 500 images, the first of the seeded order, in the middle square of the model's own frame.

    Returns:
        (c, s, s // 2 + 1), see ``magnitude_of``.
    """
    order = seeded_order(images.ids, images.labels, seed)[: min(SPECTRA, limit or SPECTRA)]
    ids = [images.ids[i] for i in order]
    side = min(model.preprocessing.size)
    batches = (ids[i : i + 50] for i in range(0, len(ids), 50))
    frames = (torch.from_numpy(decoded_of(images, some, model)[1]).permute(0, 3, 1, 2) / 255 for some in batches)
    return magnitude_of(_middle(batch, side) for batch in frames)


def _middle(frames: torch.Tensor, side: int) -> torch.Tensor:
    """The middle square of frames (n, c, h, w)."""
    top, left = (frames.shape[2] - side) // 2, (frames.shape[3] - side) // 2
    return frames[:, :, top : top + side, left : left + side]
