"""What a corruption is: a function of a batch and of parameters, which a severity and the frame's size choose.

The published generator computes in float64 from 8-bit images and cuts 255 times the result to whole numbers. So the last bit
counts wherever the result is a whole number: where nothing changes, and in plain areas. See ``Given.precise`` and ``cut``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.core.view import Pixels
from eyechart.views.threads import in_threads

Column = Literal["cifar", "tiny", "imagenet"]
Family = Literal["noise", "blur", "weather", "digital"]
Parameters = tuple[Any, ...]
Array = np.ndarray[Any, Any]
SIDES: Mapping[Column, int] = {"cifar": 32, "tiny": 64, "imagenet": 224}
ON_CPU, ELSEWHERE = 2**17, 2**24  # values worked on at a time; elsewhere, memory is the limit
SLACK = 1e-4  # of a grey level: float32 errs by less than half of it, and 8-bit values lie 1 apart


@dataclass(frozen=True)
class Given:
    """What a corruption works on.

    Attributes:
        pixels: (n, c, h, w) float32 in [0, 1], channels_last; not to be written into.
        batch: where it comes from, to share what severities have in common (``batch.shared``).
        stream: of the corruption; all its severities draw the same numbers.
        column: whose parameters are used.
        whole: the result will be cut to 8 bit, so a corruption that ends with a codec or a rounding of its own does so;
            otherwise it leaves its last rounding out.
    """

    pixels: torch.Tensor
    batch: Pixels
    stream: str
    column: Column
    whole: bool = True

    @property
    def levels(self) -> torch.Tensor:
        """(n, c, h, w) float32, 255 times the pixels; whole numbers where the pixels are 8-bit. Not to be written into."""

        def made() -> torch.Tensor:
            levels = self.pixels * 255
            for piece in pieces(levels):
                part = levels[piece]
                whole = part.round()
                apart = part.sub(whole).abs_()
                part.copy_(whole if bool(apart.amax() < SLACK) else torch.where(apart < SLACK, whole, part))
            return levels

        return self.batch.shared("grey levels", made)

    @property
    def precise(self) -> torch.Tensor:
        """(n, c, h, w) float64: the pixels as the published generator has them, k / 255 to the last bit; a new tensor."""
        return in_unit(self.levels)

    def generators(self, part: str = "") -> list[np.random.Generator]:
        """One an image, always from its start; ``part`` names what is drawn, so that draws do not depend on one another."""
        return [generator(self.batch.seed, f"{self.stream}/{part}", i) for i in self.batch.ids]

    def drawn(self, part: str, draw: Callable[[np.random.Generator], Array]) -> torch.Tensor:
        """``draw`` of each image's generator, stacked (n, ...) on the device; drawn once for all severities."""

        def made() -> torch.Tensor:
            generators = self.generators(part)
            first = draw(generators[0])
            every = np.empty((len(generators), *first.shape), first.dtype)
            every[0] = first

            def fill(image: int) -> None:
                every[image + 1] = draw(generators[image + 1])

            in_threads(fill, len(generators) - 1, first.size)
            return torch.from_numpy(every).to(self.pixels.device)

        return self.batch.shared(("corruption", self.stream, part), made)


def pieces(images: torch.Tensor) -> Iterator[slice]:
    """Which images to work on at a time, whole ones."""
    values = ON_CPU if images.device.type == "cpu" else ELSEWHERE
    size = max(1, values // max(1, images[:1].numel()))
    return (slice(start, start + size) for start in range(0, len(images), size))


def finest(device: torch.device) -> torch.dtype:
    """float64, but for devices that have none."""
    return torch.float32 if device.type == "mps" else torch.float64


def in_unit(levels: torch.Tensor) -> torch.Tensor:
    """Grey levels in units of [0, 1], float64, a new tensor."""
    return levels.to(finest(levels.device), copy=True).div_(255)


def cut(corrupted: torch.Tensor) -> torch.Tensor:
    """Grey levels 0 to 255, whole, of what a corruption returned: clipped, and the rest of 255 times it cut off.

    Args:
        corrupted: float64: cut as it is, as the published generator does; float32: what lies below a whole number by no more
            than float32 errs (1e-4 of a grey level) is that number; uint8: is levels already.

    Returns:
        The same shape, float32.
    """
    if corrupted.dtype == torch.uint8:
        return corrupted.to(torch.float32)
    levels = corrupted.clamp(0, 1).mul_(255)
    return levels.floor_().to(torch.float32) if levels.dtype == torch.float64 else levels.add_(SLACK).floor_()


Apply = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Kind:
    """One corruption.

    Attributes:
        apply: (given, *parameters) -> (n, c, h, w) in units of [0, 1], before clipping, float32 or float64; or uint8 grey
            levels, if ``given.whole``. See ``cut``.
        family: noise, blur, weather or digital.
        levels: by column, the parameters at severities 1 to 5.
        extra: one of the four meant for validation, which take no part in a mean corruption error.
    """

    apply: Apply
    family: Family
    levels: Mapping[Column, Sequence[Parameters]]
    extra: bool = False
