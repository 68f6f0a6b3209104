"""Splitting images into bands at radii (Wang et al., CVPR 2020, arXiv 1905.13545)."""

from __future__ import annotations

import torch

from eyechart.spectrum.grid import Units, low_columns, low_mask
from eyechart.spectrum.parts import in_parts


def spectrum(images: torch.Tensor) -> torch.Tensor:
    """Half-plane spectrum of images (..., h, w): complex (..., h, w // 2 + 1), zero frequency first."""
    coefficients: torch.Tensor = torch.fft.rfft2(images)
    return coefficients


def low_from_spectrum(
    coefficients: torch.Tensor, size: tuple[int, int], radius: float, inclusive: bool = True, units: Units = "index"
) -> torch.Tensor:
    """Images (..., h, w) made of the coefficients at D <= radius alone; batches (n, c, h, w) in channels_last layout."""
    mask = low_mask(*size, float(radius), inclusive, units, str(coefficients.device))
    columns = low_columns(*size, float(radius), inclusive, units)
    return _inverse(coefficients, mask, columns, size[1])


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


def band_from_spectrum(
    coefficients: torch.Tensor,
    size: tuple[int, int],
    inner: float,
    outer: float,
    inclusive: bool = True,
    units: Units = "index",
) -> torch.Tensor:
    """Images (..., h, w) made of the coefficients at inner < D <= outer alone. Raises ValueError if inner > outer."""
    if not inner <= outer:
        raise ValueError(f"a band from {inner} to {outer}: inner must not lie beyond outer")
    device = str(coefficients.device)
    mask = low_mask(*size, float(outer), inclusive, units, device)
    mask = mask - low_mask(*size, float(inner), inclusive, units, device)
    return _inverse(coefficients, mask, low_columns(*size, float(outer), inclusive, units), size[1])


def band_pass(
    images: torch.Tensor, inner: float, outer: float, inclusive: bool = True, units: Units = "index"
) -> torch.Tensor:
    """What lies between two radii: coefficients with inner < D <= outer, per channel, not clipped.

    Args:
        images: (..., h, w), any range.
        inner, outer: in cycles per image; a negative ``inner`` takes the mean in.
        inclusive: inner < D <= outer, or inner <= D < outer; either way bands that touch tile the plane:
            low(r) + band(r, s) + high(s) = image.
        units: see ``radius_map``.
    """
    size = (images.shape[-2], images.shape[-1])
    return band_from_spectrum(spectrum(images), size, inner, outer, inclusive, units)


def _inverse(coefficients: torch.Tensor, mask: torch.Tensor, columns: int, width: int) -> torch.Tensor:
    """irfft2 of the masked coefficients; columns beyond the mask are zero and need no transform.

    Batches (n, c, h, w) are laid out as nets want them while they are in the cache.
    """
    some = mask[:, :columns].to(coefficients.real.dtype)

    def invert(part: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = torch.fft.irfft(torch.fft.ifft(part * some, dim=-2), n=width, dim=-1)
        return images.contiguous(memory_format=torch.channels_last) if images.ndim == 4 else images

    return in_parts(invert, coefficients[..., :columns])
