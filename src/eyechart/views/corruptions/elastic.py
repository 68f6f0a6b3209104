"""Elastic transform: an affine map through three moved points, then a smooth field of small shifts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch

from eyechart.views.corruptions.kind import SIDES, Column, Given, Kind, finest
from eyechart.views.corruptions.piecewise import in_pieces

SIDE: Mapping[Column, int] = {"cifar": 32, "tiny": 64, "imagenet": 244}  # 244 as published, for frames of 224 pixels
CUT = 3  # sigmas at which the Gaussian of the shifts ends
PART, FINE = 32, 1024  # OpenCV rounds places to a 32nd of a pixel, its sums before that to a 1024th
FARTHEST = 2.0**29  # in 1/1024 pixel: where a triangle is all but flat, its map leads out of all bounds

Places = tuple[torch.Tensor, torch.Tensor]  # (n, h, w) each: whole pixels, int32, and the part beyond them in [0, 1)


def elastic_transform(given: Given, shift: float, smoothness: float, affine: float) -> torch.Tensor:
    """Moved twice, each time by linear interpolation: see ``affine_places`` and ``shifted_places``.

    Args:
        given: the images.
        shift: factor of the shifts: uniform numbers in [-1, 1], smoothed.
        smoothness: sigma of the Gaussian that smooths them.
        affine: how far each of three points may move, along both axes.

    All three are shares of the frame's shorter side (for the parameters of ImageNet, of 244/224 of it).
    """
    height, width = given.pixels.shape[-2:]
    side = SIDE[given.column] * min(height, width) / SIDES[given.column]
    corners = given.drawn("corners", lambda g: 2 * g.random((3, 2), np.float32) - 1)
    chance = given.drawn(f"shifts.{height}.{width}", lambda g: 2 * g.random((2, height, width), np.float32) - 1)

    def moved(pixels: torch.Tensor, corners: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
        down, right = affine_places(corners * (affine * side), height, width)
        turned = sampled(pixels, down, right, repeated=False)
        if not shift:
            return turned
        down, right = shifted_places(chance, shift * side, smoothness * side)
        return sampled(turned, down, right, repeated=True)

    return in_pieces(given, moved, corners, chance)


def affine_places(moves: torch.Tensor, height: int, width: int) -> tuple[Places, Places]:
    """Where each pixel comes from if three points, a third of the shorter side away from the centre, move.

    Places are rounded to 1/32 pixel exactly as OpenCV's ``warpAffine`` (4.x) does.

    Args:
        moves: (n, 3, 2) of the points to the lower right, upper right and upper left, each (right, down), in pixels.
        height, width: of the frame.

    Returns:
        Rows and columns, (n, h, w) each.
    """
    work = finest(moves.device)
    apart = max(min(height, width) // 3, 1)
    centre = torch.tensor([width // 2, height // 2], dtype=work, device=moves.device)
    points = centre + apart * moves.new_tensor([[1, 1], [1, -1], [-1, -1]], dtype=work)
    moved = (points.float() + moves.float()).to(work)
    back = _map_back(points, moved)  # (n, 2, 3): column and row, from column, row and 1
    x = torch.arange(width, device=moves.device, dtype=work)
    y = torch.arange(height, device=moves.device, dtype=work)
    across, down, offset = back[..., None].unbind(2)  # (n, 2, 1) each
    rows = ((down * y + offset) * FINE).round_().add_(FINE // PART // 2).clamp_(-FARTHEST, FARTHEST).int()
    columns = (across * x * FINE).round_().clamp_(-FARTHEST, FARTHEST).int()
    parts = (rows[..., None] + columns[..., None, :]) >> 5  # (n, 2, h, w), in 1/32 pixel
    (right, down), (behind, below) = (parts >> 5).unbind(1), (parts & 31).float().div_(PART).unbind(1)
    return (down, below), (right, behind)


def _map_back(points: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
    """(n, 2, 3): the affine map that leads from each moved triangle back to the given one; to a point, if it is flat."""
    first, edges = moved[:, :1], (moved[:, 1:] - moved[:, :1])  # (n, 2, 2): an edge a row
    (a, b), (c, d) = (edge.unbind(1) for edge in edges.unbind(1))
    area = (a * d - b * c)[:, None, None]
    inverse = torch.stack([d, -b, -c, a], 1).reshape(-1, 2, 2) / torch.where(area == 0, torch.inf, area)
    linear = (inverse @ (points[1:] - points[0])).mT  # of columns (right, down)
    offset = points[0][None, :, None] - linear @ first.mT
    return torch.cat([linear, offset], 2)


def shifted_places(chance: torch.Tensor, factor: float, sigma: float) -> tuple[Places, Places]:
    """Where each pixel comes from: itself plus ``factor`` times smoothed chance.

    Args:
        chance: (n, 2, h, w) in [-1, 1]: for columns, for rows.
        factor, sigma: in pixels. Smoothing is a Gaussian cut at 3 sigma; borders are mirrored, their pixels repeated.
    """
    height, width = chance.shape[-2:]
    down, across = (torch.from_numpy(smoothing(n, sigma)).to(chance) for n in (height, width))
    shifts = (down @ (chance @ across.T)).mul_(factor)
    floor = shifts.floor()
    parts, whole = shifts.sub_(floor), floor.int()
    rows, columns = (torch.arange(n, device=chance.device, dtype=torch.int32) for n in (height, width))
    return (whole[:, 1] + rows[:, None], parts[:, 1]), (whole[:, 0] + columns, parts[:, 0])


@lru_cache(maxsize=16)
def smoothing(length: int, sigma: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(length, length): ``scipy.ndimage.gaussian_filter1d`` with mode "reflect", cut at 3 sigma, as a matrix."""
    reach = int(CUT * sigma + 0.5)
    across = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * across**2 / max(sigma, 1e-9) ** 2)
    places = (np.arange(length)[:, None] + across) % (2 * length)
    matrix = np.zeros((length, length))
    rows = np.broadcast_to(np.arange(length)[:, None], places.shape)
    np.add.at(matrix, (rows, np.minimum(places, 2 * length - 1 - places)), weights / weights.sum())
    return matrix


