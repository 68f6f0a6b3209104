"""How strong gradients are at each frequency: tensors of half planes, nothing of exams."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

import torch

from eyechart.spectrum.density import energy_plane, grey
from eyechart.spectrum.grid import Units, half_plane_weights, radius_map, ring_sums, rings, unique_half_plane

Columns = Literal["unique", "parity"]
Channel = Literal["rms", "mean"]
ROUNDING = 1e-5  # of the root mean square: below it, float32 gradients hold nothing but rounding
PARITY_FLOOR = 1e-8  # what the authors' code adds to every magnitude
MOST_CELLS = 33
_outside_inference_mode = torch.inference_mode(False)


class Grid(NamedTuple):
    """Coefficients of the half plane of frames (h, w), row by row: p = h * (w // 2 + 1).

    Attributes:
        radii: (p,) float64, in cycles per image.
        weights: (p,) float64, how often each stands in the full plane.
        ranked: (m,) int64, those that take part in the ranking.
    """

    radii: torch.Tensor
    weights: torch.Tensor
    ranked: torch.Tensor


@lru_cache(maxsize=16)
def grid(height: int, width: int, columns: Columns, units: Units, device: str) -> Grid:
    """Radii, weights, and which coefficients are ranked: one of each mirror pair (``unique``), or all (``parity``)."""
    with _outside_inference_mode:
        radii = radius_map(height, width, units).flatten()
        weights = half_plane_weights(width).expand(height, -1).flatten()
        unique = unique_half_plane(height, width).flatten().nonzero()[:, 0]
        ranked = unique if columns == "unique" else torch.arange(len(radii))
        return Grid(radii.to(device), weights.to(device), ranked.to(device))


def strength(gradients: torch.Tensor, channel: Channel = "rms") -> torch.Tensor:
    """G = |fft2(g)| of gradients (n, c, h, w) on the half plane: (n, h, w // 2 + 1) float64.

    ``rms``: root of the mean of |fft2(g)|^2 over channels; ``mean``: of the gradients' mean over channels. What lies below
    1e-5 of an image's root mean square over all frequencies is rounding, and set to 0.
    """
    exact = gradients.double()
    planes = exact if channel == "rms" else exact.mean(1, keepdim=True)
    coefficients = torch.fft.rfft2(planes)
    power = (coefficients.real**2 + coefficients.imag**2).mean(1)
    least = ROUNDING**2 * planes.square().sum((2, 3)).mean(1)  # Parseval: the mean of |fft2(g)|^2 over frequencies
    return torch.where(power >= least[:, None, None], power, 0.0).sqrt()


def ordered(strengths: torch.Tensor, ranked: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Strengths (n, p) of the ranked coefficients from strong to weak, and which they are, in 0..p-1: both (n, m)."""
    values, order = strengths[:, ranked].sort(dim=1, descending=True, stable=True)
    return values, ranked[order]


def gini(falling: torch.Tensor) -> torch.Tensor:
    """Gini coefficient of each row of (n, m) falling numbers >= 0: 0 = all alike, near 1 = one has all; NaN if none has any.

    >>> gini(torch.tensor([[1.0, 1.0], [1.0, 0.0]])).tolist()
    [0.0, 0.5]
    """
    m = falling.shape[1]
    place = torch.arange(m, device=falling.device, dtype=falling.dtype)
    total = falling.sum(1)
    uneven = (falling * (m - 1 - 2 * place)).sum(1) / m
    return torch.where(total > 0, uneven / torch.where(total > 0, total, 1.0), torch.nan)


def share_beyond(plane: torch.Tensor, radii: torch.Tensor, beyond: torch.Tensor) -> torch.Tensor:
    """Share of each plane (n, p) of weighted powers at D > ``beyond`` (n, k): (n, k); NaN without power or radius."""
    total = plane.sum(1)
    shares = [(plane * (radii > radius[:, None])).sum(1) for radius in beyond.unbind(1)]
    known = (total[:, None] > 0) & ~beyond.isnan()
    share = torch.stack(shares, 1) / torch.where(total > 0, total, 1.0)[:, None]
    return torch.where(known, share.clamp(0, 1), torch.nan)


def ring_means(strengths: torch.Tensor, width: int, units: Units) -> torch.Tensor:
    """Mean strength of each ring k <= D < k + 1 of half planes (n, h, w // 2 + 1), over the full plane: (n, rings)."""
    on = rings(strengths.shape[1], width, "floor", units, str(strengths.device))
    weights = half_plane_weights(width).to(strengths.device)
    return ring_sums(strengths * weights, on) / on.counts


def image_power(pixels: torch.Tensor) -> torch.Tensor:
    """Weighted powers of the grey picture of pixels (n, c, h, w) without zero frequency: (n, h, w // 2 + 1) float64."""
    exact = pixels.double()
    plane = energy_plane(grey(exact) if exact.shape[1] == 3 else exact.mean(1))
    plane[:, 0, 0] = 0.0
    return plane


class Cells(NamedTuple):
    """The half fx >= 0 of the plane in square cells around zero frequency, an odd number of frequencies wide.

    Attributes:
        places: (ny, nx) int64, of the coefficient of the half plane at each frequency.
        down, across: (cells, ny), (cells, nx) float64, which average frequencies into cells.
        width: of a cell, in cycles per image.
    """

    places: torch.Tensor
    down: torch.Tensor
    across: torch.Tensor
    width: int

    def means(self, strengths: torch.Tensor) -> torch.Tensor:
        """Mean strength in each cell of planes (n, p): (n, rows, columns)."""
        return self.down @ strengths[:, self.places] @ self.across.T


@lru_cache(maxsize=16)
def cells(height: int, width: int, device: str = "cpu") -> Cells:
    """Cells of the plane, at most 33 a side: single frequencies up to 33 pixels.

    An even size's Nyquist stands at both ends, so that every cell's mirror is a cell.
    """
    size = 1
    while 2 * (max(height, width) // 2) + 1 > MOST_CELLS * size:
        size += 2
    with _outside_inference_mode:
        y = torch.arange(-(height // 2), height // 2 + 1)[:, None]
        x = torch.arange(-min(size // 2, width // 2), width // 2 + 1)[None]
        sign = torch.where(x < 0, -1, 1)
        places = (sign * y) % height * (width // 2 + 1) + sign * x
        down, across = (_averages(frequency.flatten(), size) for frequency in (y, x))
        return Cells(places.to(device), down.to(device), across.to(device), size)


def centres(height: int, width: int) -> tuple[list[int], list[int]]:
    """Where the rows and columns of ``cells`` lie, in cycles per image: signed fy ascending, fx from 0."""
    found = cells(height, width)
    rows, columns = len(found.down), len(found.across)
    return [found.width * (k - rows // 2) for k in range(rows)], [found.width * k for k in range(columns)]


def _averages(frequency: torch.Tensor, size: int) -> torch.Tensor:
    first, last = (int(k + size // 2) // size for k in (frequency.min(), frequency.max()))
    cell = torch.div(frequency + size // 2, size, rounding_mode="floor")
    member = (cell == torch.arange(first, last + 1)[:, None]).double()
    averages: torch.Tensor = member / member.sum(1, keepdim=True)
    return averages
