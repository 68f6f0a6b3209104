"""Where single images come from. What is sent to a decode worker is a path, the encoded bytes, or the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from eyechart.images.decode import decode
from eyechart.images.image_set import Source, UndecodableError
from eyechart.images.original import Original


@dataclass(frozen=True)
class FileSource(Source):
    """A file, by its path."""

    path: str

    def open(self) -> Original:
        """Read and decode the file. Raises UndecodableError."""
        return decode(self.path)


@dataclass(frozen=True)
class BytesSource(Source):
    """An encoded picture in memory."""

    encoded: bytes

    def open(self) -> Original:
        """Decode the bytes. Raises UndecodableError."""
        return decode(self.encoded)


@dataclass(frozen=True, eq=False)
class ArraySource(Source):
    """8-bit pixels (h, w, 3) or (h, w); a view of the set's array until it is pickled."""

    pixels: np.ndarray[Any, np.dtype[np.uint8]]

    def open(self) -> Original:
        """Copy the pixels into a picture."""
        if self.pixels.ndim == 2:
            return Original(Image.fromarray(self.pixels).convert("RGB"), "grey converted to RGB")
        return Original(Image.fromarray(self.pixels))


@dataclass(frozen=True)
class RefusedSource(Source):
    """An entry that is counted but not read."""

    status: str
    reason: str

    def open(self) -> Original:
        """Raises UndecodableError, always."""
        raise UndecodableError(self.status, self.reason)
