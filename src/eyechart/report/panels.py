"""Heat maps side by side on one colour scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from eyechart.core.chart import Heatmap, Panels, Surface
from eyechart.report.colour_bar import level_bar
from eyechart.report.heatmap import ROOMY, extremes, fitted, x_name
from eyechart.report.lettering import BOLD, LINE, fold
from eyechart.report.palette import Colours
from eyechart.report.plane import Plane, draw_axes, draw_plane, margin
from eyechart.report.plot import Sheet, group, words
from eyechart.report.svg import element, join, picture

HEAD = 62.0  # the colour bar and its words
BAR = 240.0
GAP = 20.0
TITLE = 38.0  # a panel's title and the name of its y axis


@dataclass(frozen=True)
class _Columns:
    """How many maps share a row, the room before each, and how wide each is."""

    count: int
    margin: float
    shared: bool
    each: float

    def left(self, column: int) -> float:
        """Where the map of a column begins."""
        margins = self.margin if self.shared else self.margin * (column + 1)
        return margins + column * (self.each + GAP)


def draw_panels(chart: Panels, sheet: Sheet, ident: str) -> Markup:
    """Draw ``chart`` on ``sheet``, in as many rows as are needed."""
    colours = Colours.of(chart.panels, chart.z_range)
    columns = _columns(chart.panels, sheet)
    head = words(chart.panels[0].z_label, sheet.width - columns.margin, x=columns.margin, y=11, class_="axis-name")
    bar = level_bar(colours, columns.margin, 18, min(columns.margin + BAR, sheet.width - 8))
    parts, top = [head, bar], HEAD
    for first in range(0, len(chart.panels), columns.count):
        row = chart.panels[first : first + columns.count]
        drawn, top = _row(row, columns, colours, sheet, top, f"{ident}-{first}")
        parts.append(drawn)
    return picture(ident, sheet.width, top, chart.title, describe(chart), *parts)


def describe(chart: Panels | Surface) -> str:
    """The maps in words, for those who hear them."""
    first = chart.panels[0]
    said = [f"{first.z_label} over {first.x_label} and {first.y_label}, {len(chart.panels)} maps."]
    return " ".join([*said, *(f"{one.title}: {' '.join(extremes(one))}" for one in chart.panels)])


def _columns(panels: Sequence[Heatmap], sheet: Sheet) -> _Columns:
    roomy = sheet.width >= ROOMY
    most = (4 if len(panels) in (4, 7, 8) or len(panels) > 9 else 3) if roomy else 1 if len(panels) < 4 else 2
    count = min(most, max(len(panels), 2 if roomy else 1))  # a lone map is not blown up over the whole row
    before = max(margin(one) for one in panels)
    shared = len({(tuple(one.y), one.y_label) for one in panels}) == 1
    taken = before * (1 if shared else count) + GAP * (count - 1) + 8
    return _Columns(count, before, shared, (sheet.width - taken) / count)


def _row(
    row: Sequence[Heatmap], columns: _Columns, colours: Colours, sheet: Sheet, top: float, ident: str
) -> tuple[Markup, float]:
    """A row of maps under their titles, and where the next row begins."""
    titles = [fold(one.title, columns.each, size=BOLD) for one in row]
    top += LINE * (max(map(len, titles)) - 1)
    sizes = [fitted(one, columns.each, columns.each) for one in row]
    parts = []
    for i, (one, (across, down)) in enumerate(zip(row, sizes, strict=True)):
        left, named = columns.left(i), i == 0 or not columns.shared
        plane = Plane.at(one, left, top + TITLE, across, down)
        parts.append(_title(one.title, titles[i], left, top + 11))
        if named:
            parts.append(words(one.y_label, columns.each, x=left, y=top + 28, class_="axis-name"))
        parts += [draw_plane(plane, colours, f"{ident}-{i}"), draw_axes(plane, beside=named)]
    bottom = top + TITLE + max(down for _, down in sizes)
    parts.append(_x_names(row, columns, sizes, top + TITLE, sheet))
    return join(*parts), bottom + 58


def _title(text: str, lines: Sequence[str], left: float, last: float) -> Markup:
    """A panel's title, its last line at ``last``, with the whole of it on hover."""
    first = last - LINE * (len(lines) - 1)
    rows = [element("text", line, x=left, y=first + LINE * i, class_="panel-name") for i, line in enumerate(lines)]
    return group(*rows, hint=text)


def _x_names(
    row: Sequence[Heatmap], columns: _Columns, sizes: Sequence[tuple[float, float]], top: float, sheet: Sheet
) -> Markup:
    """The name of the x axes: once below all maps if it is the same, else below each."""
    if len({one.x_label for one in row}) == 1:
        right = columns.left(len(row) - 1) + sizes[-1][0]
        return x_name(row[0].x_label, columns.left(0), right, top + max(down for _, down in sizes), sheet.width)
    names = []
    for i, (one, (across, down)) in enumerate(zip(row, sizes, strict=True)):
        middle = {"x": columns.left(i) + across / 2, "y": top + down + 36}
        names.append(words(one.x_label, columns.each, **middle, class_="axis-name", text_anchor="middle"))
    return join(*names)
