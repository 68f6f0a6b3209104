"""A view: an image saved as JPEG and read again."""

from __future__ import annotations

from dataclasses import dataclass

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.views.redrawn import jpeg, redrawn


@dataclass(frozen=True)
class SavedAsJpeg(InputView):
    """An image rounded to 8 bit, saved as JPEG and read again, by Pillow with its defaults (4:2:0); no chance involved.

    The files of Tiny-ImageNet-C and ImageNet-C were written so, at quality 85, after the corruption: a small corruption of its
    own in every image of theirs. ``Corrupted(...).then(SavedAsJpeg())`` shows what such a file holds.

    Attributes:
        quality: 1 to 95, as Pillow counts.
    """

    quality: int = 85

    def __post_init__(self) -> None:
        """Raises ValueError for a quality that is none."""
        if not 1 <= self.quality <= 95:
            raise ValueError(f"quality={self.quality}: give a whole number from 1 to 95")

    def render(self, batch: Pixels) -> Shown:
        """Every image through the codec."""
        return Shown(redrawn(batch.tensor, jpeg(self.quality)).float().div_(255))
