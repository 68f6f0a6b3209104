"""Stimuli whose shape and texture are known from their pixels, and eyes that answer by the one, the other, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eyechart.images.arrays import ArraySet, array_set
from eyechart.images.category_file import built_in
from eyechart.models.image_model import ImageModel
from eyes import seen_by

Array = np.ndarray[Any, Any]
SIXTEEN = tuple(name for name, _ in built_in("imagenet16")[1])
OUTPUTS = (*SIXTEEN, "nothing")
SIZE = 16
STEP = 10  # 8-bit levels from one category to the next


def checkerboard(size: int = SIZE) -> Tensor:
    """+1 and -1 in turns: the finest wave there is."""
    rows = torch.arange(size)
    return 1.0 - 2.0 * ((rows[:, None] + rows) % 2)


def pairs() -> tuple[Array, Array]:
    """Every ordered pair of the 16 categories once: (256,) shapes and textures."""
    return np.repeat(np.arange(16), 16), np.tile(np.arange(16), 16)


def cue_pictures(shapes: Array, textures: Array, coins: Array | None = None, size: int = SIZE) -> Array:
    """Mean red says the shape (coarse), a checkerboard of green the texture (fine), blue is light where a coin says 1."""
    board = checkerboard(size).numpy()
    pixels = np.zeros((len(shapes), size, size, 3))
    pixels[..., 0] = STEP * (shapes + 1)[:, None, None]
    pixels[..., 1] = 128 + board * (STEP / 2 * (textures + 1))[:, None, None]
    pixels[..., 2] = 200 * (np.zeros(len(shapes)) if coins is None else coins)[:, None, None]
    return pixels.astype(np.uint8)


def names(shapes: Array, textures: Array, categories: Sequence[str] = SIXTEEN) -> tuple[str, ...]:
    """As Geirhos et al. name them: ten objects of a shape, three samples of a texture; all names differ."""
    return tuple(
        f"{categories[s]}/{categories[s]}{(s + t) % 10 + 1}-{categories[t]}{(s + 2 * t) % 3 + 1}.png"
        for s, t in zip(shapes, textures, strict=True)
    )


def stimuli(coins: Array | None = None) -> ArraySet:
    """All 256 pairs, 16 of which agree."""
    shapes, textures = pairs()
    return array_set("cues", cue_pictures(shapes, textures, coins), names(shapes, textures), {}, ())


class CueEye(nn.Module):
    """Answers by what it goes by: ``shape``, ``texture``, a ``coin`` between the two, or ``both``, the shape first.

    Logits of 17 outputs: the 16 categories, and "nothing" where it cannot see what it goes by.
    """

    def __init__(self, by: str, size: int = SIZE) -> None:
        super().__init__()
        self.by = by
        self.register_buffer("board", checkerboard(size))

    def forward(self, x: Tensor) -> Tensor:
        shape = (255 * x[:, 0].mean((1, 2)) / STEP).round().long() - 1
        texture = (255 * (x[:, 1] * self.board).mean((1, 2)) / (STEP / 2)).round().long() - 1
        seen = [nn.functional.one_hot(one % 17, 17).float() for one in (shape, texture)]  # -1: the last, nothing
        if self.by == "both":
            some = torch.ones(17)
            some[16] = 0.1
            return (9 * seen[0] + 6 * seen[1]) * some
        if self.by == "coin":
            heads = x[:, 2].mean((1, 2), keepdim=False)[:, None] > 0.4
            return 9 * torch.where(heads, seen[0], seen[1])
        return 9 * seen[self.by == "texture"]


def cue_eye(by: str) -> ImageModel:
    """The eye as a model with names."""
    return seen_by(CueEye(by), SIZE, class_names=OUTPUTS)
