"""Chart specs, from data and to figures of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from markupsafe import Markup

from eyechart.core.chart import (
    Bars,
    Chart,
    Circle,
    Dots,
    Gallery,
    Heatmap,
    Lines,
    Mark,
    Panels,
    Rule,
    Series,
    Surface,
    Table,
    Tiles,
)
from eyechart.errors import UnknownNameError
from eyechart.report.bars import draw_bars
from eyechart.report.dots import draw_dots
from eyechart.report.heatmap import draw_heatmap, remarks
from eyechart.report.lines import draw_lines
from eyechart.report.panels import draw_panels
from eyechart.report.plot import COMPACT, REGULAR, WIDE
from eyechart.report.surface import draw_surface
from eyechart.report.tables import Grid, bars_grid, heatmap_grid, lines_grid, panels_grids, table_grid, tiles_grid
from eyechart.report.tiles import draw_tiles

Drawn = Lines | Bars | Dots | Heatmap | Panels | Surface | Tiles
KINDS: Mapping[str, type[Chart]] = {
    "lines": Lines,
    "bars": Bars,
    "dots": Dots,
    "heatmap": Heatmap,
    "panels": Panels,
    "surface": Surface,
    "tiles": Tiles,
    "table": Table,
    "gallery": Gallery,
}
DRAW: Mapping[type[Drawn], Callable[..., Markup]] = {
    Lines: draw_lines,
    Bars: draw_bars,
    Dots: draw_dots,
    Heatmap: draw_heatmap,
    Panels: draw_panels,
    Surface: draw_surface,
    Tiles: draw_tiles,
}
NESTED: Mapping[str, type[Series | Rule | Mark | Circle]] = {
    "series": Series,
    "rules": Rule,
    "marks": Mark,
    "circles": Circle,
}
MANY_BARS = 8
MANY_TILES = 24


@dataclass(frozen=True)
class Figure:
    """A chart ready for the page.

    Attributes:
        title, caption: beside it; the caption also tells of undefined cells.
        drawings: (sheet name, SVG); the page shows the one that suits its width. Empty for a table.
        grids: its numbers, one table for each panel.
        wide: whether it takes a whole row.
    """

    title: str
    caption: str
    drawings: tuple[tuple[str, Markup], ...]
    grids: tuple[Grid, ...]
    wide: bool


def from_dict(data: Mapping[str, Any]) -> Chart:
    """The chart spec that ``dataclasses.asdict`` (and JSON) made ``data`` from."""
    kind = data.get("kind", "")
    if kind not in KINDS:
        raise UnknownNameError.of(str(kind), KINDS, setting="kind of chart")
    cls = KINDS[kind]
    known = {field.name for field in fields(cls)}
    return cls(**{name: _revive(name, value) for name, value in data.items() if name in known})


def figures(charts: list[Drawn | Table], ident: str) -> list[Figure]:
    """Figures in order: two narrow ones share a row; what has no neighbour, or much to show, takes a whole one."""
    paired = _paired([_long(chart) for chart in charts])
    return [
        _figure(chart, not pair, f"{ident}-{i + 1}") for i, (chart, pair) in enumerate(zip(charts, paired, strict=True))
    ]


def _figure(chart: Drawn | Table, wide: bool, ident: str) -> Figure:
    if isinstance(chart, Table):
        return Figure(chart.title, chart.caption, (), (table_grid(chart),), True)
    broad = wide and not isinstance(chart, Heatmap)  # a square as wide as the page would be taller than a screen
    sheets = (COMPACT, WIDE if broad else REGULAR)
    drawings = tuple((sheet.name, DRAW[type(chart)](chart, sheet, f"{ident}-{sheet.name}")) for sheet in sheets)
    return Figure(chart.title, _caption(chart), drawings, _grids(chart), wide)


def _grids(chart: Drawn) -> tuple[Grid, ...]:
    match chart:
        case Lines():
            return (lines_grid(chart),)
        case Bars() | Dots():
            return (bars_grid(chart),)
        case Heatmap():
            return (heatmap_grid(chart),)
        case Panels() | Surface():
            return panels_grids(chart)
        case Tiles():
            return (tiles_grid(chart),)


def _caption(chart: Drawn) -> str:
    match chart:
        case Heatmap():
            return f"{chart.caption} {remarks((chart,), chart.z_range)}".strip()
        case Panels():
            return f"{chart.caption} {remarks(chart.panels, chart.z_range)}".strip()
        case Surface():
            return f"{chart.caption} {remarks(chart.panels, chart.z_range, 'left out')}".strip()
        case _:
            return chart.caption


def _long(chart: Drawn | Table) -> bool:
    match chart:
        case Bars() | Dots():
            return len(chart.categories) * len(chart.series) > MANY_BARS
        case Tiles():
            return len(chart.tiles) > MANY_TILES
        case _:
            return isinstance(chart, Panels | Surface | Table)


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
    if name == "panels":
        return tuple(from_dict(one) for one in value)
    if name in NESTED:
        return tuple(NESTED[name](**{key: _tuple(item) for key, item in one.items()}) for one in value)
    return _tuple(value)


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list | tuple) else value
