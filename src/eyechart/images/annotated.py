"""Boxes around the objects of an image set, checked: whatever is odd about them is counted and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from eyechart.errors import ImagesError

Array = np.ndarray[Any, Any]
Side = float | None


@dataclass(frozen=True)
class Annotated:
    """The boxes of one image, before they are checked.

    Attributes:
        width, height: of the image in pixels; None if the file does not say.
        boxes: (left, top, right, bottom) of each object in pixels, 0 at the image's left and top edge; None where a box is not
            made of four numbers.
    """

    width: Side
    height: Side
    boxes: tuple[tuple[float, float, float, float] | None, ...]


@dataclass(frozen=True)
class Boxes:
    """The boxes of an image set.

    Attributes:
        corners: (n, 4) left, top, right, bottom, as shares of the image's width and height, within [0, 1].
        pixel: (n, 2) a pixel's width and height, as shares of the image's.
        image: (n,) which image each box lies in, from 0.
        images: number of images annotated, those without a box included.
        clipped: boxes that reached over the edge of their image and were cut there.
        left_out: reason -> number of boxes, images or files that could not be used.
    """

    corners: Array
    pixel: Array
    image: Array
    images: int
    clipped: int
    left_out: Counter[str]


def gathered(images: Iterable[Annotated], left_out: Counter[str]) -> Boxes:
    """Check the boxes of all images; what cannot be used is counted in ``left_out``."""
    corners: list[tuple[float, ...]] = []
    pixels: list[tuple[float, float]] = []
    owners: list[int] = []
    number = clipped = 0
    for one in images:
        if one.width is None or one.height is None or not (0 < one.width < 1e9 and 0 < one.height < 1e9):
            left_out["images without a usable width and height"] += 1
            continue
        for box in one.boxes:
            if box is None or not all(isfinite(side) for side in box):
                left_out["boxes that are not four numbers"] += 1
                continue
            shares = [side / (one.height if k % 2 else one.width) for k, side in enumerate(box)]
            inside = tuple(min(max(share, 0.0), 1.0) for share in shares)
            if inside[0] >= inside[2] or inside[1] >= inside[3]:
                left_out["boxes without area in their image"] += 1
                continue
            clipped += any(abs(a - b) > 1e-6 for a, b in zip(shares, inside, strict=True))
            corners.append(inside)
            pixels.append((1 / one.width, 1 / one.height))
            owners.append(number)
        number += 1
    shaped = np.array(corners, np.float64).reshape(-1, 4), np.array(pixels, np.float64).reshape(-1, 2)
    return Boxes(*shaped, np.array(owners, np.int64), number, clipped, left_out)


def number(value: object) -> float | None:
    """A plain number, or None for whatever else stands in the file."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return None
    return found if isfinite(found) else None


def wrong(problem: str, path: str) -> ImagesError:
    """An error about the annotations."""
    way_out = "Give a COCO JSON file (instances_*.json), or a Pascal VOC XML file or folder (Annotations)."
    return ImagesError(problem, setting="ANNOTATIONS", value=path, way_out=way_out)
