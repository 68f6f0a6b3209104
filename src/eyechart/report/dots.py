"""Rows of categories with one mark a series: how each lies on a common axis, and how uncertain that is."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from eyechart.core.chart import Dots, Rule, Series
from eyechart.report.lettering import LINE, fold, width
from eyechart.report.numerals import spoken, tick
from eyechart.report.plot import Scale, Sheet, colour, ends, extent, group, legend, marker, told, words
from eyechart.report.rules import rows_needed, upright
from eyechart.report.svg import element, join, picture
from eyechart.report.ticks import apart, nice_range, nice_step, ticks_within

ROW, BESIDE, AIR = (
    22.0,
    9.0,
    8.0,
)  # a row's height with one series, what each further one adds, and what lies between rows


@dataclass(frozen=True)
class _Plot:
    """Where things lie on the sheet."""

    x: Scale
    top: float
    row: float
    gutter: float

    def middle(self, category: int) -> float:
        """The height of a category's row."""
        return self.top + self.row * (category + 0.5)


def draw_dots(chart: Dots, sheet: Sheet, ident: str) -> Markup:
    """Draw ``chart`` on ``sheet``; the sheet grows with the number of categories and series."""
    key, used = legend(chart.series, sheet.width, 8, dashed=False) if len(chart.series) > 1 else (Markup(""), 0.0)
    plot = _plot(chart, sheet, used)
    bottom = plot.top + plot.row * len(chart.categories)
    body = join(
        key,
        _grid(chart, plot, sheet, bottom),
        _pooled(chart, plot, bottom),
        upright(_rules(chart), plot.x, plot.top, bottom, sheet.width),
        *(_category(chart, c, plot) for c in range(len(chart.categories))),
    )
    height = bottom + (58 if any(chart.ends) else 42)
    return picture(ident, sheet.width, height, chart.title, describe(chart), body)


def describe(chart: Dots) -> str:
    """The chart in words, for those who hear it."""
    said = [f"{chart.x_label}."]
    for one, value in zip(chart.series, chart.pooled, strict=False):
        said.append(f"{one.name}, all categories: {spoken(value, chart.format)}.")
    for c, category in enumerate(chart.categories):
        values = [f"{one.name} {spoken(one.y[c], chart.format)}" for one in chart.series]
        said.append(f"{category}: {', '.join(values)}.")
    said += [f"Marked: {rule.label} at {spoken(rule.y, chart.format)}." for rule in chart.rules]
    return " ".join(said)


def _rules(chart: Dots) -> tuple[Rule, ...]:
    """The given rules, and words for the pooled values; their lines are drawn apart."""
    named = len(chart.pooled) == 1
    pooled = [Rule(value, "all categories") for value in chart.pooled if value is not None and named]
    return (*chart.rules, *pooled)


def _plot(chart: Dots, sheet: Sheet, used: float) -> _Plot:
    low, high = chart.x_range or nice_range(*_extent(chart), _most(sheet))
    widest = max((width(name) for name in chart.categories), default=0.0)
    gutter = min(widest, 0.36 * sheet.width) + 12
    x = Scale(low, high, gutter + 8, sheet.width - 12)
    rows = rows_needed(_rules(chart), x, sheet.width)
    row = ROW + BESIDE * (len(chart.series) - 1) + (AIR if len(chart.series) > 1 else 0)
    return _Plot(x, used + 14.0 * rows + (10 if rows else 4), row, gutter)


def _extent(chart: Dots) -> tuple[float, float]:
    return extent(chart.series, (*chart.pooled, *(rule.y for rule in chart.rules)))


def _grid(chart: Dots, plot: _Plot, sheet: Sheet, bottom: float) -> Markup:
    x = plot.x
    marks, step = ticks_within(x.low, x.high, _most(sheet)), nice_step(x.high - x.low, _most(sheet))
    texts, places = [tick(mark, step, chart.format) for mark in marks], [x(mark) for mark in marks]
    parts = [element("line", x1=at, x2=at, y1=plot.top, y2=bottom, class_="grid") for at in places]
    parts += [
        element("text", texts[i], x=places[i], y=bottom + 15, class_="tick", text_anchor="middle")
        for i in apart(places, [width(text) for text in texts], 6)
    ]
    parts += _end_words(chart, plot, bottom + 31)
    long = width(chart.x_label) > x.end - x.start
    where = {"x": 0 if long else (x.start + x.end) / 2, "y": bottom + (52 if any(chart.ends) else 36)}
    anchor = None if long else "middle"
    return join(*parts, words(chart.x_label, sheet.width, **where, class_="axis-name", text_anchor=anchor))


def _end_words(chart: Dots, plot: _Plot, y: float) -> list[Markup]:
    """What lies to either side, with arrows."""
    left, right = chart.ends
    room = (plot.x.end - plot.x.start) / 2 - 8
    sides = [(f"← {left}", plot.x.start, "start")] if left else []
    sides += [(f"{right} →", plot.x.end, "end")] if right else []
    return [words(text, room, x=x, y=y, class_="category", text_anchor=anchor) for text, x, anchor in sides]


def _pooled(chart: Dots, plot: _Plot, bottom: float) -> Markup:
    lines = []
    for i, (one, value) in enumerate(zip(chart.series, chart.pooled, strict=False)):
        if value is not None:
            at = plot.x.clamped(value)
            line = element("line", x1=at, x2=at, y1=plot.top, y2=bottom, class_=f"line {colour(i)}")
            lines.append(group(line, hint=f"{one.name}, all categories: {spoken(value, chart.format)}"))
    return join(*lines)


def _category(chart: Dots, c: int, plot: _Plot) -> Markup:
    middle, lines = plot.middle(c), fold(chart.categories[c], plot.gutter - 11.9)
    first = middle + 4 - LINE * (len(lines) - 1) / 2
    name = [element("text", line, x=0, y=first + LINE * k, class_="category") for k, line in enumerate(lines)]
    base = element("line", x1=plot.x.start, x2=plot.x.end, y1=middle, y2=middle, class_="grid")
    count = len(chart.series)
    heights = [middle + BESIDE * (s - (count - 1) / 2) for s in range(count)]
    dots = [_dot(chart, one, s, c, plot, heights[s]) for s, one in enumerate(chart.series)]
    return join(group(*name, hint=chart.categories[c]), base if count == 1 else "", *dots)


def _dot(chart: Dots, series: Series, index: int, c: int, plot: _Plot, y: float) -> Markup:
    value = series.y[c]
    if value is None:
        return Markup("")
    bounds, parts = ends(series, c), []
    if bounds:
        left, right = (plot.x.clamped(end) for end in bounds)
        parts.append(element("path", d=f"M{left:.1f} {y:.1f}H{right:.1f}", class_=f"whisker {colour(index)}"))
    at = plot.x.clamped(value)
    parts += [element("circle", cx=at, cy=y, r=9, class_="hit"), marker(index, at, y, 4.2)]
    return group(*parts, hint=f"{chart.categories[c]}, {series.name}: {told(series, c, chart.format)}")


def _most(sheet: Sheet) -> int:
    """Ticks that fit the width."""
    return 7 if sheet.width >= 600 else 5
