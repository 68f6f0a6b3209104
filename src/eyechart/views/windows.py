"""Windows of the model's size out of a picture that is scaled to leave a real margin. Torch-free: drawn in decode workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from eyechart.core.view import Frame, SourceView
from eyechart.images.original import Original
from eyechart.models.preprocessing import FILTERS, Preprocessing

MARGIN = 7  # the margin is the input's size by this: 32 pixels at 224
FrameNumber = Literal[1, 2]


def usual_margin(length: int) -> int:
    """Pixels of margin for an input of ``length`` pixels: round(length / 7), 32 at 224; at least 1."""
    return max(1, round(length / MARGIN))


@dataclass(frozen=True)
class Window(SourceView):
    """The window at ``place`` of the middle of the picture, scaled to ``margin`` pixels more than the input on both axes.

    The picture is resized as the model's preprocessing would (its filter; aspect kept, or squashed to its frame), its short
    side to n + margin, and the middle n + margin square is cut (n = 224, margin 32: the usual 256). Windows at whole places are
    copies of the same pixels; between them, Pillow's bicubic interpolation (Keys, a = -1/2), which looks beyond the window, not
    beyond the picture.

    Attributes:
        place: (down, right) of the window's top left corner in that square, in pixels, 0 up to ``margin``.
        margin: pixels; None = ``usual_margin`` of each axis.

    Notes: ``enlarged``, pixels of the frame for a pixel of the original. Above 1 the picture was too small to have a margin.
    """

    place: tuple[float, float]
    margin: int | None = None

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Resize once an image, then cut; no chance involved."""
        return _window(original, preprocessing, self.margin, *self.place)


@dataclass(frozen=True)
class RandomWindow(SourceView):
    """One of two windows at random places of a real margin (Zhang, ICML 2019, arXiv 1904.11486), see ``Window``.

    Both places are uniform on 0 .. margin - 1 per axis, drawn for each image (the published code draws one pair a batch: same
    mean, larger variance).

    Attributes:
        frame_number: the first or second window of the pair.
        number: which pair of the image; both frames share a stream.
        margin: see ``Window``.
        last: the place ``margin`` may be drawn, too (the published code leaves it out).
        distinct: the second place is another than the first.

    Notes: ``down`` and ``right``, the window's place; ``enlarged``, see ``Window``. Not valid where ``distinct`` leaves no
    place.
    """

    frame_number: FrameNumber
    number: int = 0
    margin: int | None = None
    last: bool = False
    distinct: bool = False

    @property
    def stream(self) -> str:
        """One stream a pair."""
        return f"consistency.crop.{self.number}"

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Draw both places, show one."""
        rows, columns = (margin + self.last for margin in _margins(preprocessing, self.margin))
        drawn = two_places(rng, rows * columns, self.distinct)
        place = drawn[self.frame_number - 1]
        shown = _window(original, preprocessing, self.margin, place // columns, place % columns)
        notes = {**shown.notes, "down": float(place // columns), "right": float(place % columns)}
        return Frame(shown.picture, notes, valid=not (self.distinct and rows * columns < 2))


def two_places(rng: np.random.Generator, places: int, distinct: bool) -> tuple[int, int]:
    """Two of so many places, each uniform; with ``distinct`` two different ones, if there are two."""
    first = int(rng.integers(places))
    if not distinct or places < 2:
        return first, int(rng.integers(places))
    second = int(rng.integers(places - 1))
    return first, second + (second >= first)


def _margins(preprocessing: Preprocessing, margin: int | None) -> tuple[int, int]:
    height, width = preprocessing.size
    return (usual_margin(height), usual_margin(width)) if margin is None else (margin, margin)


def _window(original: Original, preprocessing: Preprocessing, margin: int | None, down: float, right: float) -> Frame:
    """Scale, and cut at (down, right) of the middle."""
    height, width = preprocessing.size
    room = _margins(preprocessing, margin)
    rows, columns = _scaled(original.picture.size, (height + room[0], width + room[1]), preprocessing)
    scaled = original.resized(columns, rows, FILTERS[preprocessing.interpolation])
    top, left = down + round((rows - height - room[0]) / 2), right + round((columns - width - room[1]) / 2)
    notes = {"enlarged": (rows * columns / (original.picture.size[0] * original.picture.size[1])) ** 0.5}
    box = (left, top, left + width, top + height)
    if left == int(left) and top == int(top):
        return Frame(scaled.crop(tuple(map(int, box))), notes)  # type: ignore[arg-type]
    return Frame(scaled.resize((width, height), Image.Resampling.BICUBIC, box=box), notes)


def _scaled(picture: tuple[int, int], least: tuple[int, int], preprocessing: Preprocessing) -> tuple[int, int]:
    """(rows, columns) of the scaled picture: it covers ``least``, the long side truncated as torchvision does."""
    rows, columns = least
    if isinstance(preprocessing.resize, tuple):
        return rows, columns
    width, height = picture
    if width * rows <= height * columns:
        return max(rows, int(columns * height / width)), columns
    return rows, max(columns, int(rows * width / height))
