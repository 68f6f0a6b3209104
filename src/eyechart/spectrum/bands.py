"""Splitting images into a low- and a high-frequency part at a radius (Wang et al., CVPR 2020, arXiv 1905.13545)."""

from __future__ import annotations

import torch

from eyechart.spectrum.grid import Units, low_mask


def spectrum(images: torch.Tensor) -> torch.Tensor:
    """Half-plane spectrum of images (..., h, w): complex (..., h, w // 2 + 1), zero frequency first."""
    coefficients: torch.Tensor = torch.fft.rfft2(images)
    return coefficients


def low_from_spectrum(
    coefficients: torch.Tensor, size: tuple[int, int], radius: float, inclusive: bool = True, units: Units = "index"
) -> torch.Tensor:
    """Images (..., h, w) made of the coefficients at D <= radius alone."""
    mask = low_mask(*size, float(radius), inclusive, units, str(coefficients.device))
    kept = coefficients * mask.to(coefficients.real.dtype)
    images: torch.Tensor = torch.fft.irfft2(kept, s=size)
    return images


def low_pass(images: torch.Tensor, radius: float, inclusive: bool = True, units: Units = "index") -> torch.Tensor:
    """The low-frequency part: coefficients with D <= radius, per channel, not clipped.

    Args:
        images: (..., h, w), any range; taken before the model's normalisation.
        radius: in cycles per image.
        inclusive: ``<=`` (the paper) or ``<`` (its code).
        units: see ``radius_map``.

    Laws: low + high = image; idempotent; linear; low(r) of low(s) = low(min(r, s)); keeps the channel mean.
    """
    size = (images.shape[-2], images.shape[-1])
    return low_from_spectrum(spectrum(images), size, radius, inclusive, units)


def high_pass(images: torch.Tensor, radius: float, inclusive: bool = True, units: Units = "index") -> torch.Tensor:
    """The rest: images minus their ``low_pass`` (coefficients with D > radius); has mean zero, is not clipped."""
    return images - low_pass(images, radius, inclusive, units)
