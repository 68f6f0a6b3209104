"""Lines over a numeric axis, with shaded 95 % intervals and each line named at its end."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from eyechart.core.chart import Lines, Series
from eyechart.report.lettering import BOLD, LINE, fold, spread, width
from eyechart.report.numerals import plain, spoken, tick
from eyechart.report.plot import Scale, Sheet, colour, dash, ends, extent, group, legend, marker, told, words
from eyechart.report.rules import across
from eyechart.report.svg import element, join, path, picture
from eyechart.report.ticks import apart, nice_range, nice_step, ticks_within

FEW = 9  # places on the x axis that each get a tick
CROWD = 4  # lines beyond which the shades are made fainter
NAME_GAP = 14.0


@dataclass(frozen=True)
class _Plot:
    """Where things lie on the sheet."""

    x: Scale
    y: Scale
    y_ticks: tuple[float, ...]


def draw_lines(chart: Lines, sheet: Sheet, ident: str) -> Markup:
    """Draw ``chart`` on ``sheet``. Undefined values leave gaps in their line."""
    names = [fold(one.name, 0.25 * sheet.width, size=BOLD) for one in chart.series]
    named = len(chart.series) > 1
    whole = all(" ".join(lines) == " ".join(one.name.split()) for lines, one in zip(names, chart.series, strict=True))
    beside = named and whole and sum(NAME_GAP * len(lines) for lines in names) < sheet.height - 90
    room = max((width(line, BOLD) for lines in names for line in lines), default=0.0) + 18
    head, top = words(chart.y_label, sheet.width, x=0, y=11, class_="axis-name"), 28.0
    key, extra = legend(chart.series, sheet.width, 30, dashed=True) if named and not beside else (Markup(""), 0.0)
    height = sheet.height + max(0.0, extra - 20)
    plot = _plot(chart, sheet, top + extra, height, room if beside else 14.0)
    body = join(
        head,
        key,
        _grid(chart, plot, sheet, height),
        *(_band(chart, one, i, plot) for i, one in enumerate(chart.series)),
        across(chart.rules, chart.series, plot.x, plot.y),
        *(_line(chart, one, i, plot) for i, one in enumerate(chart.series)),
        _names(chart, names, plot) if beside else "",
    )
    return picture(ident, sheet.width, height, chart.title, describe(chart), body)


def describe(chart: Lines) -> str:
    """The chart in words, for those who hear it."""
    said = [f"{chart.y_label} over {chart.x_label}."]
    for one in chart.series:
        known = [(x, y) for x, y in zip(chart.x, one.y, strict=True) if y is not None]
        if known:
            (x0, y0), (x1, y1) = known[0], known[-1]
            said.append(
                f"{one.name}: {spoken(y0, chart.format)} at {plain(x0)}, {spoken(y1, chart.format)} at {plain(x1)}."
            )
    return " ".join(said)


def _plot(chart: Lines, sheet: Sheet, top: float, height: float, right: float) -> _Plot:
    low, high = extent(chart.series, (*(r.y for r in chart.rules), *(chart.y_range or ())))
    if chart.y_range is None and 0 <= low <= 0.5 * high:
        low = 0.0
    low, high = nice_range(low, high)
    marks = ticks_within(low, high)
    step = nice_step(high - low)
    left = max((width(tick(mark, step, chart.format)) for mark in marks), default=20.0) + 10
    inset = 10 if len(chart.x) > 1 else 0
    across_ = Scale(min(chart.x, default=0.0), max(chart.x, default=1.0), left + inset, sheet.width - right - inset)
    return _Plot(across_, Scale(low, high, height - 42, top), marks)


def _grid(chart: Lines, plot: _Plot, sheet: Sheet, height: float) -> Markup:
    step = nice_step(plot.y.high - plot.y.low)
    left, right = plot.x.start - 10, plot.x.end + 10
    parts = []
    for mark in plot.y_ticks:
        y = plot.y(mark)
        parts.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="grid" if mark else "grid zero"))
        parts.append(
            element("text", tick(mark, step, chart.format), x=left - 6, y=y + 4, class_="tick", text_anchor="end")
        )
    parts.append(_below(chart, plot, height))
    middle = (left + right) / 2
    parts.append(words(chart.x_label, sheet.width, x=middle, y=height - 6, class_="axis-name", text_anchor="middle"))
    return join(*parts)


def _below(chart: Lines, plot: _Plot, height: float) -> Markup:
    """Ticks at the measured places if they are few, else at round numbers."""
    given = sorted(set(chart.x))
    marks = given if len(given) <= FEW else list(ticks_within(given[0], given[-1], 7))
    texts = [plain(mark) for mark in marks]
    places = [plot.x(mark) for mark in marks]
    floor = plot.y.start
    parts = [element("line", x1=x, x2=x, y1=floor, y2=floor + 4, class_="stub") for x in places]
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
        elif runs[-1]:
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
        points += [_point(chart, series, index, i, at) for i, at in zip(run, places, strict=True)]
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
