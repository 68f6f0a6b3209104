"""A corrupted picture as it lies in a set: on request saved once more as JPEG, as published ones of 64 and 224 pixels are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eyechart.core.view import Pixels, Shown
from eyechart.views.corruptions.corrupted import CORRUPTIONS, SEVERITIES, Corrupted, nearest_column
from eyechart.views.jpeg import SavedAsJpeg

GENERATOR = 1  # raised whenever a corruption shows other pixels


@dataclass(frozen=True)
class CorruptedPicture(Corrupted):
    """As ``Corrupted``, to be written to a file.

    Attributes:
        jpeg85: shown as it is read from a JPEG file of quality 85, see ``SavedAsJpeg``.
    """

    corruption: str = "gaussian_noise"
    severity: int = 3
    jpeg85: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for a corruption or a severity that is none."""
        if self.corruption not in CORRUPTIONS:
            raise ValueError(f"give one of {', '.join(CORRUPTIONS)}")
        if self.severity not in SEVERITIES:
            raise ValueError(f"give a severity from {SEVERITIES[0]} to {SEVERITIES[-1]}")

    def render(self, batch: Pixels) -> Shown:
        """Corrupt, and save if asked to."""
        shown = super().render(batch)
        return SavedAsJpeg().render(Pixels(shown.pixels, batch.ids, batch.seed)) if self.jpeg85 else shown

    def made_as(self, side: int) -> dict[str, Any]:
        """What a set of such pictures of so many pixels a side is to be called, and what draws them, as plain data."""
        column = nearest_column(side, side) if self.column == "auto" else self.column
        return {"set": "-C-like, not the published files", "generator": GENERATOR, "column": column}
