"""The colours of a heat map with their numbers: upright beside it, or level above it."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from eyechart.report.lettering import width
from eyechart.report.numerals import magnitudes, spoken, tick
from eyechart.report.palette import HOLE, LEVELS, Colours
from eyechart.report.plot import Scale
from eyechart.report.raster import indexed, place
from eyechart.report.svg import element, join
from eyechart.report.ticks import apart, nice_step, ticks_within

THICK = 11.0
BEFORE = 18.0  # between the map and an upright bar


def labels(colours: Colours, most: int = 6) -> list[tuple[float, str]]:
    """Round numbers along the bar."""
    low, high = colours.low, colours.high
    if not high > low:
        return [(low, spoken(low, colours.format))]
    step = nice_step(high - low, most)
    marks = ticks_within(low, high, most)
    small = step * (100 if colours.format == "percent" else 1) < 1e-4
    if small or max(abs(low), abs(high)) >= 1e6:
        return list(zip(marks, magnitudes(marks, colours.format), strict=True))
    return [(mark, tick(mark, step, colours.format)) for mark in marks]


def upright_room(colours: Colours) -> float:
    """The width that an upright bar takes beside its map."""
    return BEFORE + THICK + 7 + max((width(text) for _, text in labels(colours)), default=0.0)


def upright_bar(colours: Colours, left: float, top: float, bottom: float) -> Markup:
    """A bar from ``bottom`` (its lowest number) to ``top``."""
    scale = Scale(colours.low, colours.high, bottom, top)
    marks = labels(colours)
    parts = [_strip(colours, left, top, THICK, bottom - top, upright=True)]
    right = left + THICK
    for mark, text in marks:
        y = scale(mark)
        parts.append(element("line", x1=right, x2=right + 4, y1=y, y2=y, class_="stub"))
        parts.append(element("text", text, x=right + 7, y=y + 4, class_="tick"))
    return join(*parts)


def level_bar(colours: Colours, left: float, top: float, right: float) -> Markup:
    """A bar from ``left`` (its lowest number) to ``right``, numbers below it."""
    scale = Scale(colours.low, colours.high, left, right)
    marks = labels(colours)
    bottom = top + THICK
    parts = [_strip(colours, left, top, right - left, THICK, upright=False)]
    places = [scale(mark) for mark, _ in marks]
    widths = [width(text) for _, text in marks]
    parts += [element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="stub") for x in places]
    for i in apart(places, widths, 8):
        x = max(places[i], widths[i] / 2)
        parts.append(element("text", marks[i][1], x=x, y=bottom + 16, class_="tick", text_anchor="middle"))
    return join(*parts)


def _strip(colours: Colours, x: float, y: float, across: float, down: float, *, upright: bool) -> Markup:
    """The palette from ``low`` to ``high`` and a frame."""
    entries = colours.entries(np.linspace(colours.low, colours.high, LEVELS))
    pixels = entries[::-1, None] if upright else entries[None, :]
    image = indexed(np.ascontiguousarray(pixels), colours.palette, HOLE)
    frame = element("rect", x=x, y=y, width=across, height=down, class_="frame")
    return join(place(image, x, y, across, down), frame)
