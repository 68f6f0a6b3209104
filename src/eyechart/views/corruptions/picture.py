"""A corrupted picture as it lies in a set: on request saved once more as JPEG, as published ones of 64 and 224 pixels are."""

from __future__ import annotations

from dataclasses import dataclass

from eyechart.core.view import Pixels, Shown
from eyechart.views.corruptions.corrupted import Corrupted
from eyechart.views.jpeg import SavedAsJpeg

GENERATOR = 1  # raised whenever a corruption shows other pixels


@dataclass(frozen=True)
class CorruptedPicture(Corrupted):
    """As ``Corrupted``, to be written to a file.

    Attributes:
        jpeg85: shown as it is read from a JPEG file of quality 85, see ``SavedAsJpeg``.
    """

    jpeg85: bool = False

    def render(self, batch: Pixels) -> Shown:
        """Corrupt, and save if asked to."""
        shown = super().render(batch)
        return SavedAsJpeg().render(Pixels(shown.pixels, batch.ids, batch.seed)) if self.jpeg85 else shown
