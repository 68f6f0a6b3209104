"""BaSS: images re-weighted so that ring amplitudes follow the log of their old values (Lin et al., NeurIPS 2023).

Deterministic, in spite of its name, balanced spectrum sampling. The scale 0..255 is part of the definition.
"""

from __future__ import annotations

from typing import Literal

import torch

from eyechart.spectrum.grid import Rings, check, plane_weights, ring_sums, rings
from eyechart.spectrum.parts import in_parts

Form = Literal["safe", "parity"]
Quantize = Literal["trunc", "round", "none"]
Clip = Literal["hard", "straight", "none"]


def bass(images: torch.Tensor, form: Form = "safe", quantize: Quantize = "trunc", clip: Clip = "hard") -> torch.Tensor:
    """Balance the spectrum of each plane: the ring means E(k) of |F|, k = 1..R-1, become proportional to their logs.

    Ring k holds int(D) = k; ring 0, the outermost ring R and the coefficients of largest amplitude keep their weight 1.
    Computed in float64.

    Args:
        images: (..., h, w), uint8, or float in [0, 1] (multiplied by 255 inside and divided after).
        form: ``parity`` is the authors' code, log E; on images with little contrast its weights explode or turn negative.
            ``safe`` takes log(1 + E): finite and positive always, close to parity on natural images.
        quantize: to whole grey levels: ``trunc`` (the authors' code), ``round``, or ``none`` for gradients.
        clip: to the range: ``hard``, ``straight`` (clipped, with the gradient of the unclipped) or ``none``.

    Returns images of the same shape and type, but float64 in 0..255 where uint8 is left unquantised. Planes without
    energy beyond the mean come back as they are (``safe``); where ``parity`` has no number, quantised pixels are 0.
    Laws: the mean stays; phases stay where weights are positive; sum of p(k) w(k) = 1.

    Raises ValueError for float images out of [0, 1], and for unclipped images to be quantised.
    """
    check("quantize", quantize, ("trunc", "round", "none"))
    check("clip", clip, ("hard", "straight", "none"))
    if clip == "none" and quantize != "none":
        raise ValueError("clip='none' leaves no grey levels to quantise to; give quantize='none' too")
    _refuse_wrong_scale(images)
    return in_parts(lambda planes: _shown(_balanced(_grey_levels(planes), form), quantize, clip, images.dtype), images)


def bass_weights(images: torch.Tensor, form: Form = "safe") -> tuple[torch.Tensor, torch.Tensor]:
    """Weights w(k) and densities p(k) of the rings k = 1..R-1: two times (..., R - 1) float64. Arguments as for ``bass``."""
    _refuse_wrong_scale(images)
    pixels = _grey_levels(images)
    profile, _, _ = _ring_means(torch.fft.rfft2(pixels), pixels.shape[-1])
    return _ring_weights(profile, form), profile / profile.sum(-1, keepdim=True)


def _refuse_wrong_scale(images: torch.Tensor) -> None:
    if images.dtype == torch.uint8:
        return
    if not images.is_floating_point():
        raise ValueError(f"images are {images.dtype}; give uint8, or float in [0, 1]")
    if images.numel() and bool((images.detach().amin() < -1e-3) | (images.detach().amax() > 1 + 1e-3)):
        raise ValueError("float images lie beyond [0, 1]; BaSS is defined on 0..255: give uint8, or divide by 255")


def _grey_levels(images: torch.Tensor) -> torch.Tensor:
    return images.double() if images.dtype == torch.uint8 else images.double() * 255


def _balanced(pixels: torch.Tensor, form: Form) -> torch.Tensor:
    """Planes of grey levels, float64, neither clipped nor quantised."""
    coefficients = torch.fft.rfft2(pixels)
    weights = _weight_map(coefficients, pixels.shape[-1], form)
    weighted = torch.view_as_complex(torch.view_as_real(coefficients) * weights[..., None])  # complex * real is slower
    balanced: torch.Tensor = torch.fft.irfft2(weighted, s=pixels.shape[-2:])
    return balanced


def _shown(pixels: torch.Tensor, quantize: Quantize, clip: Clip, dtype: torch.dtype) -> torch.Tensor:
    """Grey levels in the range, steps and type of the images."""
    if clip != "none":
        clipped = pixels.clamp(0, 255)
        pixels = clipped if clip == "hard" else pixels + (clipped - pixels).detach()
    if quantize != "none":
        pixels = (pixels.trunc() if quantize == "trunc" else pixels.round()).nan_to_num()
    if dtype == torch.uint8:
        return pixels if quantize == "none" else pixels.to(torch.uint8)
    return (pixels / 255).to(dtype)


def _ring_means(coefficients: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor, Rings]:
    """E(k), k = 1..R-1 (..., R - 1); the coefficients left out (..., h, w // 2 + 1); the rings."""
    parts = torch.view_as_real(coefficients + 1e-8)
    amplitude: torch.Tensor = torch.linalg.vector_norm(parts, dim=-1)  # abs, faster
    largest = amplitude.detach() == amplitude.detach().amax((-2, -1), keepdim=True)
    device = str(amplitude.device)
    on = rings(coefficients.shape[-2], width, "floor", "index", device)
    sums = ring_sums(amplitude.masked_fill(largest, 0.0) * plane_weights(width, torch.float64, device), on)
    return (sums / on.counts)[..., 1:-1], largest, on


def _ring_weights(profile: torch.Tensor, form: Form) -> torch.Tensor:
    """w(k) = q(k) / p(k): (..., R - 1)."""
    check("form", form, ("safe", "parity"))
    total = profile.sum(-1, keepdim=True)
    if form == "parity":
        logs = profile.log()
        return (logs / logs.sum(-1, keepdim=True)) / (profile / total)
    logs = profile.log1p()
    some = profile > 0
    ratio = torch.where(some, logs / torch.where(some, profile, 1.0), 1.0)
    all_logs = logs.sum(-1, keepdim=True)
    any_logs = all_logs > 0
    return torch.where(any_logs, ratio * total / torch.where(any_logs, all_logs, 1.0), 1.0)


def _weight_map(coefficients: torch.Tensor, width: int, form: Form) -> torch.Tensor:
    profile, largest, on = _ring_means(coefficients, width)
    edge = profile.new_ones((*profile.shape[:-1], 1))
    by_ring = torch.cat([edge, _ring_weights(profile, form), edge], -1)[..., : len(on.radii)]
    everywhere = by_ring.gather(-1, on.number.expand(*by_ring.shape[:-1], -1))
    return everywhere.reshape(coefficients.shape).masked_fill(largest, 1.0)
