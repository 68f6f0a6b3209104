"""Spectral entropy: how evenly the energy of an image is spread over frequencies (Lin et al., NeurIPS 2023).

p(k) = E(k) / sum E over the rings of a radial profile; h(k) = -p log p with 0 log 0 = 0, natural log; H = sum of h(k).
Maximum entropy is the uniform density, H / log K = 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch

from eyechart.spectrum.density import Quantity, RadialProfile, RingValue, radial_profile
from eyechart.spectrum.grid import Rounding, Units


def ring_entropy(profile: RadialProfile) -> torch.Tensor:
    """h(k) = -p(k) log p(k) of each ring: (..., k) float64; NaN where there is no energy."""
    total = profile.values.sum(-1, keepdim=True)
    p = profile.values / torch.where(total > 0, total, torch.nan)
    return -p * p.clamp(min=torch.finfo(p.dtype).tiny).log()  # clamped, the slope at p = 0 stays finite


def band_entropy(profile: RadialProfile, edges: Sequence[float]) -> torch.Tensor:
    """Share of H / log K that bands hold: (..., len(edges) - 1) float64, band i over edges[i] < radius <= edges[i + 1].

    Bands that tile all rings add up to ``normalised_entropy``. NaN without energy, or with less than two rings.
    """
    h = ring_entropy(profile)
    inside = [(profile.radii > low) & (profile.radii <= high) for low, high in pairwise(edges)]
    return torch.stack([h[..., chosen].sum(-1) for chosen in inside], -1) / _log_rings(profile)


def normalised_entropy(profile: RadialProfile) -> torch.Tensor:
    """H / log K in [0, 1] of a profile with K rings: (...,) float64; NaN without energy, or with less than two rings."""
    return ring_entropy(profile).sum(-1) / _log_rings(profile)


def spectral_entropy(
    images: torch.Tensor,
    quantity: Quantity = "amplitude",
    ring: RingValue = "mean",
    rounding: Rounding = "floor",
    units: Units = "index",
) -> torch.Tensor:
    """H / log K of each plane of images (..., h, w), zero frequency left out: (...,) float64 in [0, 1].

    Flat images give NaN. Does not depend on scale or offset. By default the density is BaSS's: mean |F| over rings int(D).
    """
    return normalised_entropy(radial_profile(images, quantity, ring, False, rounding, units))


def _log_rings(profile: RadialProfile) -> float:
    return math.log(len(profile.radii)) if len(profile.radii) > 1 else math.nan
