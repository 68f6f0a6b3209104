"""Shifts by any share of a pixel: the phases of the spectrum are turned."""

from __future__ import annotations

from math import pi

import torch

from eyechart.spectrum.grid import frequencies

Pixels = float | torch.Tensor


def fourier_shift(images: torch.Tensor, down: Pixels, right: Pixels) -> torch.Tensor:
    """Images moved cyclically by any number of pixels: (..., h, w), not clipped.

    Each coefficient is multiplied by exp(-2 pi i (fy down / h + fx right / w)): what sinc interpolation of the image, repeated
    without end, would show between its pixels. Edges ring, and values may leave the range of the image.

    Args:
        images: (..., h, w).
        down, right: pixels, negative for up and left; numbers, or tensors that broadcast with the leading shape of ``images``
            (one shift an image). Gradients flow into them, too.

    The Nyquist row or column of an even size is its own mirror and stays real: it is multiplied by cos(pi down), or
    cos(pi right), the mean of what its two mirror frequencies would get, and so loses energy (all of it at half a pixel). Their
    common corner gets the product of both, so that moving down and then right is moving by both at once; the real part
    of a full-plane inverse would give it cos(pi (down + right)) or cos(pi (down - right)), by the sign one gives that
    frequency.

    Laws: whole pixels equal ``torch.roll``; the mean stays; a shift there and back gives the image again where sizes are odd.

    >>> fourier_shift(torch.tensor([[1.0, 2.0, 3.0]]), 0, 1).round(decimals=4).tolist()
    [[3.0, 1.0, 2.0]]
    """
    moved: torch.Tensor = torch.fft.irfft2(
        shift_spectrum(torch.fft.rfft2(images), (images.shape[-2], images.shape[-1]), down, right), s=images.shape[-2:]
    )
    return moved


def shift_spectrum(spectrum: torch.Tensor, size: tuple[int, int], down: Pixels, right: Pixels) -> torch.Tensor:
    """The half-plane spectrum (..., h, w // 2 + 1) of ``fourier_shift``'s images of ``size`` from that of the images."""
    fy, fx = frequencies(*size)
    rows = _phasors(fy, size[0], down, spectrum)
    columns = _phasors(fx, size[1], right, spectrum)
    return spectrum * rows[..., :, None] * columns[..., None, :]


def _phasors(frequency: torch.Tensor, length: int, shift: Pixels, like: torch.Tensor) -> torch.Tensor:
    """(..., k) factors of the coefficients along one axis; angles in double precision, since they grow with the shift."""
    cycles = frequency.to(like.device, torch.float64) / length
    pixels = torch.as_tensor(shift, dtype=torch.float64, device=like.device)[..., None]
    angle = -2 * pi * cycles * pixels
    own_mirror = 2 * frequency.abs() == length
    sine = torch.where(own_mirror.to(like.device), 0.0, angle.sin())
    return torch.complex(angle.cos(), sine).to(like.dtype)
