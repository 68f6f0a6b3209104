"""Lines over a numeric axis, with shaded 95 % intervals and each line named at its end."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from eyechart.core.chart import Lines, Rule, Series
from eyechart.report.axes import Axis, on_axes, place_axis, value_axis
from eyechart.report.lettering import BOLD, LINE, fold, spread, width
from eyechart.report.numerals import plain, spoken
from eyechart.report.plot import Scale, Sheet, colour, dash, ends, group, legend, marker, told, words
from eyechart.report.rules import across, rows_needed, upright
from eyechart.report.svg import element, join, path, picture
from eyechart.report.ticks import apart

DENSE = 60  # places beyond which points are not marked one by one
CROWD = 3  # lines beyond which shades are fainter and have edges, since three that overlap hide whose they are
NAME_GAP = 14.0


@dataclass(frozen=True)
class _Plot:
    """Where things lie on the sheet, what the axes say, and upright rules."""

    x: Scale
    y: Scale
    across: Axis
    up: Axis
    marks: tuple[Rule, ...]


def draw_lines(chart: Lines, sheet: Sheet, ident: str) -> Markup:
    """Draw ``chart`` on ``sheet``. Undefined values leave gaps in their line, unless it is to be joined."""
    chart = on_axes(chart)
    names = [fold(one.name, 0.25 * sheet.width, size=BOLD) for one in chart.series]
    named = len(chart.series) > 1
    whole = all(" ".join(lines) == " ".join(one.name.split()) for lines, one in zip(names, chart.series, strict=True))
    beside = named and whole and sum(NAME_GAP * len(lines) for lines in names) < sheet.height - 90
    room = max((width(line, BOLD) for lines in names for line in lines), default=0.0) + 18
    head, top = words(chart.y_label, sheet.width, x=0, y=11, class_="axis-name"), 28.0
    key, extra = Markup(""), 0.0
    if named and not beside:
        key, extra = legend(chart.series, sheet.width, 30, dashed=True, marked=len(chart.x) <= DENSE)
    plot, height = _plot(chart, sheet, top + extra, max(0.0, extra - 20), room if beside else 14.0)
    body = join(
        head,
        key,
        _grid(chart, plot, sheet, height),
        *(_band(chart, one, i, plot) for i, one in enumerate(chart.series)),
        upright(plot.marks, plot.x, plot.y.end, plot.y.start, sheet.width),
        across(chart.rules, chart.series, plot.x, plot.y),
        *(_line(chart, one, i, plot) for i, one in enumerate(chart.series)),
        _names(chart, names, plot) if beside else "",
    )
    return picture(ident, sheet.width, height, chart.title, describe(chart), body)


def describe(chart: Lines) -> str:
    """The chart in words, for those who hear it."""
    said = [f"{chart.y_label} over {chart.x_label}."]
    said += [f"The {axis} axis is logarithmic." for axis in "xy" if getattr(chart, f"{axis}_scale") == "log"]
    for one in chart.series:
        known = [(x, y) for x, y in zip(chart.x, one.y, strict=True) if y is not None]
        if known:
            (x0, y0), (x1, y1) = known[0], known[-1]
            said.append(
                f"{one.name}: {spoken(y0, chart.format)} at {plain(x0)}, {spoken(y1, chart.format)} at {plain(x1)}."
            )
    said += [f"Marked: {mark.label} at {plain(mark.x)}." for mark in chart.marks]
    return " ".join(said)


def _plot(chart: Lines, sheet: Sheet, top: float, more: float, right: float) -> tuple[_Plot, float]:
    """Where things lie, and the height of the sheet: each row of words over the marks adds its own."""
    across_, up = place_axis(chart), value_axis(chart)
    left = max((width(text) for _, text in up.labels), default=20.0) + 10
    inset = 10 if across_.high > across_.low else 0
    log = chart.x_scale == "log" and across_.low > 0
    x = Scale(across_.low, across_.high, left + inset, sheet.width - right - inset, log)
    marks = tuple(Rule(mark.x, mark.label) for mark in chart.marks)
    words_over = 14.0 * rows_needed(marks, x, sheet.width)
    height = sheet.height + more + words_over
    y = Scale(up.low, up.high, height - 42, top + words_over, chart.y_scale == "log")
    return _Plot(x, y, across_, up, marks), height


def _grid(chart: Lines, plot: _Plot, sheet: Sheet, height: float) -> Markup:
    left, right, floor = plot.x.start - 10, plot.x.end + 10, plot.y.start
    parts = [element("line", x1=left, x2=left + 4, y1=y, y2=y, class_="stub") for y in map(plot.y, plot.up.minor)]
    for mark, text in plot.up.labels:
        y = plot.y(mark)
        parts.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="grid" if mark else "grid zero"))
        parts.append(element("text", text, x=left - 6, y=y + 4, class_="tick", text_anchor="end"))
    if plot.y.log:
        parts.append(element("line", x1=left, x2=right, y1=floor, y2=floor, class_="grid zero"))
    parts.append(_below(plot))
    middle = (left + right) / 2
    parts.append(words(chart.x_label, sheet.width, x=middle, y=height - 6, class_="axis-name", text_anchor="middle"))
    return join(*parts)


def _below(plot: _Plot) -> Markup:
    texts = [text for _, text in plot.across.labels]
    places = [plot.x(mark) for mark, _ in plot.across.labels]
    floor = plot.y.start
    parts = [element("line", x1=x, x2=x, y1=floor, y2=floor + 4, class_="stub") for x in places]
    parts += [
        element("line", x1=x, x2=x, y1=floor, y2=floor + 2, class_="stub") for x in map(plot.x, plot.across.minor)
    ]
    for i in apart(places, [width(text) for text in texts], 6):
        parts.append(element("text", texts[i], x=places[i], y=floor + 18, class_="tick", text_anchor="middle"))
    return join(*parts)


def _runs(chart: Lines, series: Series, *, bounded: bool) -> list[list[int]]:
    """Stretches of neighbouring places where the value (or its interval) is defined, in the order of x."""
    order = sorted(range(len(chart.x)), key=chart.x.__getitem__)
    runs: list[list[int]] = [[]]
    for i in order:
        if (ends(series, i) if bounded else series.y[i]) is not None:
            runs[-1].append(i)
        elif runs[-1] and not chart.joined:
            runs.append([])
    return [run for run in runs if run]


def _band(chart: Lines, series: Series, index: int, plot: _Plot) -> Markup:
    shade = "band" if len(chart.series) <= CROWD else "band faint"
    parts = []
    for run in _runs(chart, series, bounded=True):
        bounds = [(plot.x(chart.x[i]), *(ends(series, i) or (0.0, 0.0))) for i in run]
        lower = [(x, plot.y.clamped(low)) for x, low, _ in bounds]
        upper = [(x, plot.y.clamped(high)) for x, _, high in bounds]
        if len(run) == 1:  # a lone interval has no width to shade
            shape = element("path", d=path(lower + upper), class_=f"whisker {colour(index)}")
        else:
            shape = element("path", d=path(lower + upper[::-1], closed=True), class_=f"{shade} {colour(index)}")
        parts.append(shape)
    return join(*parts)


def _line(chart: Lines, series: Series, index: int, plot: _Plot) -> Markup:
    strokes, points = [], []
    for run in _runs(chart, series, bounded=False):
        places = [(plot.x(chart.x[i]), plot.y(series.y[i] or 0.0)) for i in run]
        if len(run) > 1:
            strokes.append(
                element("path", d=path(places), class_=f"line {colour(index)}", stroke_dasharray=dash(index))
            )
        if len(chart.x) <= DENSE:
            points += [_point(chart, series, index, i, at) for i, at in zip(run, places, strict=True)]
        elif len(run) == 1:  # a lone value among gaps would not be seen at all
            points.append(marker(index, *places[0], 1.6))
    return join(*strokes, *points)


def _point(chart: Lines, series: Series, index: int, i: int, at: tuple[float, float]) -> Markup:
    hint = f"{series.name}, {chart.x_label} {plain(chart.x[i])}: {told(series, i, chart.format)}"
    size = 3.4 if len(chart.x) <= 16 else 2.0
    return group(element("circle", cx=at[0], cy=at[1], r=11, class_="hit"), marker(index, *at, size), hint=hint)


def _names(chart: Lines, names: list[list[str]], plot: _Plot) -> Markup:
    """Each name beside the end of its line, moved up or down where names would touch."""
    last = [(i, run[-1]) for i, one in enumerate(chart.series) for run in _runs(chart, one, bounded=False)[-1:]]
    tips = [(plot.x(chart.x[at]), plot.y(chart.series[i].y[at] or 0.0)) for i, at in last]
    gap = NAME_GAP * max((len(names[i]) for i, _ in last), default=1)
    heights = spread([y for _, y in tips], gap, plot.y.end + gap / 2 - LINE / 2, plot.y.start + LINE - gap / 2)
    x = plot.x.end + 16
    parts = []
    for (i, _), tip, y in zip(last, tips, heights, strict=True):
        if abs(y - tip[1]) > 3 or tip[0] < plot.x.end - 1:
            parts.append(element("path", d=path([(tip[0] + 5, tip[1]), (x - 3, y)]), class_=f"leader {colour(i)}"))
        top = y + 4 - NAME_GAP * (len(names[i]) - 1) / 2
        for row, line in enumerate(names[i]):
            parts.append(element("text", line, x=x, y=top + NAME_GAP * row, class_=f"label {colour(i)}"))
    return join(*parts)
