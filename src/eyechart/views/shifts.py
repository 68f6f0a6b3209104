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
