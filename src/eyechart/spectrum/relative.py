"""Amplitude of feature maps relative to zero frequency (Park & Kim, ICLR 2022, arXiv 2202.06709)."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch

from eyechart.spectrum.grid import Rings, check, plane_weights, ring_sums, rings

Profile = Literal["diagonal", "radial"]
FLOOR = 1e-6  # the authors'
FLAT = 1e-5  # of the largest value: what float32 leaves of a constant map is less


def profile_length(height: int, width: int, profile: Profile = "diagonal") -> int:
    """Points of a profile, zero frequency and all frequencies below Nyquist: ceil(n / 2).

    n is the shorter side for ``diagonal``, the longer one for ``radial``. Nyquist itself (-n/2 of even sizes) is left out: it
    is its own mirror, real for every map, and the authors stop before it.
    """
    check("profile", profile, ("diagonal", "radial"))
    n = min(height, width) if profile == "diagonal" else max(height, width)
    return (n + 1) // 2


def log_amplitude(maps: torch.Tensor, profile: Profile = "diagonal") -> torch.Tensor:
    """log(|F| + 1e-6), natural logarithm, of maps (..., h, w) from zero frequency outwards: (..., points), float32 or float64.

    Args:
        maps: any real floating dtype.
        profile: ``diagonal``: at the frequencies (k, k), the half diagonal of the authors; where h and w differ at
            (k h / n, k w / n), rounded, n the shorter side. ``radial``: means of the logarithm over rings of the full plane,
            the nearest integer to the radius in cycles per longer side.
    """
    maps = maps if maps.dtype in (torch.float32, torch.float64) else maps.float()
    height, width = maps.shape[-2:]
    points = profile_length(height, width, profile)
    coefficients = torch.fft.rfft2(maps)
    if profile == "diagonal":
        down, across = _diagonal(height, width, str(maps.device))
        along: torch.Tensor = coefficients[..., down, across]
        return (along.abs() + FLOOR).log()
    on = _rings(height, width, maps.dtype, str(maps.device))
    logs = (coefficients.abs() + FLOOR).log() * plane_weights(width, maps.dtype, str(maps.device))
    return ring_sums(logs, on)[..., :points] / on.counts[:points]


def relative_log_amplitude(maps: torch.Tensor, profile: Profile = "diagonal") -> torch.Tensor:
    """Mean ``log_amplitude`` over the channels of maps (..., c, h, w), less that of zero frequency: (..., points).

    The first is 0. Does not depend on the maps' scale, but for the 1e-6.

    >>> relative_log_amplitude(torch.eye(4)[None]).shape
    torch.Size([2])
    """
    curve = log_amplitude(maps, profile).mean(-2)
    return curve - curve[..., :1]


def flat(maps: torch.Tensor) -> torch.Tensor:
    """Whether maps (..., h, w) are constant but for rounding: (...,) bool.

    The largest value exceeds the smallest by no more than 1e-5 of the largest magnitude, or than 1e-6. The relative amplitude
    of such a map is that of the 1e-6 at all frequencies above zero, and says nothing of detail.

    >>> flat(torch.stack([torch.full((3, 3), 7.0), torch.eye(3)])).tolist()
    [True, False]
    """
    high, low = maps.amax((-2, -1)), maps.amin((-2, -1))
    return high - low <= (torch.maximum(high.abs(), low.abs()) * FLAT).clamp(min=FLOOR)


def at_shares(curve: torch.Tensor, places: int) -> torch.Tensor:
    """A profile (..., points) at ``places`` evenly spaced places from its first to its last point: (..., places).

    Linear in between; the ends are exact. One point alone is repeated. Raises ValueError for fewer than two places.
    """
    if places < 2:
        raise ValueError(f"places is {places}; it must be 2 or more")
    last = curve.shape[-1] - 1
    at = torch.arange(places, device=curve.device, dtype=curve.dtype) * last / (places - 1)
    left = at.floor().clamp(max=max(last - 1, 0)).long()
    share = at - left
    right = (left + 1).clamp(max=last)
    return curve[..., left] * (1 - share) + curve[..., right] * share


@lru_cache(maxsize=64)
def _rings(height: int, width: int, dtype: torch.dtype, device: str) -> Rings:
    """Rings on a device that may not know float64, in which they are found."""
    on = rings(height, width, "round", "isotropic")
    with torch.inference_mode(False):
        return Rings(on.number.to(device), on.radii.to(dtype).to(device), on.counts.to(dtype).to(device))


@lru_cache(maxsize=64)
def _diagonal(height: int, width: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and columns of the half plane along the diagonal."""
    with torch.inference_mode(False):
        n, k = min(height, width), torch.arange(profile_length(height, width), device="cpu")
        return ((2 * k * height + n) // (2 * n)).to(device), ((2 * k * width + n) // (2 * n)).to(device)
