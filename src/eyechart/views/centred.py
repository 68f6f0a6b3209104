"""The whole picture, made smaller, near the centre of a plain canvas. Torch-free: drawn in decode workers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import ImageChops

from eyechart.core.view import Frame, SourceView
from eyechart.images.original import Original
from eyechart.models.preprocessing import Preprocessing
from eyechart.views.shrunk import Fill, Shrunk


@dataclass(frozen=True)
class Centred(SourceView):
    """As ``Shrunk`` draws it, moved from the corner to where half of ``travel`` still leads to the centre.

    Attributes:
        short_side, fill: see ``Shrunk``.
        travel: pixels (down, right) that the picture is to go from here; there is room for them.
    """

    short_side: int = 100
    fill: Fill = "black"
    travel: tuple[int, int] = (0, 0)

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Shrink and paste; no chance involved."""
        drawn = Shrunk(self.short_side, self.fill, room=max(self.travel)).frame(original, preprocessing, rng)
        if not drawn.valid:
            return drawn
        rows, columns = int(drawn.notes["rows"]), int(drawn.notes["columns"])
        height, width = preprocessing.size
        top, left = (height - rows - self.travel[0]) // 2, (width - columns - self.travel[1]) // 2
        canvas = ImageChops.offset(
            drawn.picture, max(0, left), max(0, top)
        )  # what is beside the picture is of one colour
        return Frame(canvas, drawn.notes)
