"""Radius maps of the discrete spectrum: the only place that knows odd sizes, Nyquist and half planes."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch

Units = Literal["index", "isotropic"]


def radius_map(height: int, width: int, units: Units = "index", device: str = "cpu") -> torch.Tensor:
    """Radius of every coefficient of ``rfft2``: (height, width // 2 + 1) float64.

    Frequencies are integers in cycles per image, zero first, no shift: D = hypot(fy, fx) for ``index``;
    max(height, width) * hypot(fy / height, fx / width) for ``isotropic``, a true circle in cycles per pixel. Equal for
    squares.

    >>> radius_map(4, 4)[2].tolist()
    [2.0, 2.23606797749979, 2.8284271247461903]
    """
    fy = torch.fft.fftfreq(height, d=1.0, dtype=torch.float64) * height
    fx = torch.fft.rfftfreq(width, d=1.0, dtype=torch.float64) * width
    fy, fx = fy.round(), fx.round()  # exact integers, so that comparisons with a whole radius are exact
    if units == "isotropic":
        side = max(height, width)
        fy, fx = fy * (side / height), fx * (side / width)
    return torch.hypot(fy[:, None], fx[None, :]).to(device)


@lru_cache(maxsize=64)
def low_mask(
    height: int, width: int, radius: float, inclusive: bool = True, units: Units = "index", device: str = "cpu"
) -> torch.Tensor:
    """Half-plane mask (height, width // 2 + 1), float32: 1 where D <= radius (D < radius unless ``inclusive``)."""
    distance = radius_map(height, width, units, device)
    return ((distance <= radius) if inclusive else (distance < radius)).to(torch.float32)


def half_plane_weights(width: int) -> torch.Tensor:
    """How often each column of ``rfft2`` stands in the full plane: 1 for DC and an even size's Nyquist, else 2."""
    weights = torch.full((width // 2 + 1,), 2.0, dtype=torch.float64)
    weights[0] = 1.0
    if width % 2 == 0:
        weights[-1] = 1.0
    return weights
