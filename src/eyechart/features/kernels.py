"""Kernels of the first convolution as pictures."""

from __future__ import annotations

from math import ceil, sqrt
from typing import Any, NamedTuple

import numpy as np

from eyechart.models.image_model import ImageModel

Array = np.ndarray[Any, Any]
LEAST = 3  # pixels a side
ACROSS, GAP, SIZE = 16, 1, 28  # kernels in a row; pixels between them; pixels that a kernel should have at least
GREY = 128


class Kernels(NamedTuple):
    """A picture (h, w, 3) uint8 of all kernels, and what is to be said of it."""

    sheet: Array
    told: str


def kernels_of(model: ImageModel) -> Kernels | None:
    """Those of the first convolution, grey where a weight is 0; None where there are none to see."""
    plain = model.plain
    if plain is None or not plain.convolutions:
        return None
    name = plain.convolutions[0]
    weight = plain.tensors[name].detach().cpu().float().numpy()
    if weight.ndim != 4 or weight.shape[1] not in (1, 3) or min(weight.shape[2:]) < LEAST:
        return None
    most = np.abs(weight).max((1, 2, 3), keepdims=True)
    pictures = np.clip(GREY + 127 * weight / np.where(most > 0, most, 1), 0, 255).round().astype(np.uint8)
    pictures = np.broadcast_to(pictures.transpose(0, 2, 3, 1), (*pictures.shape[:1], *pictures.shape[2:], 3))
    zoom = max(1, ceil(SIZE / max(weight.shape[2:])))
    told = (
        f"{name.removesuffix('.weight')}: {len(weight)} kernels of {weight.shape[2]} x {weight.shape[3]} pixels, grey where a "
        "weight is 0, each scaled to its own largest. Stripes are edges of one direction, patches of colour compare colours."
    )
    return Kernels(_sheet(pictures.repeat(zoom, 1).repeat(zoom, 2)), told)


def _sheet(pictures: Array) -> Array:
    count, height, width, _ = pictures.shape
    columns = min(ACROSS, max(1, ceil(sqrt(2 * count))))
    rows = ceil(count / columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        y, x = (i // columns) * (height + GAP), (i % columns) * (width + GAP)
        sheet[y : y + height, x : x + width] = picture
    return sheet
