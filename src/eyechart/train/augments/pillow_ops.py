"""Pillow's operations that AugMix is made of, on batches: equal to Pillow's on 8-bit pictures, each with a strength of its own.

Pictures are (n, h, w, c) uint8, strengths (n,). Each function gives a new tensor.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEVELS = 256


def autocontrast(x: Tensor) -> Tensor:
    """Each channel stretched to 0..255; a flat one stays."""
    flat = x.flatten(1, 2).double()
    low, high = flat.amin(1), flat.amax(1)  # (n, c)
    spread = high - low
    scale = torch.where(spread > 0, 255 / spread.clamp_min(1), 1.0)
    offset = torch.where(spread > 0, -low * scale, 0.0)
    grey = torch.arange(LEVELS, device=x.device, dtype=torch.float64)
    table = (grey * scale[..., None] + offset[..., None]).trunc().clamp(0, 255).to(torch.uint8)
    return looked_up(x, table)


def equalize(x: Tensor) -> Tensor:
    """Each channel's histogram made as flat as a table of grey levels can."""
    n, _, _, c = x.shape
    row = torch.arange(n * c, device=x.device).view(n, 1, c) * LEVELS
    counts = (x.flatten(1, 2).long() + row).flatten().bincount(minlength=n * c * LEVELS).view(n, c, LEVELS)
    last = LEVELS - 1 - (counts.flip(-1) > 0).int().argmax(-1)
    step = (counts.sum(-1) - counts.gather(-1, last[..., None])[..., 0]) // 255
    before = counts.cumsum(-1) - counts + step[..., None] // 2
    table = (before // step.clamp_min(1)[..., None]).clamp_max(255)
    still = (step == 0) | ((counts > 0).sum(-1) <= 1)
    grey = torch.arange(LEVELS, device=x.device)
    return looked_up(x, torch.where(still[..., None], grey, table).to(torch.uint8))


def posterize(x: Tensor, bits: Tensor) -> Tensor:
    """Only the highest ``bits`` of 8 are kept."""
    mask = (256 - (1 << (8 - bits.long()))).to(torch.uint8)
    return x & _by_image(mask)


def solarize(x: Tensor, threshold: Tensor) -> Tensor:
    """What reaches the threshold becomes its negative."""
    return torch.where(x.int() < _by_image(threshold.int()), x, 255 - x)


def affine(x: Tensor, matrix: Tensor) -> Tensor:
    """Each pixel is fetched from where ``matrix`` (n, 2, 3) sends its centre, between pixels linearly, black beyond.

    Pillow's AFFINE with BILINEAR: rows of the matrix give the column and the row to fetch.
    """
    n, height, width, c = x.shape
    matrix = matrix.double()
    across = torch.arange(width, device=x.device, dtype=torch.float64) + 0.5
    down = (torch.arange(height, device=x.device, dtype=torch.float64) + 0.5)[:, None]
    column, row = (
        m[:, 0, None, None] * across + m[:, 1, None, None] * down + m[:, 2, None, None] for m in matrix.unbind(1)
    )
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    column, row = column - 0.5, row - 0.5
    left, top = column.floor(), row.floor()
    dx, dy = (column - left)[..., None], (row - top)[..., None]
    flat = x.reshape(n, height * width, c)

    def at(r: Tensor, k: Tensor) -> Tensor:
        place = r.clamp(0, height - 1).long() * width + k.clamp(0, width - 1).long()
        return flat.gather(1, place.flatten(1)[..., None].expand(-1, -1, c)).view(n, height, width, c).double()

    upper = torch.lerp(at(top, left), at(top, left + 1), dx)
    lower = torch.lerp(at(top + 1, left), at(top + 1, left + 1), dx)
    return (torch.lerp(upper, lower, dy) * inside[..., None]).to(torch.uint8)


def rotation(degrees: Tensor, height: int, width: int) -> Tensor:
    """(n, 2, 3): the matrix with which Pillow rotates about the centre, against the clock."""
    angle = -torch.deg2rad(degrees.double())
    cos, sin = torch.cos(angle), torch.sin(angle)
    zero = torch.zeros_like(cos)
    turn = torch.stack([torch.stack([cos, sin, zero], 1), torch.stack([-sin, cos, zero], 1)], 1)
    middle = torch.tensor([width / 2, height / 2], dtype=torch.float64, device=degrees.device)
    turn[:, :, 2] = middle - turn[:, :, :2] @ middle
    return turn


def blended(x: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """other + factor * (x - other), cut to 0..255 and to whole numbers: Pillow's enhancers."""
    mixed = other.float() + _by_image(factor.float()) * (x.float() - other.float())
    return mixed.clamp(0, 255).to(torch.uint8)


def grey(x: Tensor) -> Tensor:
    """Pillow's L of RGB, (n, h, w, 1) uint8; one channel is its own."""
    if x.shape[-1] != 3:
        return x
    weights = torch.tensor([19595, 38470, 7471], device=x.device, dtype=torch.int64)
    return (((x.long() * weights).sum(-1, keepdim=True) + 0x8000) >> 16).to(torch.uint8)


def mean_grey(x: Tensor) -> Tensor:
    """The mean of the grey picture as a flat one, (n, 1, 1, 1) uint8."""
    return (grey(x).flatten(1).double().mean(1) + 0.5).to(torch.uint8).view(-1, 1, 1, 1)


def smoothed(x: Tensor) -> Tensor:
    """Pillow's SMOOTH filter: 5 in the middle of 1s, over 13; the border stays."""
    if min(x.shape[1:3]) < 3:
        return x.clone()
    maps = x.permute(0, 3, 1, 2).float()
    kernel = torch.ones(3, 3, device=x.device)
    kernel[1, 1] = 5
    c = maps.shape[1]
    inner = torch.nn.functional.conv2d(maps, (kernel / 13).expand(c, 1, 3, 3), groups=c)
    shown = x.clone()
    shown[:, 1:-1, 1:-1] = (inner + 0.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    return shown


def looked_up(x: Tensor, table: Tensor) -> Tensor:
    """Grey levels replaced by those of a table (n, c, 256)."""
    n, height, width, c = x.shape
    index = x.permute(0, 3, 1, 2).reshape(n, c, -1).long()
    return table.gather(2, index).view(n, c, height, width).permute(0, 2, 3, 1).contiguous()


def _by_image(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)
