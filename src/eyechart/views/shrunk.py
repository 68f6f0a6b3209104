"""The whole picture, made smaller, on a plain canvas: what embedding protocols start from.

Torch-free: drawn in the decode workers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from eyechart.core.view import Frame, SourceView
from eyechart.images.original import Original
from eyechart.models.preprocessing import FILTERS, Interpolation, Preprocessing

Fill = Literal["black", "mean"] | tuple[int, int, int]
REFERENCE = 224  # the input size that short sides refer to


@dataclass(frozen=True)
class Shrunk(SourceView):
    """The picture in the top left corner of a canvas of the input's size; ``Placed`` moves it to where it belongs.

    Frames of a pair may differ in size (Azulay & Weiss, JMLR 20(184), 2019, protocol 4): each is resized from the original.

    Attributes:
        short_side: of the shrunk picture at an input of 224; other inputs use round(short_side * n / 224).
        fill: colour of the canvas: ``black`` (zero before normalisation), ``mean`` (the model's mean colour, zero after it), or
            red, green and blue from 0 to 255.
        room: pixels left free on both axes, for moves.
        larger: pixels added to the short side.
        largest: the most that any frame of the pair adds; all are made to fit, with ``room``. Short sides are then whole
            pixels to begin with, so that frames differ by exactly what they add.
        keep_aspect: False squashes the picture to a square.
        resample: filter of the resize; None = the model's own.

    Notes: ``rows`` and ``columns`` of the picture; ``free_down`` and ``free_right``, how far the largest may move, ``room`` not
    counted; ``capped``, 1 where the picture had to be made smaller to fit. Not valid where ``room`` fills the canvas, or where
    the largest frame fits only if the smallest has no pixel left.
    """

    short_side: int = 100
    fill: Fill = "black"
    room: int = 1
    larger: int = 0
    largest: int = 0
    keep_aspect: bool = True
    resample: Interpolation | None = None

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Shrink and paste; no chance involved."""
        height, width = preprocessing.size
        (rows, columns), (most_rows, most_columns), capped = self._sizes(original, height, width)
        canvas = Image.new("RGB", (width, height), self._colour(preprocessing))
        if min(rows, columns) < 1:
            nothing = dict.fromkeys(("rows", "columns", "free_down", "free_right"), 0.0)
            return Frame(canvas, {**nothing, "capped": 1.0}, valid=False)
        canvas.paste(original.resized(columns, rows, FILTERS[self.resample or preprocessing.interpolation]), (0, 0))
        free = {"free_down": height - most_rows - self.room, "free_right": width - most_columns - self.room}
        return Frame(canvas, {"rows": float(rows), "columns": float(columns), **free, "capped": float(capped)})

    def _sizes(self, original: Original, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int], bool]:
        """(rows, columns) of this frame and of the largest, and whether the picture did not fit as wanted."""
        columns, rows = original.picture.size if self.keep_aspect else (1, 1)
        short = max(1, round(self.short_side * min(height, width) / REFERENCE))
        fits = min((height - self.room) / rows, (width - self.room) / columns) * min(rows, columns) - self.largest
        base = min(short, fits)
        if self.largest:  # frames that differ by whole pixels begin at one
            base = math.floor(base + 1e-9)
            if base < 1:
                return (0, 0), (0, 0), True

        def sized(more: int) -> tuple[int, int]:
            scale = (base + more) / min(rows, columns)
            full = max(1, round(rows * scale)), max(1, round(columns * scale))
            return min(full[0], height - self.room), min(full[1], width - self.room)

        return sized(self.larger), sized(self.largest), fits < short

    def _colour(self, preprocessing: Preprocessing) -> tuple[int, int, int]:
        if self.fill == "black":
            return (0, 0, 0)
        if self.fill == "mean":
            means = preprocessing.mean * (3 // len(preprocessing.mean))
            return (round(255 * means[0]), round(255 * means[1]), round(255 * means[2]))
        return self.fill
