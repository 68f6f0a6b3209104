"""Grey pictures of more than 8 bits, scaled to 8."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from eyechart.images.image_set import UndecodableError

Grey = np.ndarray[Any, Any]


def is_deep(mode: str) -> bool:
    """Whether Pillow's ``mode`` holds one channel of more than 8 bits."""
    return mode in ("I", "F") or mode.startswith("I;16")


def to_eight_bits(picture: Image.Image) -> tuple[Image.Image, str]:
    """An RGB picture of ``picture`` (mode I;16, I or F), and what was done.

    16-bit values (and 32-bit integers within 0..65535, as Pillow reads 16-bit PGM) are divided by 257; floats within
    0..1 are multiplied by 255; floats within 0..255 are rounded; everything else is stretched from its least to its
    greatest value. Always the nearest 8-bit value.

    Raises:
        UndecodableError: for floats that are not finite.
    """
    values = np.asarray(picture)
    if picture.mode.startswith("I;16"):
        grey, remark = _from_sixteen(values), "16-bit grey scaled to 8 bits"
    elif picture.mode == "I":
        grey, remark = _from_integers(values)
    else:
        grey, remark = _from_floats(values)
    return Image.fromarray(grey).convert("RGB"), remark


def _from_sixteen(values: Grey) -> Grey:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _from_integers(values: Grey) -> tuple[Grey, str]:
    if values.min() >= 0 and values.max() <= 65535:
        return _from_sixteen(values), "16-bit grey scaled to 8 bits"
    return _stretched(values), "32-bit grey stretched to 8 bits"


def _from_floats(values: Grey) -> tuple[Grey, str]:
    if not np.isfinite(values).all():
        raise UndecodableError("unreadable", "The picture holds values that are not finite numbers.")
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return np.rint(values * 255.0).astype(np.uint8), "float grey in 0..1 scaled to 8 bits"
    if low >= 0 and high <= 255:
        return np.rint(values).astype(np.uint8), "float grey in 0..255 rounded to 8 bits"
    return _stretched(values), "float grey stretched to 8 bits"


def _stretched(values: Grey) -> Grey:
    wide = values.astype(np.float64)
    low, high = wide.min(), wide.max()
    span = high - low or 1.0
    stretched: Grey = np.rint((wide - low) * (255.0 / span)).astype(np.uint8)
    return stretched
