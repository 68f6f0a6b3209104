"""Small pictures drawn from their number, and sources that fail in every way. Loads no torch: decode workers use it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from eyechart.images.image_set import ImageSet, Source
from eyechart.images.original import Original

SIDE, CLASSES = 16, 4


@dataclass(frozen=True)
class Numbered(Source):
    """Independent pixels, the ``bright`` ones above half on average, the others below."""

    number: int
    bright: bool = False

    def open(self) -> Original:
        pixels = np.random.default_rng(self.number).integers(0, 128, (SIDE, SIDE, 3), dtype=np.uint8)
        return Original(Image.fromarray(pixels + 120 if self.bright else pixels))


class Exits(Source):
    """Ends the process that opens it."""

    def open(self) -> Original:
        os._exit(3)


class Crashes(Source):
    """Crashes the process that opens it, as a decoder written in C may."""

    def open(self) -> Original:
        signal.raise_signal(signal.SIGKILL)
        raise AssertionError("still alive")


class Fails(Source):
    """Raises what no source should."""

    def open(self) -> Original:
        raise ZeroDivisionError("an odd source")


@dataclass(frozen=True, eq=False)
class NumberedImages(ImageSet):
    """Pictures 0 to n - 1, but ``odd`` ones for some numbers."""

    odd: Mapping[int, Source] = field(default_factory=dict)

    def source(self, index: int) -> Source:
        return self.odd.get(index, Numbered(index))


def numbered(n: int, odd: Mapping[int, Source] | None = None, fingerprint: str = "numbered") -> NumberedImages:
    """n pictures with output numbers as labels, one in ten without a label."""
    ids = [f"picture-{i:05d}" for i in range(n)]
    labels = np.where(np.arange(n) % 10 == 9, -1, np.arange(n) % CLASSES)
    return NumberedImages("numbered", ids, {"label": labels}, (), f"{fingerprint}-{n}", odd=odd or {})
