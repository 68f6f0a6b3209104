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
from eyechart.models.preprocessing import FILTERS, Interpolation, Preprocessing

Direction = Literal["diagonal", "down", "right"]
ASPECTS = (3 / 4, 4 / 3)
TRIES = 10


def move(step: int, direction: Direction) -> tuple[int, int]:
    """Pixels (down, right) of a step."""
    return (0 if direction == "right" else step), (0 if direction == "down" else step)


@dataclass(frozen=True)
class CropShift(SourceView):
    """Protocol 1: a random square of the original, resized to the input; frame 2 is the square moved.

    Attributes:
        frame_number: 1, or 2 for the shifted one.
        pair: which pair of the image.
        step: how far the square moves, in pixels of ``shift_in``.
        shift_in: ``original`` moves the square before it is resized (the paper's wording); ``resized`` resizes once to
            size + 10 pixels and cuts two windows (the authors' script), so the shift is exactly ``step`` input pixels.
        area: the square's area as a share of the largest square, drawn uniformly from this range.
        direction: ``diagonal`` (down and right, each by ``step``), ``down`` or ``right``.
        square: False cuts as torchvision's RandomResizedCrop does, which the authors' script uses: ``area`` is of the whole
            picture, width over height is log-uniform from 3/4 to 4/3, and the input squashes the box to its own shape. After
            ten draws that do not fit, the largest box of an allowed shape, in the centre.
        resample: filter of the resize; None = the model's own.

    Notes: ``effective_shift`` in input pixels along each axis that moves (geometric mean where both do). Not valid where the
    picture leaves no room for the move.
    """

    frame_number: Literal[1, 2]
    pair: int = 0
    step: int = 1
    shift_in: Literal["original", "resized"] = "original"
    area: tuple[float, float] = (0.08, 1.0)
    direction: Direction = "diagonal"
    square: bool = True
    resample: Interpolation | None = None

    @property
    def stream(self) -> str:
        """One stream a pair."""
        return f"shift.crop.{self.pair}"

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Draw the box, move it, resize it."""
        height, width = preprocessing.size
        down, right = move(self.step, self.direction)
        moved_down, moved_right = (down, right) if self.frame_number == 2 else (0, 0)
        room = (down, right) if self.shift_in == "original" else (0, 0)
        box = self._box(original.picture.size[1] - room[0], original.picture.size[0] - room[1], original, rng)
        if box is None:
            return Frame(Image.new("RGB", (width, height)), {"effective_shift": 0.0}, valid=False)
        top, left, rows, columns = box
        filter = FILTERS[self.resample or preprocessing.interpolation]
        if self.shift_in == "original":
            top, left = top + moved_down, left + moved_right
            shown = original.picture.resize((width, height), filter, box=(left, top, left + columns, top + rows))
            steps = [d * n / side for d, n, side in ((down, height, rows), (right, width, columns)) if d]
            return Frame(shown, {"effective_shift": float(np.prod(steps) ** (1 / len(steps))) if steps else 0.0})
        margin = max(10, self.step)
        window = (left, top, left + columns, top + rows)
        larger = original.picture.resize((width + margin, height + margin), filter, box=window)
        shown = larger.crop((moved_right, moved_down, moved_right + width, moved_down + height))
        return Frame(shown, {"effective_shift": float(self.step)})

    def _box(
        self, height: int, width: int, original: Original, rng: np.random.Generator
    ) -> tuple[int, int, int, int] | None:
        """Top, left, rows and columns of a box within the first ``height`` rows and ``width`` columns, if they suffice."""
        if min(height, width) < 2:
            return None
        if not self.square:
            return _any_shape(height, width, self.area, rng)
        wanted = round(float(np.sqrt(rng.uniform(*self.area))) * min(original.picture.size))
        side = min(height, width, max(2, wanted))
        left = int(rng.integers(width - side + 1))
        return int(rng.integers(height - side + 1)), left, side, side


def _any_shape(
    height: int, width: int, area: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """The box of torchvision's RandomResizedCrop: top, left, rows, columns."""
    for _ in range(TRIES):
        wanted = height * width * rng.uniform(*area)
        aspect = float(np.exp(rng.uniform(*np.log(ASPECTS))))
        columns, rows = round(float(np.sqrt(wanted * aspect))), round(float(np.sqrt(wanted / aspect)))
        if 0 < columns <= width and 0 < rows <= height:
            return int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1)), rows, columns
    columns = min(width, round(height * ASPECTS[1]))
    rows = min(height, round(width / ASPECTS[0]))
    return (height - rows) // 2, (width - columns) // 2, rows, columns
