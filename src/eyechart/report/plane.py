"""A heat map's plane: cells in colour, isolines and circles with their words over them, and its axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from markupsafe import Markup

from eyechart.core.chart import Circle, Heatmap
from eyechart.report.axes import FEW
from eyechart.report.contours import isolines
from eyechart.report.lettering import shorten, width
from eyechart.report.numerals import magnitudes, plain
from eyechart.report.palette import HOLE, Colours
from eyechart.report.plot import Scale
from eyechart.report.raster import indexed, place
from eyechart.report.svg import element, join, path
from eyechart.report.ticks import apart, ticks_within

SMALL = 11.0  # the size of words over cells
TALL = 13.0
SHORT = 40.0  # the length below which an isoline carries no word
MOST = (9, 7, 5, 4, 3)  # labels of an axis
TURNS = (90, 270, 45, 135, 315, 225, 0, 180)  # where around a circle its word may stand, in degrees

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass
class Plane:
    """Where a heat map lies on the sheet, and what room its words have taken."""

    chart: Heatmap
    x: Scale
    y: Scale
    taken: list[Box] = field(default_factory=list)

    @classmethod
    def at(cls, chart: Heatmap, left: float, top: float, across: float, down: float) -> Plane:
        """``chart`` in a rectangle of the sheet."""
        (x0, x1), (y0, y1) = span(chart.x), span(chart.y)
        return cls(chart, Scale(x0, x1, left, left + across), Scale(y0, y1, top + down, top))

    @property
    def box(self) -> Box:
        """The rectangle of the cells."""
        return self.x.start, self.y.end, self.x.end, self.y.start

    def claim(self, text: str, x: float, y: float) -> bool:
        """Take the room of ``text`` around a point, if all of it is free and within the cells."""
        half, (left, top, right, bottom) = width(text, SMALL) / 2 + 2, self.box
        mine = (x - half, y - TALL / 2, x + half, y + TALL / 2)
        inside = left <= mine[0] and top <= mine[1] and mine[2] <= right and mine[3] <= bottom
        free = all(a[2] <= mine[0] or mine[2] <= a[0] or a[3] <= mine[1] or mine[3] <= a[1] for a in self.taken)
        if inside and free:
            self.taken.append(mine)
        return inside and free


def span(places: Sequence[float]) -> tuple[float, float]:
    """From the outer side of the first cell to that of the last."""
    half = (places[-1] - places[0]) / (len(places) - 1) / 2 if len(places) > 1 else 0.5
    return places[0] - half, places[-1] + half


def aspect(chart: Heatmap) -> float:
    """Width over height: true to the units where both axes have the same step or span, else 1.4."""
    (x0, x1), (y0, y1) = span(chart.x), span(chart.y)
    across, up = x1 - x0, y1 - y0
    same = math.isclose(across, up, rel_tol=0.01) or math.isclose(
        across / len(chart.x), up / len(chart.y), rel_tol=0.01
    )
    return across / up if same and 0.25 <= across / up <= 4 else 1.4


def margin(chart: Heatmap) -> float:
    """Room for the labels of the y axis."""
    return max(width(text) for most in MOST for _, text in _round(chart.y, most)) + 10


def draw_plane(plane: Plane, colours: Colours, ident: str) -> Markup:
    """Cells, isolines and circles within their frame."""
    left, top, right, bottom = plane.box
    rect = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    z = np.array(plane.chart.z, dtype=float)[::-1]  # the first row is the lowest, and the last line of a picture
    ink = None if plane.chart.diverging is None else "inked"  # dark lines where the palette is pale in the middle
    holes = bool(np.isnan(z).any())
    circles, circle_words = _each(_circle(plane, one) for one in plane.chart.circles)
    lines, line_words = _each(
        _contour(plane, level, text)
        for level, text in zip(plane.chart.contours, magnitudes(plane.chart.contours, plane.chart.format), strict=True)
    )
    return join(
        *((_hatch(ident), element("rect", **rect, fill=f"url(#{ident}-hatch)")) if holes else ()),
        place(indexed(colours.entries(z), colours.palette, HOLE), **rect),
        element("clipPath", element("rect", **rect), id=f"{ident}-clip"),
        element("g", *lines, *circles, clip_path=f"url(#{ident}-clip)", class_=ink),
        element("rect", **rect, class_="frame"),
        element("g", *line_words, *circle_words, class_=ink),
    )


def draw_axes(plane: Plane, *, beside: bool = True) -> Markup:
    """Ticks below and, if asked for, beside."""
    left, _, _, bottom = plane.box
    parts = []
    for mark, text in labels(plane.chart.x, plane.x):
        x = plane.x(mark)
        parts.append(element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="stub"))
        parts.append(element("text", text, x=x, y=bottom + 17, class_="tick", text_anchor="middle"))
    for mark, text in labels(plane.chart.y, plane.y) if beside else ():
        y = plane.y(mark)
        parts.append(element("line", x1=left - 4, x2=left, y1=y, y2=y, class_="stub"))
        parts.append(element("text", text, x=left - 7, y=y + 4, class_="tick", text_anchor="end"))
    return join(*parts)


def labels(cells: Sequence[float], scale: Scale) -> list[tuple[float, str]]:
    """As many labels of an axis as have room beside, or above, each other."""
    upright = scale.end < scale.start
    found: list[tuple[float, str]] = []
    kept: list[int] = []
    for most in MOST:
        found = _round(cells, most)
        sizes = [12.0 if upright else width(text) for _, text in found]
        kept = apart([abs(scale(mark) - scale.start) for mark, _ in found], sizes, 8)
        if len(kept) == len(found):
            break
    return [found[i] for i in kept]


def _round(cells: Sequence[float], most: int) -> list[tuple[float, str]]:
    """At the cells if these are few, else at round numbers."""
    marks = cells if len(cells) <= min(FEW, most) else ticks_within(cells[0], cells[-1], most)
    return [(mark, plain(mark)) for mark in marks]


def _each(drawn: Iterator[tuple[Markup, Markup]]) -> tuple[list[Markup], list[Markup]]:
    pairs = list(drawn)
    return [shape for shape, _ in pairs], [word for _, word in pairs]


def _circle(plane: Plane, circle: Circle) -> tuple[Markup, Markup]:
    x, y = plane.x(0.0), plane.y(0.0)
    rx, ry = plane.x(circle.radius) - x, y - plane.y(circle.radius)
    shape = [element("ellipse", cx=x, cy=y, rx=rx, ry=ry, class_=kind) for kind in ("over casing", "over circle")]
    text = shorten(circle.label, 0.9 * (plane.x.end - plane.x.start), SMALL)
    half, word = width(text, SMALL) / 2, Markup("")
    for turn in TURNS:
        across, up = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        air = 3 + abs(across) * (half + 2) + abs(up) * TALL / 2
        spots = [(x + across * (rx + side * air), y - up * (ry + side * air)) for side in (1, -1)]
        spot = next((spot for spot in spots if plane.claim(text, *spot)), None)
        if spot:
            word = _word(text, *spot)
            break
    hint = element("title", f"{circle.label} (radius {plain(circle.radius)})")
    return element("g", hint, *shape), word


def _contour(plane: Plane, level: float, text: str) -> tuple[Markup, Markup]:
    """The lines of one height, with one word on the longest that has room."""
    chart = plane.chart
    last_x, last_y = max(len(chart.x) - 1, 1), max(len(chart.y) - 1, 1)
    left, bottom = plane.x(chart.x[0]), plane.y(chart.y[0])
    right, top = plane.x(chart.x[-1]), plane.y(chart.y[-1])
    lines = [
        [(left + (right - left) * c / last_x, bottom + (top - bottom) * r / last_y) for c, r in line]
        for line in isolines(chart.z, level)
    ]
    if not lines:
        return Markup(""), Markup("")
    d = "".join(path(line) for line in lines)
    shape = [element("path", d=d, class_=kind) for kind in ("over casing", "over")]
    return element("g", element("title", text), *shape), _label(plane, text, lines)


def _label(plane: Plane, text: str, lines: list[list[tuple[float, float]]]) -> Markup:
    for line in sorted(lines, key=_length, reverse=True):
        if _length(line) < SHORT:
            break
        for share in (0.5, 0.3, 0.7, 0.4, 0.6, 0.2, 0.8, 0.1, 0.9):
            spot = line[int(share * (len(line) - 1))]
            if plane.claim(text, *spot):
                return _word(text, *spot)
    return Markup("")


def _word(text: str, x: float, y: float) -> Markup:
    return element("text", text, x=x, y=y + 4, class_="over-word", text_anchor="middle")


def _length(line: Sequence[tuple[float, float]]) -> float:
    return sum(math.dist(a, b) for a, b in pairwise(line))


def _hatch(ident: str) -> Markup:
    """Paper with slanted lines, for holes."""
    stroke = element("path", d="M-1 1L1 -1M0 6L6 0M5 7L7 5", class_="hatch")
    size: dict[str, float] = {"width": 6, "height": 6}
    return element("pattern", stroke, id=f"{ident}-hatch", patternUnits="userSpaceOnUse", **size)
