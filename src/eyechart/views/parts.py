"""The middle of one image on the shuffled parts of another: an object against a background of another's texture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.core.view import Pixels
from eyechart.views.conflicts import Conflict

Array = np.ndarray[Any, Any]
Shape = Literal["disc", "box"]


@dataclass(frozen=True)
class ObjectOnParts(Conflict):
    """The middle of A, pixel by pixel, and around it B cut into grid x grid tiles in a random order, never their own.

    Objects of photographs lie mostly in the middle; no mask is looked for.

    Attributes:
        shape: of the middle: ``disc``, its diameter a share of the shorter side, or ``box``, its sides a share of the frame's.
        share: that share.
        grid: tiles a side. Rows and columns beyond a multiple of it stay in place.
    """

    shape: Shape = "disc"
    share: float = 0.75
    grid: int = 4

    @property
    def stream(self) -> str:
        """One order of the tiles for each image, whatever is laid on them."""
        return f"shuffled parts.{self.grid}.{self.number}"

    def mixed(self, a: Pixels, b: Pixels) -> torch.Tensor:
        """Copies pixels: nothing is clipped."""
        orders = np.stack([_order(self.grid**2, generator(a.seed, self.stream, i)) for i in a.ids])
        inside = middle(a.tensor.shape[2], a.tensor.shape[3], self.shape, self.share).to(a.tensor.device)
        found = torch.where(inside, a.tensor, shuffled(b.tensor, self.grid, orders))
        return found.contiguous(memory_format=torch.channels_last)


def shuffled(pixels: torch.Tensor, grid: int, orders: Array) -> torch.Tensor:
    """Images (n, c, h, w) cut into grid x grid tiles, put together again in each one's order (n, grid * grid).

    Law: the pixels are the same, elsewhere. Tiles count row by row; what lies beyond the last whole tile stays.
    """
    n, channels, height, width = pixels.shape
    rows, columns = height // grid, width // grid
    whole = pixels[..., : grid * rows, : grid * columns].reshape(n, channels, grid, rows, grid, columns)
    tiles = whole.permute(0, 2, 4, 1, 3, 5).reshape(n, grid * grid, channels, rows, columns)
    each = torch.arange(n, device=pixels.device)[:, None]
    moved = tiles[each, torch.from_numpy(orders).to(pixels.device)].reshape(n, grid, grid, channels, rows, columns)
    found = pixels.clone()
    found[..., : grid * rows, : grid * columns] = moved.permute(0, 3, 1, 4, 2, 5).reshape(
        n, channels, grid * rows, grid * columns
    )
    return found


@lru_cache(maxsize=8)
def middle(height: int, width: int, shape: Shape, share: float) -> torch.Tensor:
    """(height, width) bool: the pixels whose centres lie in the middle of the frame."""
    with torch.inference_mode(False):
        down, across = ((torch.arange(n, device="cpu") + 0.5 - n / 2).abs() for n in (height, width))
        if shape == "disc":
            return torch.hypot(down[:, None], across[None, :]) <= share * min(height, width) / 2
        return (down <= share * height / 2)[:, None] & (across <= share * width / 2)[None, :]


def _order(tiles: int, chance: np.random.Generator) -> Array:
    """A random order that is not the tiles' own; of one tile there is no other."""
    found = chance.permutation(tiles)
    return np.roll(found, 1) if bool((found == np.arange(tiles)).all()) else found
