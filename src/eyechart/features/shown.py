"""How a picture is shown to the net while it is made: moved, turned, scaled and cut by chance, each picture by its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Array = np.ndarray[Any, Any]
Chances = Sequence[np.random.Generator]

FIRST, LAST = 8, 4  # pixels: how far it is moved before and after it is turned
SCALES = np.linspace(0.9, 1.1, 11)
DEGREES = np.array([*range(-10, 11), 0, 0, 0, 0, 0], float)
GREY = 0.5


def draw_motions(chances: Chances, steps: int) -> Array:
    """For each step and picture a turn (radians), a scale and a shift right and down (pixels): (steps, n, 4).

    As tensorflow/lucid: moved by 0 to 8 pixels, scaled by 0.90 to 1.10, turned by up to 10 degrees (not at all in a fifth
    of all cases and more), moved by 0 to 4. All steps are drawn at once; the first steps are the same however many follow.
    """
    drawn = np.stack([chance.random((steps, 6)) for chance in chances], 1)
    early, late = (np.floor(drawn[..., i : i + 2] * (most + 1)) - most / 2 for i, most in ((0, FIRST), (2, LAST)))
    scale, turn = SCALES[_places(drawn[..., 4], SCALES)], np.deg2rad(DEGREES[_places(drawn[..., 5], DEGREES)])
    return np.concatenate([turn[..., None], scale[..., None], early + late], -1)


def motion_maps(motions: Array, size: int) -> Tensor:
    """Motions (..., 4) of pictures of ``size`` pixels as the maps (..., 2, 3) that ``moved`` takes."""
    turn, scale, right, down = (motions[..., i] for i in range(4))
    cos, sin = np.cos(turn) / scale, np.sin(turn) / scale
    rows = [[cos, -sin, right * 2 / size], [sin, cos, down * 2 / size]]
    return torch.from_numpy(np.stack([np.stack(row, -1) for row in rows], -2)).float()


def moved(pictures: Tensor, maps: Tensor, side: int) -> Tensor:
    """Pictures (n, c, s, s) with a border of grey, each under its own motion, as squares of ``side`` pixels, bilinearly.

    The picture fills the frame, but for its motion: what the net sees has the scale at which the picture is scored in the end.
    (Published code shows 12 more pixels, of the grey around it, in the same frame.) A picture that is larger than the frame
    is made smaller first, antialiased.

    Args:
        pictures: to be shown.
        maps: (n, 2, 3), see ``motion_maps``.
        side: of the frame.
    """
    smaller = resized(pictures, min(side, pictures.shape[2]))
    grid = functional.affine_grid(maps, [len(pictures), pictures.shape[1], side, side], align_corners=False)
    return functional.grid_sample(smaller - GREY, grid, padding_mode="zeros", align_corners=False) + GREY


def resized(pictures: Tensor, side: int) -> Tensor:
    """Squares (n, c, s, s) of another side, bilinear, antialiased where it is smaller."""
    if pictures.shape[2:] == (side, side):
        return pictures
    smaller = side < pictures.shape[2]
    return functional.interpolate(pictures, (side, side), mode="bilinear", align_corners=False, antialias=smaller)


def draw_crops(chances: Chances, count: int, mean_sides: Array) -> Array:
    """For each step and picture ``count`` squares: centre right and down, and side, as shares of the picture's.

    As Fel et al. (NeurIPS 2023): centres normal (0.5, 0.15), sides normal (their mean, 0.05) within 0.05 to 1.

    Args:
        chances: of the pictures.
        count: squares a picture and step.
        mean_sides: (steps,).

    Returns:
        (steps, n, count, 3).
    """
    drawn = np.stack([chance.normal(0, 1, (len(mean_sides), count, 3)) for chance in chances], 1)
    sides = np.clip(mean_sides[:, None, None] + 0.05 * drawn[..., 2], 0.05, 1)
    return np.concatenate([0.5 + 0.15 * drawn[..., :2], sides[..., None]], -1)


def cropped(pictures: Tensor, crops: Tensor, side: int, mean_side: float) -> Tensor:
    """Squares (n x count, c, side, side) cut from pictures (n, c, s, s), those of a picture beside each other.

    What lies beyond the picture is its reflection, where the published code has black. Where a crop of ``mean_side`` has more
    pixels than the frame, the whole picture is first made so small, antialiased, that it has as many.

    Args:
        pictures: to be cut.
        crops: (n, count, 3) on their device, see ``draw_crops``.
        side: of the frames.
        mean_side: of the crops, as a share of the picture's.
    """
    count, flat = crops.shape[1], crops.flatten(0, 1)
    theta = torch.zeros(len(flat), 2, 3, dtype=pictures.dtype, device=pictures.device)
    theta[:, 0, 0] = theta[:, 1, 1] = flat[:, 2]
    theta[:, :, 2] = 2 * flat[:, :2] - 1
    grid = functional.affine_grid(theta, [len(flat), pictures.shape[1], side, side], align_corners=False)
    # A picture's crops are one tall crop of it: no copy for each.
    tall = grid.view(-1, count * side, side, 2)
    pictures = resized(pictures, min(pictures.shape[2], round(side / mean_side)))
    found = functional.grid_sample(pictures, tall, padding_mode="reflection", align_corners=False)
    found = found.reshape(*found.shape[:2], count, side, side)
    return found.movedim(2, 1).flatten(0, 1)


def windows(tiles: Tensor, corners: Tensor, side: int) -> Tensor:
    """Squares (n x count, c, side, side) of tiles (n, t, t, c), which go on round their borders.

    ``corners``: (n, count, 2), row and column of each.
    """
    along = torch.arange(side, device=tiles.device)
    rows, columns = ((corners[..., i, None] + along) % tiles.shape[1] for i in (0, 1))  # (n, count, side)
    each = torch.arange(len(tiles), device=tiles.device)[:, None, None, None]
    return tiles[each, rows[..., None], columns[..., None, :]].flatten(0, 1).permute(0, 3, 1, 2)


def rolled(pictures: Tensor, shifts: Tensor) -> Tensor:
    """Each picture (n, c, h, w) moved round by its own shift (n, 2), down and right in pixels."""
    for axis in (2, 3):
        places = torch.arange(pictures.shape[axis], device=pictures.device) - shifts[:, axis - 2, None]
        shape = [len(pictures), 1, 1, 1]
        shape[axis] = -1
        pictures = pictures.gather(axis, (places % pictures.shape[axis]).view(shape).expand_as(pictures))
    return pictures


def _places(drawn: Array, values: Array) -> Array:
    return np.asarray(np.floor(drawn * len(values)), np.int64)
