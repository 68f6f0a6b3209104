"""How rough convolution kernels are, and smoothing them (Wang et al., CVPR 2020, section 5; measures are our choice).

Kernels are (out, in, kh, kw); any leading shape does. Measures of kernels without weight are NaN.
"""

from __future__ import annotations

import math

import torch

from eyechart.spectrum.density import share_beyond


def total_variation(kernels: torch.Tensor) -> torch.Tensor:
    """Mean |difference of vertical and horizontal neighbours| / mean |w| of kernels (..., kh, kw): (...,).

    Does not depend on scale. 0 for constant kernels, 2 for checkerboards; NaN for 1x1 and for zero kernels.
    """
    first, second = _neighbours(kernels)
    size = kernels.abs().mean((-2, -1))
    some = size > 0
    return torch.where(some, (first - second).abs().mean(-1) / torch.where(some, size, 1.0), torch.nan)


def high_frequency_share(kernels: torch.Tensor, side: int = 32) -> torch.Tensor:
    """Share of the power beyond half of Nyquist of kernels (..., kh, kw): (...,) float64 in [0, 1].

    |FFT|^2 of the kernel zero-padded to side x side, at D > side / 4 (Nyquist is side / 2), zero frequency included in
    the whole. Does not depend on scale or place. pi / 16 of the plane lies within: a single tap has about 0.8.

    Raises ValueError for kernels that do not fit.
    """
    height, width = kernels.shape[-2:]
    if max(height, width) > side:
        raise ValueError(f"kernels of {height} x {width} do not fit into side={side}; give a larger side")
    padded = torch.nn.functional.pad(kernels, (0, side - width, 0, side - height))
    return share_beyond(padded, side / 4)


def neighbour_correlation(kernels: torch.Tensor) -> torch.Tensor:
    """Pearson correlation of vertically or horizontally adjacent weights, pooled over (in, kh, kw): (...,) in [-1, 1].

    Every pair counts in both orders, so that flipped kernels score the same. Kernels (out, in, kh, kw) give one value a
    filter; ``kernels[..., None, :, :]`` one a kernel. -1 for checkerboards; NaN for constant and 1x1 kernels.
    """
    apart = kernels - kernels[..., :1, :1, :1]  # exactly zero where constant
    first, second = (side.flatten(-2) for side in _neighbours(apart))  # (..., in * pairs)
    mean = (first + second).mean(-1, keepdim=True) / 2
    first, second = first - mean, second - mean
    spread = (first**2 + second**2).sum(-1) / 2
    some = spread > 0
    return torch.where(some, (first * second).sum(-1) / torch.where(some, spread, 1.0), torch.nan)


def smooth(kernels: torch.Tensor, rho: float, normalize: bool = False) -> torch.Tensor:
    """Kernels (..., kh, kw) with rho times their 8 neighbours added to each weight, borders replicated: the same shape.

    Args:
        kernels: changed all at once, from the old weights.
        rho: 0 changes nothing; the paper's pictures use 1.
        normalize: divide by 1 + 8 rho, so that constant kernels stay as they are. The paper does not.

    Law: the sum of the weights grows by 1 + 8 rho exactly (stays, with ``normalize``). Linear in the weights.
    """
    height, width = kernels.shape[-2:]
    rows = torch.arange(-1, height + 1, device=kernels.device).clamp(0, height - 1)
    columns = torch.arange(-1, width + 1, device=kernels.device).clamp(0, width - 1)
    padded = kernels.index_select(-2, rows).index_select(-1, columns)
    box = padded.unfold(-2, 3, 1).unfold(-2, 3, 1).sum((-2, -1))  # (..., kh, kw)
    smoothed = kernels + rho * (box - kernels)
    return smoothed / (1 + 8 * rho) if normalize else smoothed


def noise(count: int, height: int, width: int, blur: float = 0.0, seed: int = 0) -> torch.Tensor:
    """Kernels of Gaussian noise, to compare others with: (count, height, width) float64 on the CPU, the same for a seed.

    Independent weights or, with ``blur``, cut out of a plane of them blurred by a Gaussian of that standard deviation (in
    weights). The expected ``high_frequency_share`` of independent weights is that of a single tap, whatever their size:
    1 - 197 / 1024 with side=32. Raises ValueError unless blur is 0 or more.
    """
    if not blur >= 0:
        raise ValueError(f"blur is {blur}; it must be 0 or more")
    margin = math.ceil(4 * blur)
    chance = torch.Generator().manual_seed(seed)
    plane = torch.randn(
        (count, height + 2 * margin, width + 2 * margin), generator=chance, dtype=torch.float64, device="cpu"
    )
    if not blur:
        return plane
    taps = torch.exp(-(torch.arange(-margin, margin + 1, dtype=torch.float64, device="cpu") ** 2) / (2 * blur**2))
    down = (plane.unfold(-2, 2 * margin + 1, 1) * taps).sum(-1)
    across: torch.Tensor = (down.unfold(-1, 2 * margin + 1, 1) * taps).sum(-1)
    return across


def _neighbours(kernels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both members of all adjacent pairs: two times (..., pairs)."""
    upper, lower = kernels[..., :-1, :].flatten(-2), kernels[..., 1:, :].flatten(-2)
    left, right = kernels[..., :, :-1].flatten(-2), kernels[..., :, 1:].flatten(-2)
    return torch.cat([upper, left], -1), torch.cat([lower, right], -1)
