"""Swapping phase and amplitude between images (Oppenheim & Lim, Proc. IEEE 69(5), 1981)."""

from __future__ import annotations

import torch


def swap_phase(amplitude_of: torch.Tensor, phase_of: torch.Tensor) -> torch.Tensor:
    """Images with the amplitude spectrum of one batch and the phase of another: (..., h, w), real, not clipped.

    Args:
        amplitude_of, phase_of: (..., h, w), of one size; leading shapes broadcast. The mean comes from ``amplitude_of``, its
            sign from ``phase_of``.

    A coefficient of ``phase_of`` below rounding has no phase of its own; 0 is taken. Law: an image given twice comes back.
    Raises ValueError for two sizes.
    """
    if amplitude_of.shape[-2:] != phase_of.shape[-2:]:
        raise ValueError(
            f"images of {tuple(amplitude_of.shape[-2:])} and {tuple(phase_of.shape[-2:])} pixels: resize one"
        )
    amplitude = torch.fft.rfft2(amplitude_of).abs()
    images: torch.Tensor = torch.fft.irfft2(amplitude * _phasors(phase_of), s=amplitude_of.shape[-2:])
    return images


def _phasors(images: torch.Tensor) -> torch.Tensor:
    """exp(i phase) on the half plane; 1 where there is no more than rounding, whose phases would break the symmetry."""
    coefficients = torch.fft.rfft2(images)
    size = coefficients.abs()
    rounding = 4 * torch.finfo(size.dtype).eps * images.detach().abs().sum((-2, -1), keepdim=True)
    fine = size.detach() > rounding
    return torch.where(fine, coefficients / torch.where(fine, size, 1.0), 1.0)
