"""A corrupted picture as it lies in a set: saved once more as JPEG where published ones are, those of 64 and 224 pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from eyechart.core.view import Pixels, Shown
from eyechart.views.corruptions.corrupted import CORRUPTIONS, SEVERITIES, Corrupted, nearest_column
from eyechart.views.jpeg import SavedAsJpeg

GENERATOR = 1  # raised whenever a corruption shows other pixels


@dataclass(frozen=True)
class CorruptedPicture(Corrupted):
    """As ``Corrupted``, to be written to a file.

    Attributes:
        jpeg85: shown as it is read from a JPEG file of quality 85, see ``SavedAsJpeg``; ``auto``: by the parameters of 64 and
            224 pixels, as published.
    """

    corruption: str = "gaussian_noise"
    severity: int = 3
    jpeg85: bool | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        """Raises ValueError for a corruption or a severity that is none."""
        if self.corruption not in CORRUPTIONS:
            raise ValueError(f"give one of {', '.join(CORRUPTIONS)}")
        if self.severity not in SEVERITIES:
            raise ValueError(f"give a severity from {SEVERITIES[0]} to {SEVERITIES[-1]}")
        if self.jpeg85 not in (True, False, "auto"):
            raise ValueError("give true, false or auto for jpeg85")

    def render(self, batch: Pixels) -> Shown:
        """Corrupt, and save."""
        shown = super().render(batch)
        saved = self.made_of(*shown.pixels.shape[-2:])["saved"] == "jpeg85"
        return SavedAsJpeg().render(Pixels(shown.pixels, batch.ids, batch.seed)) if saved else shown

    def made_of(self, height: int, width: int) -> dict[str, Any]:
        """How pictures of such frames are made, as plain data; ``saved``: jpeg85 or lossless."""
        column = nearest_column(height, width) if self.column == "auto" else self.column
        jpeg = column != "cifar" if self.jpeg85 == "auto" else self.jpeg85
        return {
            "column": column,
            "rounding": self.rounding,
            "saved": "jpeg85" if jpeg else "lossless",
            "generator": GENERATOR,
        }

    def made_as(self, side: int) -> dict[str, Any]:
        """What a set of such pictures of so many pixels a side is to be called, and what draws them, as plain data."""
        return {"set": "-C-like, not the published files", **self.made_of(side, side)}
