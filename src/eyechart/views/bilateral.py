"""The bilateral filter: averages over neighbours of like colour, so that texture goes and contours stay."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import torch
from torch.nn.functional import pad

from eyechart.core.view import InputView, Pixels, Shown

LEAST = -100.0  # powers of two: smaller weights count for nothing, and denormal numbers take a hundred times as long
TOGETHER = 1 << 16  # pixels filtered at a time on a CPU: they and what is made of them stay in its cache
ROUNDING = 1e-3  # 8-bit levels


@dataclass(frozen=True)
class Bilateral(InputView):
    """The frame smoothed by ``bilateral``.

    Attributes:
        diameter, sigma_color, sigma_space: see ``bilateral``.
    """

    diameter: int
    sigma_color: float
    sigma_space: float = 75.0

    def render(self, batch: Pixels) -> Shown:
        """Filtered once for all views that start from it."""
        return Shown(
            batch.shared(self, lambda: bilateral(batch.tensor, self.diameter, self.sigma_color, self.sigma_space))
        )


def bilateral(pixels: torch.Tensor, diameter: int, sigma_color: float, sigma_space: float) -> torch.Tensor:
    """Bilateral filter with OpenCV's definition (``cv2.bilateralFilter``; Tomasi & Manduchi, ICCV 1998), in floating point.

    Each pixel becomes the mean of those within a circle of radius max(1, diameter // 2), with weights
    exp(-s^2 / (2 sigma_color^2) - r^2 / (2 sigma_space^2)), s the sum over channels of absolute differences in 8-bit units, r
    the distance in pixels. Beyond the border the picture is mirrored without repeating its edge.

    Args:
        pixels: (n, c, h, w) in [0, 1].
        diameter: pixels; an even one is as the next odd one.
        sigma_color: 8-bit units.
        sigma_space: pixels.

    Returns:
        (n, c, h, w), channels_last; an image's values do not depend on the others.

    Raises:
        ValueError: a setting is not positive, or the radius is not below the frame's sides.
    """
    radius = max(1, diameter // 2)
    if min(diameter, sigma_color, sigma_space) <= 0 or radius >= min(pixels.shape[-2:]):
        raise ValueError(f"bilateral filter of {diameter} pixels, sigmas {sigma_color} and {sigma_space}")
    n, _, height, width = pixels.shape
    if not n:
        return pixels.clone(memory_format=torch.channels_last)
    area = (height + 2 * radius) * (width + 2 * radius)
    step = max(1, TOGETHER // area) if pixels.device.type == "cpu" else n
    return torch.cat([_filtered(part, radius, sigma_color, sigma_space) for part in torch.split(pixels, step)])


def _filtered(pixels: torch.Tensor, radius: int, sigma_color: float, sigma_space: float) -> torch.Tensor:
    """Every weight is used twice, for both pixels of a pair.

    Padded images lie one behind the other, so that all pairs of pixels at one offset are two pieces of one line; pairs across
    a border of the padded image only spoil its margin, which is cut off. A last plane of ones sums the weights.
    """
    n, channels, height, width = pixels.shape
    framed = pad(255 * pixels, (radius,) * 4, mode="reflect").transpose(0, 1)
    columns, count = framed.shape[-1], framed[0].numel()
    line = pixels.new_ones(channels + 1, count)  # plane after plane, whatever the layout of the batch
    line[:channels] = framed.reshape(channels, count)
    levels, total = _levels(line[:channels]), line.clone()
    apart, weight = torch.empty_like(levels), torch.empty_like(line[0])
    steep = -0.5 / (sigma_color**2 * log(2))  # powers of two take a third of the time of exp
    for down, right in _half_circle(radius):
        k = down * columns + right
        w = _distance(levels[:, :-k], levels[:, k:], apart[:, :-k], weight[:-k])
        w.square_().mul_(steep).clamp_(min=LEAST).exp2_()
        near = exp(-0.5 * (down**2 + right**2) / sigma_space**2)
        total[:, :-k].addcmul_(w, line[:, k:], value=near)
        total[:, k:].addcmul_(w, line[:, :-k], value=near)
    whole = total[:channels].div_(total[channels].mul_(255)).view(channels, n, height + 2 * radius, columns)
    inner = whole[:, :, radius : radius + height, radius : radius + width]
    return inner.transpose(0, 1).contiguous(memory_format=torch.channels_last)


def _levels(line: torch.Tensor) -> torch.Tensor:
    """Whole 8-bit levels where there are no others: compared in half the time, and the same."""
    whole = line.round()
    return whole.to(torch.int16) if (line - whole).abs().amax() < ROUNDING else line


def _distance(first: torch.Tensor, second: torch.Tensor, apart: torch.Tensor, into: torch.Tensor) -> torch.Tensor:
    """Sum over channels (the first axis) of absolute differences."""
    torch.sub(first, second, out=apart)
    found = apart.abs_()[0]
    for plane in apart[1:]:
        found.add_(plane)
    return into.copy_(found)


def _half_circle(radius: int) -> list[tuple[int, int]]:
    """Offsets within the circle, one of each two that are opposite; not (0, 0)."""
    offsets = [(down, right) for down in range(radius + 1) for right in range(-radius, radius + 1)]
    return [(y, x) for y, x in offsets if (y, x) > (0, 0) and y * y + x * x <= radius * radius]
