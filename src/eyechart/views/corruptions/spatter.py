"""Spatter: drops of water, which shine, or mud, which hides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from eyechart.views.corruptions.blur import smoothed
from eyechart.views.corruptions.droplets import shine
from eyechart.views.corruptions.kind import Given, Kind, finest, pieces
from eyechart.views.corruptions.piecewise import in_pieces
from eyechart.views.luminance import LUMA
from eyechart.views.threads import in_threads

WATER, MUD = (175, 238, 238), (63, 42, 20)  # pale turquoise; brown
SOLID = 0.8  # mud thinner than this runs off


def spatter(
    given: Given, mean: float, spread: float, sigma: float, threshold: float, strength: float, mud: bool
) -> torch.Tensor:
    """Smoothed noise above a threshold is liquid.

    Args:
        given: the images.
        mean, spread: of the normal noise.
        sigma: of the Gaussian that smooths it.
        threshold: what is below is dry.
        strength: brightness of the brightest drop; of mud, sigma of the Gaussian that rounds its patches.
        mud: mud, else water.

    Frames of another number of channels than three get water or mud in grey. Frames without a drop stay as they are.
    """
    height, width = given.pixels.shape[-2:]
    chance = given.drawn(f"{height}.{width}", lambda g: g.standard_normal((1, height, width), np.float32))
    thick = (_covered if mud else _wet)(chance, mean, spread, sigma, threshold, strength)
    colour = given.pixels.new_tensor(MUD if mud else WATER) / 255
    if given.pixels.shape[1] != 3:
        colour = colour @ colour.new_tensor(LUMA)
    colour = colour.reshape(-1, 1, 1)

    def spattered(pixels: torch.Tensor, thick: torch.Tensor) -> torch.Tensor:
        return (pixels * (1 - thick) if mud else pixels) + thick * colour

    return in_pieces(given, spattered, thick)


def _liquid(chance: torch.Tensor, mean: float, spread: float, sigma: float, threshold: float) -> torch.Tensor:
    """(n, 1, h, w) float64: how thick it is, 0 where it is dry."""
    noise = smoothed(chance.to(finest(chance.device)).mul(spread).add_(mean), sigma)
    return noise.masked_fill_(noise < threshold, 0)


def _covered(
    chance: torch.Tensor, mean: float, spread: float, sigma: float, threshold: float, roundness: float
) -> torch.Tensor:
    """(n, 1, h, w) float32 in [0, 1]: how much of the image mud hides."""
    thick = torch.empty_like(chance)
    for piece in pieces(chance):
        wet = _liquid(chance[piece], mean, spread, sigma, threshold) > threshold
        cover = smoothed(wet.to(finest(chance.device)), roundness)
        thick[piece] = cover.masked_fill_(cover < SOLID, 0)
    return thick


def _wet(
    chance: torch.Tensor, mean: float, spread: float, sigma: float, threshold: float, strength: float
) -> torch.Tensor:
    """(n, 1, h, w) float32: how bright the drops are, ``strength`` where brightest. Worked out on the CPU."""
    parts = list(pieces(chance))
    liquid = torch.cat([_liquid(chance[part], mean, spread, sigma, threshold)[:, 0] for part in parts])
    levels = (liquid * 255).cpu().numpy().astype(np.int64).astype(np.uint8)  # above 255 it begins at 0, as published
    bright = np.zeros(levels.shape, np.float32)

    def work(number: int) -> None:
        some = levels[parts[number]]
        light = some * shine(some).astype(np.float32)
        most = light.max((1, 2), keepdims=True)
        bright[parts[number]] = light / np.where(most > 0, most, 1) * np.float32(strength)

    in_threads(work, len(parts), levels[parts[0]].size)
    return torch.from_numpy(bright)[:, None].to(chance.device)


KINDS: Mapping[str, Kind] = {
    "spatter": Kind(
        spatter,
        "weather",
        {
            "cifar": (
                (0.62, 0.1, 0.7, 0.7, 0.5, False),
                (0.65, 0.1, 0.8, 0.7, 0.5, False),
                (0.65, 0.3, 1, 0.69, 0.5, False),
                (0.65, 0.1, 0.7, 0.69, 0.6, True),
                (0.65, 0.1, 0.5, 0.68, 0.6, True),
            ),
            "tiny": (
                (0.62, 0.1, 0.7, 0.7, 0.6, False),
                (0.65, 0.1, 0.8, 0.7, 0.6, False),
                (0.65, 0.3, 1, 0.69, 0.6, False),
                (0.65, 0.1, 0.7, 0.68, 0.6, True),
                (0.65, 0.1, 0.5, 0.67, 0.6, True),
            ),
            "imagenet": (
                (0.65, 0.3, 4, 0.69, 0.6, False),
                (0.65, 0.3, 3, 0.68, 0.6, False),
                (0.65, 0.3, 2, 0.68, 0.5, False),
                (0.65, 0.3, 1, 0.65, 1.5, True),
                (0.67, 0.4, 1, 0.65, 1.5, True),
            ),
        },
        extra=True,
    )
}
