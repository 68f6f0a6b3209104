"""Noise of independent values, which are a pixel's channels: Gaussian, shot, impulse and speckle noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

import numpy as np
import torch

from eyechart.views.corruptions.kind import Given, Kind, cut, finest
from eyechart.views.corruptions.piecewise import in_pieces
from eyechart.views.corruptions.poisson import counts, flat

Array = np.ndarray[Any, Any]


def _drawn(given: Given, part: str, draw: Callable[[np.random.Generator, tuple[int, ...]], Array]) -> torch.Tensor:
    """(n, c, h, w), channels_last: ``draw`` of each image's generator and of (h, w, c)."""
    c, h, w = given.pixels.shape[1:]
    return given.drawn(part, lambda g: draw(g, (h, w, c))).permute(0, 3, 1, 2)


def _normal(given: Given) -> torch.Tensor:
    """(n, c, h, w) float32, standard normal."""
    return _drawn(given, "normal", lambda g, size: g.standard_normal(size, dtype=np.float32))


def gaussian_noise(given: Given, sigma: float) -> torch.Tensor:
    """Normal noise added."""
    return in_pieces(given, lambda pixels, normal: torch.add(pixels, normal, alpha=sigma), _normal(given))


def speckle_noise(given: Given, sigma: float) -> torch.Tensor:
    """Normal noise added, in proportion to the value."""
    return in_pieces(given, lambda pixels, normal: torch.addcmul(pixels, pixels, normal, value=sigma), _normal(given))


def shot_noise(given: Given, photons: float) -> torch.Tensor:
    """As many photons counted as a Poisson process with this mean at full brightness gives."""
    # Signed, since torch has few operations on unsigned numbers of 32 bits
    drawn = _drawn(given, "photons", lambda g, size: g.integers(-(1 << 31), 1 << 31, size, dtype=np.int32))
    counted = counts(given.levels, drawn, photons)
    if not given.whole or counted.is_floating_point():
        return counted.to(finest(counted.device)) / photons
    known = cut(torch.arange(ceil(photons) + 1).to(finest(counted.device)) / photons).to(counted.device, torch.uint8)
    return (
        known.index_select(0, flat(counted).to(torch.int32))
        .reshape(counted.permute(0, 2, 3, 1).shape)
        .permute(0, 3, 1, 2)
    )


def impulse_noise(given: Given, amount: float) -> torch.Tensor:
    """A share of the values made 1 or 0, half of them each. What is hit at one severity is hit at the next, and alike."""

    def hit(pixels: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        return torch.where(drawn < amount / 2, 1.0, torch.where(drawn >= 1 - amount / 2, 0.0, pixels))

    return in_pieces(given, hit, _drawn(given, "impulses", lambda g, size: g.random(size, dtype=np.float32)))


def _each(*values: float) -> tuple[tuple[float], ...]:
    return tuple((value,) for value in values)


KINDS: Mapping[str, Kind] = {
    "gaussian_noise": Kind(
        gaussian_noise,
        "noise",
        {
            "cifar": _each(0.04, 0.06, 0.08, 0.09, 0.10),
            "tiny": _each(0.04, 0.08, 0.12, 0.15, 0.18),
            "imagenet": _each(0.08, 0.12, 0.18, 0.26, 0.38),
        },
    ),
    "shot_noise": Kind(
        shot_noise,
        "noise",
        {
            "cifar": _each(500, 250, 100, 75, 50),
            "tiny": _each(250, 100, 50, 30, 15),
            "imagenet": _each(60, 25, 12, 5, 3),
        },
    ),
    "impulse_noise": Kind(
        impulse_noise,
        "noise",
        {
            "cifar": _each(0.01, 0.02, 0.03, 0.05, 0.07),
            "tiny": _each(0.01, 0.02, 0.05, 0.08, 0.14),
            "imagenet": _each(0.03, 0.06, 0.09, 0.17, 0.27),
        },
    ),
    "speckle_noise": Kind(
        speckle_noise,
        "noise",
        {
            "cifar": _each(0.06, 0.1, 0.12, 0.16, 0.2),
            "tiny": _each(0.15, 0.2, 0.25, 0.3, 0.35),
            "imagenet": _each(0.15, 0.2, 0.35, 0.45, 0.6),
        },
        extra=True,
    ),
}