def sampled(pixels: torch.Tensor, down: Places, right: Places, repeated: bool) -> torch.Tensor:
    """(n, c, h, w): linear interpolation between the four pixels around each place; outside, the frame is mirrored.

    Args:
        pixels: (n, c, h, w).
        down, right: rows and columns of the places.
        repeated: whether border pixels come twice where the frame is mirrored, as SciPy's "reflect" has it, or once.
    """
    count, channels, height, width = pixels.shape
    rows, columns = _neighbours(down[0], height, repeated), _neighbours(right[0], width, repeated)
    first = torch.arange(count, device=pixels.device, dtype=torch.int32)[:, None, None] * (height * width)
    rows = [row.mul_(width).add_(first) for row in rows]
    shown = torch.zeros((channels, count * height * width), device=pixels.device)
    planes = pixels.transpose(0, 1).reshape(channels, -1)
    for row, lower in zip(rows, (1 - down[1], down[1]), strict=True):
        for column, later in zip(columns, (1 - right[1], right[1]), strict=True):
            place, weight = (row + column).flatten(), (lower * later).flatten()
            for plane, sums in zip(planes, shown, strict=True):
                sums.addcmul_(plane.index_select(0, place), weight)
    return shown.reshape(channels, count, height, width).transpose(0, 1)


def _neighbours(whole: torch.Tensor, length: int, repeated: bool) -> list[torch.Tensor]:
    """Each pixel and the next along an axis, mirrored into it: looked up, which is a fifth of the time of working it out."""
    low, high = (int(end) for end in whole.aminmax())
    period = 2 * length if repeated else max(2 * (length - 1), 1)
    places = torch.arange(low, high + 2, device=whole.device, dtype=torch.int32).remainder_(period)
    inside = places.minimum(period - repeated - places).clamp_(0, length - 1)
    at = (whole - low).flatten()
    return [inside[k:].index_select(0, at).reshape(whole.shape) for k in (0, 1)]


KINDS: Mapping[str, Kind] = {
    "elastic_transform": Kind(
        elastic_transform,
        "digital",
        {
            "cifar": ((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
            "tiny": ((0, 0, 0.08), (0.05, 0.3, 0.06), (0.1, 0.08, 0.06), (0.1, 0.03, 0.03), (0.16, 0.03, 0.02)),
            "imagenet": ((2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02)),
        },
    )
}
