"""Small pictures in rows, each pixel a sharp block of whole size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image

from eyechart.core.chart import Tiles
from eyechart.report.lettering import shorten, width
from eyechart.report.plot import Sheet
from eyechart.report.raster import place
from eyechart.report.svg import element, join, picture

SMALL = 11.0
AIR = 5.0
LABEL = 16.0
ROOMY = 40.0  # tiles from this width have their labels cut below them, narrower ones only on hover
SIDES = ((8, 88.0), (24, 66.0), (100, 44.0))  # up to so many tiles: so long a side
SIDE = 28.0


@dataclass(frozen=True)
class _Layout:
    """A sheet of tiles in its own pixels, each drawn ``scale`` units wide."""

    columns: int
    pitch: tuple[int, int]  # down, across
    scale: float
    labelled: bool


def draw_tiles(chart: Tiles, sheet: Sheet, ident: str) -> Markup:
    """Draw ``chart`` in rows that fit ``sheet``."""
    tiles = np.rint(np.array(chart.tiles, dtype=float) * 255).astype(np.uint8)
    count, height, width_ = tiles.shape[:3]
    layout = _layout(chart, sheet, height, width_)
    rows = math.ceil(count / layout.columns)
    (down, across), scale = layout.pitch, layout.scale
    sprite = np.zeros((rows * down, layout.columns * across, 4), np.uint8)
    parts = []
    for i, tile in enumerate(tiles):
        top, left = (i // layout.columns) * down, (i % layout.columns) * across
        sprite[top : top + height, left : left + width_, :3] = tile
        sprite[top : top + height, left : left + width_, 3] = 255
        box = (left * scale, top * scale, width_ * scale, height * scale)
        parts.append(_cover(chart.labels[i] if chart.labels else "", *box, written=layout.labelled))
    last = 0 if layout.labelled else down - height
    size = (layout.columns * across - (across - width_)) * scale, (rows * down - last) * scale
    picture_ = place(Image.fromarray(sprite), 0, 0, sprite.shape[1] * scale, sprite.shape[0] * scale)
    return picture(ident, *size, chart.title, describe(chart), picture_, join(*parts), exact=True)


def describe(chart: Tiles) -> str:
    """The tiles in words, for those who hear them."""
    count, height, width_ = np.shape(chart.tiles)[:3]
    said = f"{count} tiles of {width_} by {height} pixels."
    named = ", ".join(chart.labels[:12])
    return f"{said} {named}{', and more' if len(chart.labels) > 12 else ''}".strip() if named else said


def _layout(chart: Tiles, sheet: Sheet, height: int, width_: int) -> _Layout:
    side = next((side for most, side in SIDES if len(chart.tiles) <= most), SIDE)
    longest = max(height, width_)
    scale = float(max(1, side // longest)) if longest <= sheet.width else sheet.width / longest
    gap = max(1, round(AIR / scale))
    widest = max((width(label, SMALL) for label in chart.labels), default=0.0)
    labelled = widest > 0 and (widest <= width_ * scale or width_ * scale >= ROOMY)
    down = height + (math.ceil(LABEL / scale) if labelled else gap)
    fit = max(1, int((sheet.width / scale + gap) // (width_ + gap)))
    return _Layout(_tidy(len(chart.tiles), fit), (down, width_ + gap), scale, labelled)


def _tidy(count: int, fit: int) -> int:
    """Columns that leave the fewest places empty without costing much width."""
    some = range(max(1, math.ceil(0.75 * fit)), fit + 1)
    return min(some, key=lambda columns: (-count % columns, -columns)) if count > fit else count


def _cover(label: str, x: float, y: float, across: float, down: float, *, written: bool) -> Markup:
    """A tile's outline, which shows its label while the pointer rests on it, and the label below."""
    hint = (element("title", label),) if label else ()
    outline = element("rect", *hint, x=x, y=y, width=across, height=down, class_="tile")
    if not written:
        return outline
    middle = {"x": x + across / 2, "y": y + down + 12}
    text = shorten(label, across, SMALL)
    return join(outline, element("text", text, **middle, class_="tick small", text_anchor="middle"))
