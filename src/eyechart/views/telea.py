"""Filling what a small picture leaves of its canvas by Telea's method (J. Graphics Tools 9, 2004), as OpenCV does it.

Torch-free: drawn in the decode workers, where OpenCV belongs. It comes with the extra ``cv``.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from PIL import Image

from eyechart.core.view import Frame, SourceView
from eyechart.errors import SettingError
from eyechart.images.original import Original
from eyechart.models.preprocessing import Preprocessing
from eyechart.views.places import Array, Place, corners, stream
from eyechart.views.shrunk import Shrunk


@dataclass(frozen=True)
class Telea(SourceView):
    """A small picture at the place that ``Placed`` gives it, the rest filled by fast marching.

    Attributes:
        small: the picture.
        pair, move, place: see ``Placed``.
        compared: whether to note ``fill_difference``; see ``Inpainted``.
        radius: of the neighbourhood of each filled pixel.

    Notes: those of ``small``, ``top``, ``left``, ``fill_difference``.
    """

    small: Shrunk
    pair: int = 0
    move: tuple[int, int] = (0, 0)
    place: Place = "random"
    compared: bool = False
    radius: int = 3

    @property
    def stream(self) -> str:
        """That of the place."""
        return stream(self.pair, self.place)

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Shrink, paste and fill."""
        drawn = self.small.frame(original, preprocessing, rng)
        if not drawn.valid:
            return drawn
        free = np.array([[drawn.notes["free_down"], drawn.notes["free_right"]]]).astype(int)
        shares = rng.random(2)[None] if self.place == "random" else np.zeros((1, 2))
        top, left = (int(at) for at in corners(self.place, self.pair, free, shares)[0])
        shown, known = self._filled(drawn, top + self.move[0], left + self.move[1])
        notes = {**drawn.notes, "top": float(top + self.move[0]), "left": float(left + self.move[1])}
        if self.compared:
            down, right = self.move
            first, known_first = self._filled(drawn, top, left)
            height, width = known.shape
            here, there = np.s_[: height - down, : width - right], np.s_[down:, right:]
            unknown = ~(known_first[here] | known[there])
            gaps = np.abs(first[here].astype(int) - shown[there])[unknown]
            notes["fill_difference"] = float(gaps.mean()) if gaps.size else float("nan")
        return Frame(Image.fromarray(shown), notes)

    def _filled(self, drawn: Frame, top: int, left: int) -> tuple[Array, Array]:
        """(h, w, 3) uint8, and (h, w) where it was known."""
        cv2 = import_module("cv2")  # the extra ``cv``; see ``require_opencv``
        known = np.zeros(drawn.picture.size[::-1], bool)
        known[top : top + int(drawn.notes["rows"]), left : left + int(drawn.notes["columns"])] = True
        canvas = np.roll(np.asarray(drawn.picture), (top, left), (0, 1))
        if known.all():
            return canvas, known
        return np.asarray(cv2.inpaint(canvas, np.uint8(~known), self.radius, cv2.INPAINT_TELEA)), known


def require_opencv(setting: str, value: str) -> None:
    """Raises SettingError, naming the extra, if OpenCV is not installed."""
    if find_spec("cv2") is None:
        raise SettingError(
            "Telea's inpainting is OpenCV's, which is not installed.",
            setting=setting,
            value=value,
            way_out="Install eyechart[cv], or use the built-in inpainting.",
        )
