"""Horizontal bars with whiskers: one group a category, one bar a series, the value printed at the end."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from eyechart.core.chart import Bars, Series
from eyechart.report.lettering import LINE, fold, width
from eyechart.report.numerals import spoken, tick
from eyechart.report.plot import Scale, Sheet, colour, ends, extent, group, legend, marker, told, words
from eyechart.report.rules import rows_needed, upright
from eyechart.report.svg import element, join, picture
from eyechart.report.ticks import apart, nice_range, nice_step, ticks_within

PITCH = {True: 22.0, False: 18.0}  # room for a bar, alone or among others
BETWEEN = 10.0


@dataclass(frozen=True)
class _Plot:
    """Where things lie on the sheet: names are in the gutter, or above their bars if there is no gutter."""

    x: Scale
    top: float
    gutter: float
    names: list[list[str]]

    def height(self, category: int, bars: int) -> float:
        """Room for a category and its share of air."""
        lines = len(self.names[category]) * LINE
        each = bars * PITCH[bars == 1]
        return (max(lines, each) if self.gutter else lines + each) + BETWEEN / (2 if bars == 1 else 1)


def draw_bars(chart: Bars, sheet: Sheet, ident: str) -> Markup:
    """Draw ``chart`` on ``sheet``; the sheet grows with the number of bars."""
    several = len(chart.series) > 1
    key, used = legend(chart.series, sheet.width, 8, dashed=False) if several else (Markup(""), 0.0)
    plot = _plot(chart, sheet, used)
    tops = [plot.top]
    for category in range(len(chart.categories)):
        tops.append(tops[-1] + plot.height(category, len(chart.series)))
    bottom = tops[-1]
    body = join(
        key,
        _grid(chart, plot, sheet, bottom),
        upright(chart.rules, plot.x, plot.top, bottom, sheet.width),
        *(_category(chart, c, plot, tops[c]) for c in range(len(chart.categories))),
    )
    return picture(ident, sheet.width, bottom + 42, chart.title, describe(chart), body)


def describe(chart: Bars) -> str:
    """The chart in words, for those who hear it."""
    said = [f"{chart.x_label}."]
    for c, category in enumerate(chart.categories[:12]):
        values = [f"{one.name} {spoken(one.y[c], chart.format)}" for one in chart.series]
        said.append(f"{category}: {', '.join(values)}.")
    return " ".join(said)


def _plot(chart: Bars, sheet: Sheet, used: float) -> _Plot:
    low, high = extent(chart.series, (0.0, *(r.y for r in chart.rules), *(chart.x_range or ())))
    if chart.x_range is None:
        low, high = nice_range(low, high, _most(sheet))
    widest = max((width(name) for name in chart.categories), default=0.0)
    beside = sheet.width >= 460 or widest <= 0.3 * sheet.width
    gutter = min(widest, 0.36 * sheet.width) + 12 if beside else 0.0
    values = [spoken(v, chart.format) for one in chart.series for v in one.y]
    room = max((width(text) for text in values), default=0.0) + 12
    before = room if low < 0 else 4.0
    x = Scale(low, high, gutter + before, sheet.width - room)
    names = [fold(name, (gutter or sheet.width) - 11.9) for name in chart.categories]
    rows = rows_needed(chart.rules, x, sheet.width)
    return _Plot(x, used + 14.0 * rows + (10 if rows else 4), gutter, names)


def _grid(chart: Bars, plot: _Plot, sheet: Sheet, bottom: float) -> Markup:
    x = plot.x
    marks = ticks_within(x.low, x.high, _most(sheet))
    step = nice_step(x.high - x.low, _most(sheet))
    texts = [tick(mark, step, chart.format) for mark in marks]
    places = [x(mark) for mark in marks]
    lines = [
        element("line", x1=at, x2=at, y1=plot.top, y2=bottom, class_="grid" if mark else "grid zero")
        for at, mark in zip(places, marks, strict=True)
    ]
    labels = [
        element("text", texts[i], x=places[i], y=bottom + 15, class_="tick", text_anchor="middle")
        for i in apart(places, [width(text) for text in texts], 6)
    ]
    long = width(chart.x_label) > x.end - x.start
    name = words(
        chart.x_label,
        sheet.width,
        x=0 if long else (x.start + x.end) / 2,
        y=bottom + 36,
        class_="axis-name",
        text_anchor=None if long else "middle",
    )
    return join(*lines, *labels, name)


def _category(chart: Bars, c: int, plot: _Plot, top: float) -> Markup:
    lines, pitch = plot.names[c], PITCH[len(chart.series) == 1]
    block = pitch * len(chart.series)
    air = BETWEEN / (4 if len(chart.series) == 1 else 2)
    if plot.gutter:
        inside = plot.height(c, len(chart.series)) - 2 * air
        first, bars_top = top + air + (inside - LINE * len(lines)) / 2, top + air + (inside - block) / 2
    else:
        first, bars_top = top + air, top + air + LINE * len(lines)
    parts = [element("text", line, x=0, y=first + LINE * row + 11, class_="category") for row, line in enumerate(lines)]
    label = group(*parts, hint=chart.categories[c])
    bars = [_bar(chart, one, s, c, plot, bars_top + pitch * (s + 0.5)) for s, one in enumerate(chart.series)]
    return join(label, *bars)


def _bar(chart: Bars, series: Series, index: int, c: int, plot: _Plot, y: float) -> Markup:
    value, alone, zero = series.y[c], len(chart.series) == 1, plot.x.clamped(0.0)
    if value is None:
        return element("text", spoken(None, chart.format), x=zero + 6, y=y + 4, class_="missing")
    tip, half = plot.x(value), 6.0 if alone else 1.6
    bar = element(
        "rect", x=min(zero, tip), y=y - half, width=abs(tip - zero), height=2 * half, class_=f"bar {colour(index)}"
    )
    low, high = ends(series, c) or (value, value)
    left, right = plot.x.clamped(min(low, value)), plot.x.clamped(max(high, value))
    parts = [bar, _whisker(left, right, y) if ends(series, c) else ""]
    parts += [] if alone else [marker(index, tip, y, 4.0)]
    at, anchor = (left - 7, "end") if value < 0 else (right + 7, "start")
    parts.append(element("text", spoken(value, chart.format), x=at, y=y + 4, class_="value", text_anchor=anchor))
    hint = f"{chart.categories[c]}, {series.name}: {told(series, c, chart.format)}"
    return group(*parts, hint=hint)


def _most(sheet: Sheet) -> int:
    """Ticks that fit the width."""
    return 7 if sheet.width >= 600 else 5


def _whisker(left: float, right: float, y: float) -> Markup:
    d = f"M{left:.1f} {y:.1f}H{right:.1f}M{left:.1f} {y - 3:.1f}v6M{right:.1f} {y - 3:.1f}v6"
    return element("path", d=d, class_="whisker ink")
