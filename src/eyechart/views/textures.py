"""Frames full of an image's texture, without its outline. Torch-free: drawn in decode workers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from eyechart.core.view import Frame, SourceView
from eyechart.images.original import Original
from eyechart.models.preprocessing import Preprocessing
from eyechart.views.outlines import NEAR_WHITE, Array, object_in

LEAST_SIDE = 8  # pixels: 64 of the object, or no texture can be told


@dataclass(frozen=True)
class ObjectTexture(SourceView):
    """The largest square that lies within the object, mirrored to and fro until the frame is full.

    The object is that of ``Silhouette``: by a mask, or before a near-white ground. Not valid without either, or where the
    square has less than 8 pixels a side. Our choice: the textures of Geirhos et al. (ICLR 2019) were collected by hand.

    Attributes:
        ground: see ``Silhouette``.

    Notes: ``side`` of the square in pixels, 0 without an object.
    """

    ground: float = NEAR_WHITE

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Of the frame as the model would see it; no chance involved."""
        picture = preprocessing.frame(original.picture)
        found, fine = object_in(original, preprocessing, self.ground)
        top, left, side = largest_square(found) if fine else (0, 0, 0)
        if side < LEAST_SIDE:
            return Frame(picture, {"side": float(side)}, valid=False)
        return _filled(picture, top, left, side)


@dataclass(frozen=True)
class PatchTexture(SourceView):
    """A square patch from a random place in the middle half of the frame, mirrored to and fro until the frame is full.

    Needs no mask: photographs mostly have their object in the middle. Outlines longer than the patch are gone.

    Attributes:
        share: the patch's side by the frame's shorter one; at least 2 pixels.

    Notes: ``side`` of the patch in pixels.
    """

    share: float = 0.25

    @property
    def stream(self) -> str:
        """One for all sizes."""
        return "patch_texture"

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """The patch lies within the middle half if it fits there, else as near as can be."""
        picture = preprocessing.frame(original.picture)
        side = max(2, round(self.share * min(picture.size)))
        top, left = (
            _place(length, side, share) for length, share in zip(picture.size[::-1], rng.random(2), strict=True)
        )
        return _filled(picture, top, left, side)


def _place(length: int, side: int, share: float) -> int:
    """Where a patch begins: from a quarter to where it ends at three quarters; in the middle if it is larger."""
    room = max(0, length // 2 - side)
    return max(0, (length - side - room) // 2) + int(share * (room + 1))


def _filled(picture: Image.Image, top: int, left: int, side: int) -> Frame:
    pixels = np.asarray(picture.convert("RGB"))
    patch = pixels[top : top + side, left : left + side]
    rows, columns = (mirrored(length, side) for length in pixels.shape[:2])
    return Frame(Image.fromarray(np.ascontiguousarray(patch[rows][:, columns])), {"side": float(side)})


def mirrored(length: int, side: int) -> Array:
    """(length,) places in a patch of ``side``, to and fro.

    >>> mirrored(8, 3).tolist()
    [0, 1, 2, 2, 1, 0, 0, 1]
    """
    at = np.arange(length) % (2 * side)
    return np.where(at < side, at, 2 * side - 1 - at)


def largest_square(mask: Array) -> tuple[int, int, int]:
    """(top, left, side) of the largest square that is all True; the first from the top left. Side 0 without one.

    >>> largest_square(np.array([[0, 1, 1], [0, 1, 1], [1, 1, 0]], bool))
    (0, 1, 2)
    """
    best = (0, 0, 0)
    above = [0] * (mask.shape[1] + 1)  # sides of the squares that end in the row above
    for y, row in enumerate(mask.tolist()):
        here = [0] * (mask.shape[1] + 1)
        for x, inside in enumerate(row, start=1):
            if inside:
                here[x] = side = 1 + min(above[x], above[x - 1], here[x - 1])
                if side > best[2]:
                    best = (y - side + 1, x - side, side)
        above = here
    return best
