"""Colours for numbers: one palette that grows lighter, one that darkens to both sides of a neutral middle.

Neighbouring anchors are equally far apart in lightness (CIE L*), so that equal steps look equal and the order can be
read without telling hues apart. The same colours serve light and dark pages: no end is as dark or light as the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eyechart.core.chart import Format, Heatmap

RISING = (
    "#2a1a57", "#353371", "#394f87", "#356e8f", "#2d8e8e", "#4cab82", "#80c56b", "#c8d85c", "#f7ec9a",
)  # fmt: skip
TWO_SIDED = (
    "#165695", "#2e72b8", "#548fcf", "#80acde", "#b2cae4", "#e8e6e2",
    "#e2c0ae", "#d89b7a", "#c77849", "#af571b", "#8d3d00",
)  # fmt: skip
LEVELS = 255
HOLE = 255


@dataclass(frozen=True)
class Colours:
    """Which colour a number has: from ``low`` to ``high``, or evenly to both sides of ``middle``."""

    low: float
    high: float
    middle: float | None = None
    format: Format = "number"

    @classmethod
    def of(cls, maps: Sequence[Heatmap], z_range: tuple[float, float] | None) -> Colours:
        """Colours for ``maps``, over ``z_range`` or else over all their numbers; (0, 1) if there are none."""
        found = [value for one in maps for row in one.z for value in row if value is not None]
        low, high = z_range or (min(found, default=0.0), max(found, default=1.0))
        return cls(low, high, maps[0].diverging, maps[0].format)

    def entries(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Palette entries; numbers beyond the ends take the ends' colour, NaN the hole's."""
        if self.middle is None:
            reach = self.high - self.low
            shares = (values - self.low) / reach if reach > 0 else np.where(np.isnan(values), np.nan, 0.5)
        else:
            reach = max(abs(self.low - self.middle), abs(self.high - self.middle)) or 1.0
            shares = 0.5 + (np.clip(values, self.low, self.high) - self.middle) / (2 * reach)
        levels: NDArray[np.float64] = np.rint(np.clip(shares, 0, 1) * (LEVELS - 1))
        levels[np.isnan(levels)] = HOLE
        return np.asarray(levels, dtype=np.uint8)

    @property
    def palette(self) -> NDArray[np.uint8]:
        """(256, 3) red, green and blue; the last entry is the hole's."""
        return np.concatenate([shades(RISING if self.middle is None else TWO_SIDED), np.zeros((1, 3), np.uint8)])


def shades(anchors: Sequence[str], count: int = LEVELS) -> NDArray[np.uint8]:
    """(count, 3) colours evenly from the first anchor to the last."""
    known = np.array([[int(one[i : i + 2], 16) for i in (1, 3, 5)] for one in anchors], dtype=float)
    at = np.linspace(0, len(anchors) - 1, count)
    mixed = [np.interp(at, np.arange(len(anchors)), channel) for channel in known.T]
    return np.asarray(np.rint(np.stack(mixed, axis=-1)), dtype=np.uint8)
