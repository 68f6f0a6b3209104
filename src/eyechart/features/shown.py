"""How a picture is shown to the net while it is made: moved, turned, scaled and cut by chance, each picture by its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Chances = Sequence[np.random.Generator]

FIRST, LAST = 8, 4  # pixels: how far it is moved before and after it is turned
SCALES = np.linspace(0.9, 1.1, 11)
DEGREES = np.array([*range(-10, 11), 0, 0, 0, 0, 0], float)
GREY = 0.5


def draw_motions(chances: Chances) -> Array:
    """For each picture a turn (radians), a scale and a shift right and down (pixels): (n, 4).

    As tensorflow/lucid: moved by 0 to 8 pixels, scaled by 0.90 to 1.10, turned by up to 10 degrees (not at all in a fifth
    of all cases and more), moved by 0 to 4.
    """
    found = []
    for chance in chances:
        early = chance.integers(0, FIRST + 1, 2) - FIRST / 2
        scale, turn = chance.choice(SCALES), np.deg2rad(chance.choice(DEGREES))
        late = chance.integers(0, LAST + 1, 2) - LAST / 2
        found.append([turn, scale, *(early + late)])
    return np.array(found)


def moved(pictures: Tensor, motions: Array, side: int) -> Tensor:
    """Pictures (n, c, s, s) with a border of grey, each under its own motion, as squares of ``side`` pixels, bilinearly.

    The picture fills the frame, but for its motion: what the net sees has the scale at which the picture is scored in the end.
    (Published code shows 12 more pixels, of the grey around it, in the same frame.) All is one resampling.
    """
    size = pictures.shape[2]
    n = len(pictures)
    turn, scale, right, down = (torch.from_numpy(motions[:, i]).to(pictures) for i in range(4))
    cos, sin = torch.cos(turn) / scale, torch.sin(turn) / scale
    theta = torch.zeros(n, 2, 3, dtype=pictures.dtype, device=pictures.device)
    theta[:, 0, 0], theta[:, 0, 1], theta[:, 0, 2] = cos, -sin, right * 2 / size
    theta[:, 1, 0], theta[:, 1, 1], theta[:, 1, 2] = sin, cos, down * 2 / size
    grid = functional.affine_grid(theta, [n, pictures.shape[1], side, side], align_corners=False)
    return functional.grid_sample(pictures - GREY, grid, padding_mode="zeros", align_corners=False) + GREY


def draw_crops(chances: Chances, count: int, mean_side: float) -> Array:
    """For each picture ``count`` squares: centre right and down, and side, as shares of the picture's: (n, count, 3).

    As Fel et al. (NeurIPS 2023): centres normal (0.5, 0.15), sides normal (``mean_side``, 0.05) within 0.05 to 1.
    """
    found = []
    for chance in chances:
        centres = chance.normal(0.5, 0.15, (count, 2))
        sides = np.clip(chance.normal(mean_side, 0.05, (count, 1)), 0.05, 1)
        found.append(np.concatenate([centres, sides], 1))
    return np.stack(found)


def cropped(pictures: Tensor, crops: Array, side: int) -> Tensor:
    """Squares (n x count, c, side, side) cut from pictures (n, c, s, s), those of a picture beside each other.

    What lies beyond the picture is its reflection, where the published code has black.
    """
    count = crops.shape[1]
    flat = torch.from_numpy(crops.reshape(-1, 3)).to(pictures)
    theta = torch.zeros(len(flat), 2, 3, dtype=pictures.dtype, device=pictures.device)
    theta[:, 0, 0] = theta[:, 1, 1] = flat[:, 2]
    theta[:, :, 2] = 2 * flat[:, :2] - 1
    grid = functional.affine_grid(theta, [len(flat), pictures.shape[1], side, side], align_corners=False)
    # A picture's crops are one tall crop of it: no copy for each.
    tall = grid.view(-1, count * side, side, 2)
    found = functional.grid_sample(pictures, tall, padding_mode="reflection", align_corners=False)
    found = found.reshape(*found.shape[:2], count, side, side)
    return found.movedim(2, 1).flatten(0, 1)


def rolled(pictures: Tensor, shifts: Sequence[tuple[int, int]]) -> Tensor:
    """Each picture (n, c, h, w) moved round by its own (down, right) in pixels."""
    if not any(any(shift) for shift in shifts):
        return pictures
    return torch.stack([picture.roll(shift, (1, 2)) for picture, shift in zip(pictures, shifts, strict=True)])
