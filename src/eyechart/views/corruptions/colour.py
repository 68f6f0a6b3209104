"""Brightness, contrast and saturation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from eyechart.views.corruptions.kind import Given, Kind, finest
from eyechart.views.corruptions.piecewise import exactly

NEAR_WHOLE = 1e-9  # levels this close to a whole number are truncated by chance of rounding


def brightness(given: Given, amount: float) -> torch.Tensor:
    """The largest channel of each pixel, V of HSV, gains ``amount`` up to 1; hue and saturation stay.

    Frames of another number of channels than three are grey: ``amount`` is added.
    """

    def brighter(levels: torch.Tensor) -> torch.Tensor:
        x = levels.div_(255)
        if x.shape[1] != 3:
            return x.add_(amount).clamp_(0, 1).mul_(255)
        hue, saturation, value = to_hsv(x)
        return from_hsv(hue, saturation, value.add_(amount).clamp_(0, 1)).mul_(255)

    return exactly(given, brighter)


def saturate(given: Given, factor: float, offset: float) -> torch.Tensor:
    """S of HSV becomes ``factor`` S + ``offset``, at most 1; hue and value stay. Grey counts as red: an offset tints it.

    Frames of another number of channels than three have no colour and stay as they are.
    """
    if given.pixels.shape[1] != 3:
        return given.pixels.clone()

    def stronger(levels: torch.Tensor) -> torch.Tensor:
        hue, saturation, value = to_hsv(levels.div_(255))
        return from_hsv(hue, saturation.mul_(factor).add_(offset).clamp_(0, 1), value).mul_(255)

    return exactly(given, stronger)


def contrast(given: Given, factor: float) -> torch.Tensor:
    """Differences from each channel's mean over the image are multiplied by ``factor``."""

    def weaker(levels: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        channels, _, width = levels.shape[1:]
        rows = levels.permute(0, 2, 3, 1).flatten(2)  # (m, h, w * c): long rows are fast
        means = mean.permute(0, 2, 3, 1).expand(-1, -1, width, -1).flatten(2)
        rows = rows.div(255).sub_(means).mul_(factor).add_(means).clamp_(0, 1).mul_(255)
        return rows.reshape(*rows.shape[:2], width, channels).permute(0, 3, 1, 2)

    return exactly(given, weaker, _means(given.levels, factor))


def to_hsv(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hue, saturation and value, each (n, h, w) in [0, 1], of (n, 3, h, w), in scikit-image's order of operations."""
    red, green, blue = (plane.contiguous() for plane in x.unbind(1))
    value = torch.maximum(torch.maximum(red, green), blue)
    range_ = value - torch.minimum(torch.minimum(red, green), blue)
    grey = range_ == 0
    divisor = torch.where(grey, 1.0, range_)  # of grey the numerators are 0: so are hue and saturation
    hue = torch.where(green == value, (blue - red).div_(divisor).add_(2), (green - blue).div_(divisor))
    hue = torch.where(blue == value, (red - green).div_(divisor).add_(4), hue).div_(6)
    hue = torch.where(hue < 0, hue + 1, hue).masked_fill_(grey, 0)
    return hue, range_ / torch.where(grey, 1.0, value), value


def from_hsv(hue: torch.Tensor, saturation: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """(n, 3, h, w) of hue, saturation and value, in scikit-image's order of operations."""
    six = hue * 6
    sector = six.floor()
    part = six.sub_(sector)
    rising = sector.remainder(2) == 0
    low = value * (1 - saturation)
    middle = torch.where(rising, 1 - part, part).mul_(saturation).neg_().add_(1).mul_(value)
    made = hue.new_empty((len(hue), 3, *hue.shape[1:]))
    # red is largest in sectors 5 and 0, smallest in 2 and 3; green follows by two sectors, blue by four
    for channel, turn in enumerate((0, 4, 2)):
        here = (sector + turn).remainder_(6)
        plane = torch.where((here == 2) | (here == 3), low, middle)
        torch.where((here == 0) | (here == 5), value, plane, out=made[:, channel])
    return made


def _means(levels: torch.Tensor, factor: float) -> torch.Tensor:
    """(n, c, 1, 1) float64: of each channel, in units of 1. Where truncation hangs on it, added up in NumPy's order."""
    count = levels.shape[2] * levels.shape[3]
    means = levels.sum((2, 3), dtype=finest(levels.device)) / (255 * count)
    every = torch.arange(256, dtype=means.dtype, device=levels.device) / 255
    shown = ((every - means[..., None]) * factor + means[..., None]) * 255
    doubtful = ((shown - shown.round()).abs() < NEAR_WHOLE).flatten(1).any(1)
    for image in doubtful.nonzero().flatten().tolist():
        values = levels[image].permute(1, 2, 0).cpu().numpy().astype(np.float64) / 255
        means[image] = torch.from_numpy(np.mean(np.ascontiguousarray(values), axis=(0, 1)))
    return means[..., None, None]


KINDS: Mapping[str, Kind] = {
    "brightness": Kind(
        brightness,
        "weather",
        {
            "cifar": ((0.05,), (0.1,), (0.15,), (0.2,), (0.3,)),
            "tiny": ((0.1,), (0.2,), (0.3,), (0.4,), (0.5,)),
            "imagenet": ((0.1,), (0.2,), (0.3,), (0.4,), (0.5,)),
        },
    ),
    "contrast": Kind(
        contrast,
        "digital",
        {
            "cifar": ((0.75,), (0.5,), (0.4,), (0.3,), (0.15,)),
            "tiny": ((0.4,), (0.3,), (0.2,), (0.1,), (0.05,)),
            "imagenet": ((0.4,), (0.3,), (0.2,), (0.1,), (0.05,)),
        },
    ),
    "saturate": Kind(
        saturate,
        "digital",
        {
            "cifar": ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
            "tiny": ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (30, 0.2)),
            "imagenet": ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
        },
        extra=True,
    ),
}
