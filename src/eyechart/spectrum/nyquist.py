"""Energy at or above the frequency that sampled maps can still carry."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch

from eyechart.spectrum.grid import check, plane_weights

Window = Literal["hann", "none"]
FAINT = 1e-12  # of the strongest channel's energy, its mean included: what rounding leaves of one that is the same everywhere


def energy_above(
    maps: torch.Tensor, stride: tuple[int, int], window: Window = "hann"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Energy of maps (..., h, w) at or above the Nyquist frequency of every ``stride``-th sample, and in all: (...,) each.

    sum |F(w * (x - mean))|^2 over the frequencies where |fy| >= 1 / (2 stride[0]) or |fx| >= 1 / (2 stride[1]), in cycles per
    pixel, and over all but zero frequency; w is a Hann window (periodic, on both axes), or 1.

    Args:
        maps: float32 or float64.
        stride: (rows, columns). Along an axis of stride 1 nothing is above: all places are kept, and the Nyquist frequency
            itself, which maps of an odd size do not have, is all that could be.
        window: ``none`` suits maps that come in again at the other side.

    >>> wave = torch.cos(2 * torch.pi * 3 / 8 * torch.arange(16.0)).expand(16, 16)
    >>> above, all_ = energy_above(wave, (2, 2), "none")
    >>> round(float(above / all_), 3)
    1.0
    """
    check("window", window, ("hann", "none"))
    height, width = maps.shape[-2:]
    device = str(maps.device)
    centred = maps - maps.mean((-2, -1), keepdim=True)
    if window == "hann":
        centred = centred * _hann(height, width, maps.dtype, device)
    energy = torch.fft.rfft2(centred).abs().square() * plane_weights(width, maps.dtype, device)
    energy[..., 0, 0] = 0
    high = _above(height, width, stride, device)
    return (energy * high).sum((-2, -1)), energy.sum((-2, -1))


def share_above(
    maps: torch.Tensor, stride: tuple[int, int], window: Window = "hann"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Share of ``energy_above`` in maps (..., c, h, w): weighted by the channels' energy, and their median, (...,) each.

    Channels that are the same everywhere are left out; NaN where all are.
    """
    above, whole = energy_above(maps, stride, window)
    kept = whole > FAINT * _energy(maps).amax(-1, keepdim=True)
    shares = torch.where(kept, above / whole, torch.nan)
    total = torch.where(kept, whole, 0).sum(-1)
    return torch.where(kept, above, 0).sum(-1) / total, shares.nanmedian(-1).values


def _energy(maps: torch.Tensor) -> torch.Tensor:
    """With the mean, in the units of ``energy_above`` (Parseval)."""
    return maps.square().sum((-2, -1)) * (maps.shape[-2] * maps.shape[-1])


def tells(height: int, width: int, stride: tuple[int, int], window: Window = "hann") -> bool:
    """Whether ``share_above`` of maps of this size may be small: places are skipped, and enough are kept to carry a wave.

    Along each axis with a stride the slowest wave must stay below the Nyquist frequency, with the Hann window, which spreads a
    wave to its two neighbours, the next one, too: more than two places are to be kept, or more than four. The share of fewer is
    1, or in part the window's.

    >>> [tells(32, 32, (s, s)) for s in (1, 2, 4, 8)]
    [False, True, True, False]
    """
    least = 2 if window == "none" else 4
    strided = [(n, step) for n, step in zip((height, width), stride, strict=True) if step > 1]
    return bool(strided) and all(n > least * step for n, step in strided)


@lru_cache(maxsize=256)
def white_share(height: int, width: int, stride: tuple[int, int], window: Window = "hann") -> float:
    """What ``share_above`` is for white noise: expected energy above over expected energy, exact.

    E|F_k|^2 = sum w^2 - |W_k|^2 / (h w), W the transform of the window: the mean that is taken away is of the noise itself.
    Without window, for square sizes that 2 * stride divides, 1 - ((n / stride - 1)^2 - 1) / (n^2 - 1).

    >>> [round(white_share(64, 64, (s, s), "none"), 4) for s in (2, 4, 8)]
    [0.7656, 0.9453, 0.9883]
    """
    exact = torch.float64
    window_ = torch.ones(height, width, dtype=exact) if window == "none" else _hann(height, width, exact, "cpu")
    energy = window_.square().sum() - torch.fft.rfft2(window_).abs().square() / (height * width)
    energy = energy * plane_weights(width, exact, "cpu")
    energy[0, 0] = 0
    return float((energy * _above(height, width, stride, "cpu")).sum() / energy.sum())


@lru_cache(maxsize=64)
def _hann(height: int, width: int, dtype: torch.dtype, device: str) -> torch.Tensor:
    with torch.inference_mode(False):
        rows, columns = (torch.hann_window(n, dtype=torch.float64, device="cpu") for n in (height, width))
        return torch.outer(rows, columns).to(dtype).to(device)


@lru_cache(maxsize=64)
def _above(height: int, width: int, stride: tuple[int, int], device: str) -> torch.Tensor:
    """Half plane (h, w // 2 + 1) bool; whole numbers, so that the limit itself is met."""
    with torch.inference_mode(False):
        rows, columns = torch.arange(height), torch.arange(width // 2 + 1)
        rows = torch.minimum(rows, height - rows)
        high_rows, high_columns = (
            (2 * step * k >= n) & (step > 1)
            for k, step, n in zip((rows, columns), stride, (height, width), strict=True)
        )
        return (high_rows[:, None] | high_columns).to(device)
