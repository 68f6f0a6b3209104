"""Pairs of frames that differ by one pixel (Azulay & Weiss, JMLR 20(184), 2019, arXiv 1805.12177).

Both frames of a pair name one random stream, so they share their place. Torch-free: drawn in the decode workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from eyechart.core.view import Frame, SourceView
from eyechart.images.original import Original
from eyechart.models.preprocessing import FILTERS, Preprocessing

Fill = Literal["black", "mean"]


@dataclass(frozen=True)
class CropShift(SourceView):
    """Protocol 1: a random square of the original, resized to the input; frame 2 is the square moved diagonally.

    Attributes:
        frame_number: 1, or 2 for the shifted one.
        pair: which pair of the image.
        step: how far the square moves, in pixels of ``shift_in``, down and right.
        shift_in: ``original`` moves the square before it is resized (the paper's wording); ``resized`` resizes once to
            size + 10 pixels and cuts two windows (the authors' script), so the shift is exactly ``step`` input pixels.
        area: the square's area as a share of the largest square, drawn uniformly from this range.

    Notes: ``effective_shift`` in input pixels (geometric mean of both axes). Not valid where the picture leaves no room for
    the move.
    """

    frame_number: Literal[1, 2]
    pair: int = 0
    step: int = 1
    shift_in: Literal["original", "resized"] = "original"
    area: tuple[float, float] = (0.08, 1.0)

    @property
    def stream(self) -> str:
        """One stream a pair."""
        return f"shift.crop.{self.pair}"

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Draw the square, move it, resize it."""
        height, width = preprocessing.size
        room = self.step if self.shift_in == "original" else 0
        most = min(original.picture.size) - room
        if most < 2:
            return Frame(Image.new("RGB", (width, height)), {"effective_shift": 0.0}, valid=False)
        side = min(most, max(2, round(float(np.sqrt(rng.uniform(*self.area))) * min(original.picture.size))))
        left = int(rng.integers(original.picture.size[0] - side - room + 1))
        top = int(rng.integers(original.picture.size[1] - side - room + 1))
        move = self.step if self.frame_number == 2 else 0
        filter = FILTERS[preprocessing.interpolation]
        if self.shift_in == "original":
            box = (left + move, top + move, left + move + side, top + move + side)
            shown = original.picture.resize((width, height), filter, box=box)
            return Frame(shown, {"effective_shift": self.step * (width * height) ** 0.5 / side})
        margin = max(10, self.step)
        larger = original.picture.resize(
            (width + margin, height + margin), filter, box=(left, top, left + side, top + side)
        )
        return Frame(larger.crop((move, move, move + width, move + height)), {"effective_shift": float(self.step)})


@dataclass(frozen=True)
class EmbedShift(SourceView):
    """Protocol 2: the whole picture, shrunk, pasted at a random place of a plain canvas; frame 2 one pixel further.

    Attributes:
        frame_number: 1, or 2 for the shifted one.
        pair: which pair of the image.
        step: pixels down and right.
        short_side: of the shrunk picture at an input of 224; other inputs use round(short_side * n / 224).
        fill: ``black`` (zero before normalisation) or ``mean`` (the model's mean colour, zero after it).

    Notes: ``effective_shift``; ``capped`` is 1 where the long side had to be made smaller to fit.
    """

    frame_number: Literal[1, 2]
    pair: int = 0
    step: int = 1
    short_side: int = 100
    fill: Fill = "black"

    @property
    def stream(self) -> str:
        """One stream a pair."""
        return f"shift.embed.{self.pair}"

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Shrink once, paste at the drawn place."""
        height, width = preprocessing.size
        columns, rows, capped = self._size(original, height, width)
        if min(rows, columns) < 1:  # the step is as long as the canvas
            return Frame(Image.new("RGB", (width, height)), {"effective_shift": 0.0, "capped": 1.0}, valid=False)
        small = original.resized(columns, rows, FILTERS[preprocessing.interpolation])
        left = int(rng.integers(width - columns - self.step + 1))
        top = int(rng.integers(height - rows - self.step + 1))
        move = self.step if self.frame_number == 2 else 0
        canvas = Image.new("RGB", (width, height), self._colour(preprocessing))
        canvas.paste(small, (left + move, top + move))
        return Frame(canvas, {"effective_shift": float(self.step), "capped": float(capped)})

    def _size(self, original: Original, height: int, width: int) -> tuple[int, int, bool]:
        columns, rows = original.picture.size
        wanted = max(1, round(self.short_side * min(height, width) / 224)) / min(columns, rows)
        fits = min((height - self.step) / rows, (width - self.step) / columns)
        scale = min(wanted, fits)
        size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        return min(size[0], width - self.step), min(size[1], height - self.step), fits < wanted

    def _colour(self, preprocessing: Preprocessing) -> tuple[int, int, int]:
        if self.fill == "black":
            return (0, 0, 0)
        red, green, blue = (round(255 * m) for m in (*preprocessing.mean, *preprocessing.mean, *preprocessing.mean)[:3])
        return (red, green, blue)
