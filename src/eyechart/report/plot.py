"""What every drawn chart shares: sheet sizes, scales, and how a series is told apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from eyechart.core.chart import Format, Number, Series
from eyechart.report.lettering import BOLD, LINE, SIZE, shorten, width
from eyechart.report.numerals import interval, spoken
from eyechart.report.svg import element, join

COLOURS = 6
DASHES = (None, "7 3", "2 3", "9 3 2 3", "14 4")  # five, so that colour and dash repeat together only after 30
SHAPES = ("circle", "square", "triangle", "diamond", "ring", "box", "cross")


@dataclass(frozen=True)
class Sheet:
    """The size a chart is drawn at, in the units of its text (12 to a letter's height)."""

    name: str
    width: float
    height: float


COMPACT = Sheet("compact", 348, 264)
REGULAR = Sheet("regular", 500, 296)
WIDE = Sheet("wide", 700, 330)


@dataclass(frozen=True)
class Scale:
    """A map from values to places on the sheet: linear, or linear in the logarithm of values above zero."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Where ``value`` lies."""
        low, high = self._along(self.low), self._along(self.high)
        share = (self._along(value) - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def clamped(self, value: float) -> float:
        """Where ``value`` lies, or the nearer end of the axis."""
        return self(min(max(value, self.low), self.high))

    def _along(self, value: float) -> float:
        return math.log10(value) if self.log else value


def colour(index: int) -> str:
    """The CSS class that gives series ``index`` its colour."""
    return f"s{index % COLOURS + 1}"


def dash(index: int) -> str | None:
    """The dash pattern of series ``index``; None is solid."""
    return DASHES[index % len(DASHES)]


def marker(index: int, x: float, y: float, size: float = 3.6) -> Markup:
    """The point of series ``index``: shapes differ so that colour is never needed to tell series apart."""
    shape = SHAPES[index % len(SHAPES)]
    style = f"mark {colour(index)}" + (" hollow" if shape in ("ring", "box") else "")
    if shape in ("circle", "ring"):
        return element("circle", cx=x, cy=y, r=size, class_=style)
    r = size * 1.25
    if shape in ("square", "box"):
        return element("rect", x=x - size, y=y - size, width=2 * size, height=2 * size, class_=style)
    outlines = {
        "triangle": f"M{x:.1f} {y - r:.1f}L{x + r:.1f} {y + 0.8 * r:.1f}H{x - r:.1f}Z",
        "diamond": f"M{x:.1f} {y - r:.1f}L{x + r:.1f} {y:.1f}L{x:.1f} {y + r:.1f}L{x - r:.1f} {y:.1f}Z",
        "cross": f"M{x - size:.1f} {y - size:.1f}l{2 * size:.1f} {2 * size:.1f}m0 {-2 * size:.1f}"
        f"l{-2 * size:.1f} {2 * size:.1f}",
    }
    return element("path", d=outlines[shape], class_=style + (" hollow" if shape == "cross" else ""))


def legend(
    series: Sequence[Series], room: float, top: float, *, dashed: bool, marked: bool = True
) -> tuple[Markup, float]:
    """Names with their dashes and marks in rows that fit ``room``, and the height these take."""
    before = 28 if dashed else 13
    parts, x, y = [], 0.0, top
    for i, one in enumerate(series):
        name = shorten(one.name, room - before, BOLD)
        taken = before + width(name, BOLD) + 14
        if x and x + taken - 14 > room:
            x, y = 0.0, y + LINE + 2
        if dashed:
            style = f"line {colour(i)}"
            parts.append(element("line", x1=x, x2=x + 22, y1=y, y2=y, class_=style, stroke_dasharray=dash(i)))
        if marked:
            parts.append(marker(i, x + (11 if dashed else 5), y))
        parts.append(element("text", name, x=x + before, y=y + 4, class_=f"label {colour(i)}"))
        x += taken
    return element("g", *parts, class_="legend"), y - top + LINE + 6


def words(text: str, room: float, **attributes: str | float | None) -> Markup:
    """A text cut to ``room``, with the whole of it on hover."""
    short = shorten(text, room, SIZE)
    return element("text", short, *([element("title", text)] if short != text else []), **attributes)


def ends(series: Series, i: int) -> tuple[float, float] | None:
    """The interval of value ``i``, or None where there is none."""
    low = series.low[i] if i < len(series.low) else None
    high = series.high[i] if i < len(series.high) else None
    return None if low is None or high is None else (low, high)


def told(series: Series, i: int, form: Format) -> str:
    """Value ``i`` with its interval, as words."""
    bounds = ends(series, i)
    added = f" (95% interval {interval(*bounds, form)})" if bounds else ""
    return spoken(series.y[i], form) + added


def extent(series: Iterable[Series], extra: Iterable[Number] = ()) -> tuple[float, float]:
    """The least and greatest of all values, interval ends and ``extra``; (0, 1) if there are none."""
    found = [v for one in series for v in (*one.y, *one.low, *one.high) if v is not None]
    found += [v for v in extra if v is not None]
    return (min(found), max(found)) if found else (0.0, 1.0)


def group(*parts: str, hint: str) -> Markup:
    """Parts that show ``hint`` while the pointer rests on them."""
    return element("g", element("title", hint), join(*parts))
