"""The view: an image under a common corruption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from math import log
from typing import Literal

import torch

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.views.corruptions.kind import SIDES, Column, Given, Kind, cut

# The published order: fifteen for the mean corruption error, then the four meant for validation.
CORRUPTIONS: Mapping[str, str] = {
    "gaussian_noise": "noise",
    "shot_noise": "noise",
    "impulse_noise": "noise",
    "defocus_blur": "blur",
    "glass_blur": "glass",
    "motion_blur": "motion",
    "zoom_blur": "zoom",
    "snow": "snow",
    "frost": "frost",
    "fog": "fog",
    "brightness": "colour",
    "contrast": "colour",
    "elastic_transform": "elastic",
    "pixelate": "digital",
    "jpeg_compression": "digital",
    "speckle_noise": "noise",
    "gaussian_blur": "blur",
    "spatter": "spatter",
    "saturate": "colour",
}
SEVERITIES = (1, 2, 3, 4, 5)


@cache
def kind_of(corruption: str) -> Kind:
    """The corruption of that name: ``KINDS`` of its file has it. Raises KeyError for a name that is none."""
    module = import_module(f"eyechart.views.corruptions.{CORRUPTIONS[corruption]}")
    kind: Kind = module.KINDS[corruption]
    return kind


def nearest_column(height: int, width: int) -> Column:
    """Whose parameters suit a frame: of 32, 64 and 224 pixels the nearest to its short side, in log size."""
    side = min(height, width)
    return min(SIDES, key=lambda column: abs(log(side / SIDES[column])))


@dataclass(frozen=True)
class Corrupted(InputView):
    """An image under a common corruption, clipped to [0, 1].

    Attributes:
        corruption: one of ``CORRUPTIONS``.
        severity: 1 to 5; 0 leaves the image as it is.
        rounding: ``truncated``: the result is of 8 bit, 255 times it cut to whole numbers as in the published generator;
            ``none``: it stays a real number.
        column: whose parameters; ``auto``: see ``nearest_column``.
    """

    corruption: str
    severity: int
    rounding: Literal["truncated", "none"] = "truncated"
    column: Column | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if self.corruption not in CORRUPTIONS or self.severity not in (0, *SEVERITIES):
            raise ValueError(f"no such corruption: {self.corruption} at severity {self.severity}")
        if self.rounding not in ("truncated", "none") or self.column not in ("auto", *SIDES):
            raise ValueError(f"no such rounding or column: {self.rounding}, {self.column}")

    @property
    def stream(self) -> str:
        """One for all severities: common random numbers."""
        return f"corruption/{self.corruption}"

    def render(self, batch: Pixels) -> Shown:
        """Corrupt, clip, and truncate."""
        if self.severity == 0:
            return Shown(batch.tensor.clone(memory_format=torch.channels_last))
        column = nearest_column(*batch.tensor.shape[-2:]) if self.column == "auto" else self.column
        kind = kind_of(self.corruption)
        given = Given(batch.tensor, batch, self.stream, column, whole=self.rounding == "truncated")
        corrupted = kind.apply(given, *kind.levels[column][self.severity - 1])
        shown = cut(corrupted).div_(255) if given.whole else corrupted.clamp(0, 1).to(torch.float32)
        return Shown(shown.contiguous(memory_format=torch.channels_last))
