"""The frame cut into square tiles that change places, or turn where they are: outlines are lost, what is in a tile is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.core.view import InputView, Pixels, Shown

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class PatchShuffle(InputView):
    """Tiles of a ``grid`` x ``grid`` division, put in another order for each image: every order but the first is as likely.

    Attributes:
        grid: tiles along each side; 1 shows the image as it is.
        number: which order of the image.

    Raises:
        ValueError: the grid does not divide the frame.
    """

    grid: int
    number: int = 0

    @property
    def stream(self) -> str:
        """One stream a number; orders of different grids are different in any case."""
        return f"patch_shuffle.{self.number}"

    def render(self, batch: Pixels) -> Shown:
        """Every pixel is copied, once for all views that start from it."""
        height, width = batch.tensor.shape[-2:]
        tile_size((height, width), self.grid)
        orders = drawn_orders(batch, self.stream, self.grid**2)
        return Shown(batch.shared(self, lambda: shuffled(batch.tensor, self.grid, orders)))


@dataclass(frozen=True)
class PatchRotation(InputView):
    """Tiles of a ``grid`` x ``grid`` division, each turned by 0, 90, 180 or 270 degrees, all as likely, in its place.

    Attributes:
        grid: tiles along each side.
        number: which turns of the image.

    Raises:
        ValueError: the grid does not divide the frame, or its tiles are not square.
    """

    grid: int
    number: int = 0

    @property
    def stream(self) -> str:
        """One stream a number."""
        return f"patch_rotation.{self.number}"

    def render(self, batch: Pixels) -> Shown:
        """Every pixel is copied."""
        planes = batch.tensor.permute(0, 2, 3, 1).contiguous()
        n, height, width, channels = planes.shape
        tall, wide = tile_size((height, width), self.grid)
        if tall != wide:
            raise ValueError(f"tiles of {tall} x {wide} pixels do not fit into their place when turned")
        tiles = self.grid**2
        turns = _drawn(batch, self.stream, lambda rng: rng.integers(4, size=tiles), tiles)
        sources = _turned(self.grid, tall, width, planes.device)  # (tiles, 4, side, side)
        each = torch.arange(tiles, device=planes.device)
        index = sources[each, turns].view(n, self.grid, self.grid, tall, tall).permute(0, 1, 3, 2, 4)
        index = index.reshape(n, height * width) + height * width * torch.arange(n, device=planes.device)[:, None]
        moved = planes.view(-1, channels).index_select(0, index.view(-1))
        return Shown(moved.view(n, height, width, channels).permute(0, 3, 1, 2))


def shuffled(pixels: torch.Tensor, grid: int, orders: torch.Tensor) -> torch.Tensor:
    """Images cut into grid x grid tiles and put together in another order. What lies beyond the last whole tile stays.

    Args:
        pixels: (n, c, h, w).
        grid: tiles along each side.
        orders: (n, grid * grid) of whole numbers: which tile comes to each place, both counted row by row.

    Returns:
        (n, c, h, w), channels_last.

    Raises:
        ValueError: there are more tiles along a side than pixels.
    """
    if grid > min(pixels.shape[2:]):
        raise ValueError(f"{grid} tiles along a side of {min(pixels.shape[2:])} pixels")
    planes = pixels.permute(0, 2, 3, 1).contiguous()
    n, height, width, channels = planes.shape
    tall, wide = height // grid, width // grid
    down, across = grid * tall, grid * wide
    order = orders.view(n, grid, 1, grid).expand(-1, -1, tall, -1).reshape(n, down, grid)
    within = torch.arange(down, device=planes.device)[:, None] % tall
    each = torch.arange(n, device=planes.device)[:, None, None]
    strips = planes[:, :down, :across].reshape(n, down, grid, wide * channels)  # rows of tiles, copied whole
    moved = strips[each, order // grid * tall + within, order % grid].view(n, down, across, channels)
    if (down, across) != (height, width):
        planes = planes.clone()
        planes[:, :down, :across] = moved
        moved = planes
    return moved.permute(0, 3, 1, 2)


def tile_size(size: tuple[int, int], grid: int) -> tuple[int, int]:
    """(height, width) of a tile in pixels. Raises ValueError if the grid does not divide the frame."""
    if grid < 1 or size[0] % grid or size[1] % grid:
        raise ValueError(f"a grid of {grid} x {grid} tiles does not divide a frame of {size[0]} x {size[1]} pixels")
    return size[0] // grid, size[1] // grid


def another_order(rng: np.random.Generator, count: int) -> Array:
    """An order of ``count`` things other than 0, 1, 2 ..., every other as likely; that one, if there is no other."""
    order = rng.permutation(count)
    while count > 1 and (order == np.arange(count)).all():
        order = rng.permutation(count)
    return order


def drawn_orders(batch: Pixels, stream: str, count: int) -> torch.Tensor:
    """(n, count): ``another_order`` of each image, from its own generator."""
    return _drawn(batch, stream, lambda rng: another_order(rng, count), count)


def _drawn(batch: Pixels, stream: str, draw: Callable[[np.random.Generator], Array], count: int) -> torch.Tensor:
    """(n, count) whole numbers, those of each image from its own generator."""
    each = [draw(generator(batch.seed, stream, i)) for i in batch.ids]
    return torch.from_numpy(np.array(each, np.int64).reshape(-1, count)).to(batch.tensor.device)


def _turned(grid: int, side: int, width: int, device: torch.device) -> torch.Tensor:
    """(tiles, 4, side, side): where each pixel of a tile comes from when it is turned by 0 to 3 quarters, anticlockwise."""
    here = torch.arange(grid * side * width, device=device).view(grid, side, grid, side).transpose(1, 2)
    tiles = here.reshape(grid * grid, side, side)
    return torch.stack([tiles.rot90(quarter, (1, 2)) for quarter in range(4)], dim=1)
