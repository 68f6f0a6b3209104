"""Chart specs, from data and to figures of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from markupsafe import Markup

from eyechart.core.chart import Bars, Chart, Gallery, Lines, Rule, Series, Table
from eyechart.errors import UnknownNameError
from eyechart.report.bars import draw_bars
from eyechart.report.lines import draw_lines
from eyechart.report.plot import COMPACT, REGULAR, WIDE, Sheet
from eyechart.report.tables import Grid, bars_grid, lines_grid, table_grid

KINDS: Mapping[str, type[Chart]] = {"lines": Lines, "bars": Bars, "table": Table, "gallery": Gallery}
MANY_BARS = 8


@dataclass(frozen=True)
class Figure:
    """A chart ready for the page.

    Attributes:
        title, caption: beside it.
        drawings: (sheet name, SVG); the page shows the one that suits its width. Empty for a table.
        grid: its numbers.
        wide: whether it takes a whole row.
    """

    title: str
    caption: str
    drawings: tuple[tuple[str, Markup], ...]
    grid: Grid
    wide: bool


def from_dict(data: Mapping[str, Any]) -> Chart:
    """The chart spec that ``dataclasses.asdict`` (and JSON) made ``data`` from."""
    kind = data.get("kind", "")
    if kind not in KINDS:
        raise UnknownNameError.of(str(kind), KINDS, setting="kind of chart")
    cls = KINDS[kind]
    known = {field.name for field in fields(cls)}
    return cls(**{name: _revive(name, value) for name, value in data.items() if name in known})


def figures(charts: list[Lines | Bars | Table], ident: str) -> list[Figure]:
    """Figures in order: two narrow ones share a row; what has no neighbour, or many bars, takes a whole one."""
    paired = _paired([isinstance(chart, Table) or _long(chart) for chart in charts])
    return [
        _figure(chart, not pair, f"{ident}-{i + 1}") for i, (chart, pair) in enumerate(zip(charts, paired, strict=True))
    ]


def _figure(chart: Lines | Bars | Table, wide: bool, ident: str) -> Figure:
    if isinstance(chart, Table):
        return Figure(chart.title, chart.caption, (), table_grid(chart), True)
    sheets = (COMPACT, WIDE if wide else REGULAR)
    drawings = tuple((sheet.name, _draw(chart, sheet, f"{ident}-{sheet.name}")) for sheet in sheets)
    grid = lines_grid(chart) if isinstance(chart, Lines) else bars_grid(chart)
    return Figure(chart.title, chart.caption, drawings, grid, wide)


def _draw(chart: Lines | Bars, sheet: Sheet, ident: str) -> Markup:
    return draw_lines(chart, sheet, ident) if isinstance(chart, Lines) else draw_bars(chart, sheet, ident)


def _long(chart: Lines | Bars | Table) -> bool:
    return isinstance(chart, Bars) and len(chart.categories) * len(chart.series) > MANY_BARS


def _paired(whole_row: list[bool]) -> list[bool]:
    paired = [False] * len(whole_row)
    i = 0
    while i + 1 < len(whole_row):
        if not whole_row[i] and not whole_row[i + 1]:
            paired[i] = paired[i + 1] = True
            i += 1
        i += 1
    return paired


def _revive(name: str, value: Any) -> Any:
    if name == "series":
        return tuple(Series(**{key: _tuple(item) for key, item in one.items()}) for one in value)
    if name == "rules":
        return tuple(Rule(**one) for one in value)
    return _tuple(value)


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list | tuple) else value
