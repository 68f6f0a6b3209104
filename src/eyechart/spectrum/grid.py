"""Radius maps of the discrete spectrum: the only place that knows odd sizes, Nyquist, mirrors and half planes.

Masks, rings and indices are made once for a size and kept; nobody may write into them. They are made outside inference mode,
because a tensor made inside could serve no gradient later.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Literal, NamedTuple

import torch

Units = Literal["index", "isotropic"]
Rounding = Literal["continuous", "floor", "round"]


def check(setting: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless ``value`` is among the choices."""
    if value not in choices:
        raise ValueError(f"{setting} is {value!r}; choose one of {', '.join(map(repr, choices))}")


def frequencies(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Signed frequencies of the half plane in cycles per image: rows (height,) and columns (width // 2 + 1,), int64.

    Zero first, no shift. The Nyquist row of an even height is negative, its column positive; each is its own mirror.
    """
    rows = torch.arange(height, device="cpu")
    return (
        torch.where(2 * rows < height, rows, rows - height),
        torch.arange(width // 2 + 1, device="cpu"),
    )


@lru_cache(maxsize=64)
def radius_map(height: int, width: int, units: Units = "index", device: str = "cpu") -> torch.Tensor:
    """Radius of every coefficient of ``rfft2``: (height, width // 2 + 1) float64.

    Frequencies are integers in cycles per image, zero first, no shift: D = hypot(fy, fx) for ``index``;
    max(height, width) * hypot(fy / height, fx / width) for ``isotropic``, a true circle in cycles per pixel. Equal for
    squares. D is the root of an exact fraction, so coefficients at one radius have one D to the last bit.

    >>> radius_map(4, 4)[2].tolist()
    [2.0, 2.23606797749979, 2.8284271247461903]
    """
    check("units", units, ("index", "isotropic"))
    with torch.inference_mode(False):
        fy, fx = frequencies(height, width)
        down, across, by = (1, 1, 1) if units == "index" else (width, height, min(height, width) ** 2)
        squared, index = torch.unique(((fy * down) ** 2)[:, None] + (fx * across) ** 2, return_inverse=True)
        roots = [sqrt(value / by) for value in squared.tolist()]  # correctly rounded, which torch's root is not
        return torch.tensor(roots, dtype=torch.float64, device="cpu")[index].to(device)


@lru_cache(maxsize=64)
def low_mask(
    height: int, width: int, radius: float, inclusive: bool = True, units: Units = "index", device: str = "cpu"
) -> torch.Tensor:
    """Half-plane mask (height, width // 2 + 1), float32: 1 where D <= radius (D < radius unless ``inclusive``)."""
    with torch.inference_mode(False):
        distance = radius_map(height, width, units)
        return ((distance <= radius) if inclusive else (distance < radius)).to(torch.float32).to(device)


@lru_cache(maxsize=256)
def low_columns(height: int, width: int, radius: float, inclusive: bool = True, units: Units = "index") -> int:
    """How many columns of ``low_mask``, from the first, hold a coefficient; at least 1."""
    return max(1, int(low_mask(height, width, radius, inclusive, units).amax(0).sum()))


def half_plane_weights(width: int) -> torch.Tensor:
    """How often each column of ``rfft2`` stands in the full plane: 1 for DC and an even size's Nyquist, else 2."""
    weights = torch.full((width // 2 + 1,), 2.0, dtype=torch.float64, device="cpu")
    weights[0] = 1.0
    if width % 2 == 0:
        weights[-1] = 1.0
    return weights


@lru_cache(maxsize=64)
def plane_weights(width: int, dtype: torch.dtype, device: str) -> torch.Tensor:
    """``half_plane_weights`` where and as they are needed."""
    with torch.inference_mode(False):
        return half_plane_weights(width).to(dtype).to(device)


class Rings(NamedTuple):
    """Which ring each coefficient of the half plane lies on.

    Attributes:
        number: (height * (width // 2 + 1),) int64, its ring, row by row; ring 0 is DC alone.
        radii: (k,) float64, ascending: the integer k, or the radius itself where rings are ``continuous``.
        counts: (k,) float64, coefficients of the full plane.
    """

    number: torch.Tensor
    radii: torch.Tensor
    counts: torch.Tensor


@lru_cache(maxsize=64)
def rings(height: int, width: int, rounding: Rounding = "floor", units: Units = "index", device: str = "cpu") -> Rings:
    """Rings of the half plane: int(D) for ``floor``, int(D + 1/2) for ``round``, a ring a radius for ``continuous``.

    >>> rings(4, 4).counts.tolist()
    [1.0, 8.0, 7.0]
    """
    check("rounding", rounding, ("continuous", "floor", "round"))
    with torch.inference_mode(False):
        distance = radius_map(height, width, units)
        if rounding != "continuous":
            distance = (distance + (0.5 if rounding == "round" else 0.0)).floor()
        radii, index = torch.unique(distance, return_inverse=True)
        weights = half_plane_weights(width).expand(height, -1)
        counts = torch.zeros_like(radii).index_add(0, index.flatten(), weights.flatten())
        return Rings(index.flatten().to(device), radii.to(device), counts.to(device))


def ring_sums(plane: torch.Tensor, on: Rings) -> torch.Tensor:
    """Sums over rings of a half plane (..., height, width // 2 + 1), not weighted: (..., k)."""
    flat = plane.flatten(-2)
    sums: torch.Tensor = flat.new_zeros((*flat.shape[:-1], len(on.radii))).index_add(-1, on.number, flat)
    return sums


def unique_half_plane(height: int, width: int) -> torch.Tensor:
    """True for one coefficient of each mirror pair: (height, width // 2 + 1) bool.

    The columns 0 and, for even widths, Nyquist hold both members of a pair; the upper one is taken.

    >>> int(unique_half_plane(32, 32).sum())
    514
    """
    unique = torch.ones((height, width // 2 + 1), dtype=torch.bool, device="cpu")
    unique[height // 2 + 1 :, half_plane_weights(width) == 1] = False
    return unique


def centred(plane: torch.Tensor) -> torch.Tensor:
    """A full plane (..., height, width) with zero frequency moved to [height // 2, width // 2], for pictures."""
    moved: torch.Tensor = torch.fft.fftshift(plane, dim=(-2, -1))
    return moved
