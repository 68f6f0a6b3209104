"""Pure functions on image spectra. Nothing here knows models, files or the rest of eyechart.

Images are (..., h, w) tensors of any size and leading shape, float32 or float64, on any device that knows float64; each plane
is treated by itself. Frequencies are integers in cycles per image. Gradients flow through everything that is not a count,
a rank or a radius.

>>> import torch
>>> images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
>>> bool((low_pass(images, 8) + band_pass(images, 8, 12) + high_pass(images, 12) - images).abs().max() < 1e-5)
True
"""

from __future__ import annotations

from eyechart.spectrum.balance import bass, bass_weights
from eyechart.spectrum.bands import band_from_spectrum, band_pass, high_pass, low_from_spectrum, low_pass, spectrum
from eyechart.spectrum.basis import UniqueFrequencies, fourier_basis, unique_frequencies
from eyechart.spectrum.density import (
    RadialProfile,
    energy_plane,
    grey,
    head_of_profile,
    head_radius,
    profile_of_plane,
    radial_profile,
    share_beyond,
    slope,
    slope_of_profile,
)
from eyechart.spectrum.entropy import band_entropy, normalised_entropy, ring_entropy, spectral_entropy
from eyechart.spectrum.grid import (
    Rings,
    Rounding,
    Units,
    centred,
    half_plane_weights,
    low_mask,
    radius_map,
    rings,
    unique_half_plane,
)
from eyechart.spectrum.kernels import high_frequency_share, neighbour_correlation, smooth, total_variation
from eyechart.spectrum.low_rank import matched_rank, svd_split
from eyechart.spectrum.phase import swap_phase
from eyechart.spectrum.shifts import fourier_shift, shift_spectrum
from eyechart.spectrum.similarity import ssim
from eyechart.spectrum.visibility import (
    contrast_sensitivity,
    luminance_change,
    pixels_per_degree,
    pooled_contrast,
    relative_luminance,
    root_mean_square,
    weigh_contrast,
    weighted_change,
)

__all__ = [
    "RadialProfile",
    "Rings",
    "Rounding",
    "UniqueFrequencies",
    "Units",
    "band_entropy",
    "band_from_spectrum",
    "band_pass",
    "bass",
    "bass_weights",
    "centred",
    "contrast_sensitivity",
    "energy_plane",
    "fourier_basis",
    "fourier_shift",
    "grey",
    "half_plane_weights",
    "head_of_profile",
    "head_radius",
    "high_frequency_share",
    "high_pass",
    "low_from_spectrum",
    "low_mask",
    "low_pass",
    "luminance_change",
    "matched_rank",
    "neighbour_correlation",
    "normalised_entropy",
    "pixels_per_degree",
    "pooled_contrast",
    "profile_of_plane",
    "radial_profile",
    "radius_map",
    "relative_luminance",
    "ring_entropy",
    "rings",
    "root_mean_square",
    "share_beyond",
    "shift_spectrum",
    "slope",
    "slope_of_profile",
    "smooth",
    "spectral_entropy",
    "spectrum",
    "ssim",
    "svd_split",
    "swap_phase",
    "total_variation",
    "unique_frequencies",
    "unique_half_plane",
    "weigh_contrast",
    "weighted_change",
]
