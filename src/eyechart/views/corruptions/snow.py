"""Snow: flakes drawn out by the wind, before a whitened scene."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from eyechart.views.corruptions.kind import Given, Kind
from eyechart.views.corruptions.motion import motion_blurred, stored
from eyechart.views.corruptions.piecewise import in_pieces
from eyechart.views.corruptions.zoom import zoomed
from eyechart.views.luminance import LUMA


def snow(
    given: Given, mean: float, spread: float, zoom: float, threshold: float, radius: int, sigma: float, clear: float
) -> torch.Tensor:
    """Noise, enlarged, above a threshold is flakes, which fall at an angle within 45 degrees of downwards.

    Args:
        given: the images.
        mean, spread: of the normal noise.
        zoom: factor of the enlargement.
        threshold: no flake below.
        radius, sigma: of the flakes' motion blur.
        clear: share of the scene that is not whitened; of the rest, each value is at least 1.5 grey + .5.

    The flakes come twice, the second time turned by 180 degrees. Flakes are levels of 8 bit, cut before the motion blur
    and, as ImageMagick writes them, after it. Frames of another number of channels than three are whitened channel by channel.
    """
    height, width = given.pixels.shape[-2:]
    noise = given.drawn(f"{height}.{width}", lambda g: g.standard_normal((1, height, width), np.float32))
    angles = given.drawn("angle", lambda g: g.uniform(-135, -45, 1).astype(np.float32))

    def snowy(pixels: torch.Tensor, noise: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
        thick = zoomed(noise.mul(spread).add_(mean), zoom)
        flakes = thick.masked_fill(thick < threshold, 0).clamp_(0, 1).mul_(255).floor_()
        blurred = motion_blurred(flakes, radius, sigma, angles[:, 0].tolist())
        layer = stored(blurred).div_(255).float()
        shown = _whitened(pixels, clear)
        both = layer.add_(layer.flip(2, 3))[:, 0]
        for channel in range(shown.shape[1]):  # one after the other: a fifth of the time of all at once
            shown[:, channel].add_(both)
        return shown

    return in_pieces(given, snowy, noise, angles)


def _whitened(pixels: torch.Tensor, clear: float) -> torch.Tensor:
    """(n, c, h, w), a new tensor."""
    shown, colour = torch.empty_like(pixels), pixels.shape[1] == 3
    grey = torch.einsum("nchw,c->nhw", pixels, pixels.new_tensor(LUMA)) if colour else None
    for channel, plane in enumerate(pixels.unbind(1)):
        white = (plane if grey is None else grey) * 1.5 + 0.5
        torch.lerp(torch.maximum(plane, white), plane, clear, out=shown[:, channel])
    return shown


KINDS: Mapping[str, Kind] = {
    "snow": Kind(
        snow,
        "weather",
        {
            "cifar": (
                (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
                (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
                (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
                (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
                (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
            ),
            "tiny": (
                (0.1, 0.2, 1, 0.6, 8, 3, 0.8),
                (0.1, 0.2, 1, 0.5, 10, 4, 0.8),
                (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
                (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65),
                (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
            ),
            "imagenet": (
                (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
                (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
                (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
                (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
                (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
            ),
        },
    )
}
