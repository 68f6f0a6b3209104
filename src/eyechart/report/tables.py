"""Numbers as tables: an exam's own, and the one behind every drawn chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.core.chart import Bars, Dots, Format, Heatmap, Lines, Panels, Series, Surface, Table, Tiles
from eyechart.report.numerals import cell, interval, plain, spoken
from eyechart.report.plot import ends

MOST_ROWS = 200
MOST_PLACES = 40  # rows behind a drawing
MOST_CELLS = 200  # cells behind a heat map, or behind all panels of one figure
FILES = "the rest is in the run's files."


@dataclass(frozen=True)
class Cell:
    """A figure and, smaller, its interval."""

    text: str
    interval: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Column:
    """A heading, whether it stands over numbers, and whether over intervals beside them."""

    text: str
    numeric: bool = True
    bounded: bool = False


@dataclass(frozen=True)
class Grid:
    """A table ready to be written.

    Attributes:
        more: how many rows at its end were left out.
        note: what else was left out, as a sentence.
        title: its heading where a figure has several.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    more: int = 0
    note: str = ""
    title: str = ""


def table_grid(table: Table) -> Grid:
    """An exam's table; beyond 200 rows the rest stays in ``results.json``."""
    forms = [*table.formats, *([None] * len(table.columns))][: len(table.columns)]
    rows = tuple(
        tuple(_of_table(value, form) for value, form in zip(row, forms, strict=True)) for row in table.rows[:MOST_ROWS]
    )
    bounded = [any(isinstance(row[j], tuple | list) for row in table.rows) for j in range(len(forms))]
    columns = tuple(
        Column(name, form is not None, with_ends)
        for name, form, with_ends in zip(table.columns, forms, bounded, strict=True)
    )
    return Grid(columns, rows, max(0, len(table.rows) - MOST_ROWS))


def lines_grid(chart: Lines) -> Grid:
    """One row a place on the x axis, 40 at most, one column a line."""
    shown = spaced(len(chart.x), MOST_PLACES)
    note = f"{len(shown)} of {len(chart.x):,} places, evenly spread; {FILES}" if len(shown) < len(chart.x) else ""
    return _grid(chart, chart.x_label, [plain(x) for x in chart.x], shown, note)


def bars_grid(chart: Bars | Dots) -> Grid:
    """One row a category, one column a series."""
    return _grid(chart, "", list(chart.categories), range(len(chart.categories)))


def heatmap_grid(chart: Heatmap, most: int = MOST_CELLS, title: str = "") -> Grid:
    """The cells as they lie in the map, the greatest y first; evenly thinned to ``most`` at most."""
    across, up = len(chart.x), len(chart.y)
    shown_x = spaced(across, max(int(most**0.5), most // up))
    shown_y = spaced(up, most // len(shown_x))[::-1]
    columns = (Column("", False), *(Column(plain(chart.x[i])) for i in shown_x))
    rows = tuple(
        (Cell(plain(chart.y[j]), numeric=False), *(Cell(spoken(chart.z[j][i], chart.format)) for i in shown_x))
        for j in shown_y
    )
    note = f"Across: {chart.x_label}. Down: {chart.y_label}."
    if len(shown_x) < across or len(shown_y) < up:
        note += f" {len(shown_y)} of {up} rows and {len(shown_x)} of {across} columns, evenly spread; {FILES}"
    return Grid(columns, rows, note=note, title=title)


def panels_grids(chart: Panels | Surface) -> tuple[Grid, ...]:
    """One table a panel; together about as long as that of one map."""
    most = max(MOST_CELLS // len(chart.panels), 16)
    return tuple(heatmap_grid(one, most, one.title) for one in chart.panels)


def tiles_grid(chart: Tiles) -> Grid:
    """One row a tile, 40 at most: the means of its colours, its darkest and its lightest value."""
    tiles = np.asarray(chart.tiles, dtype=float)
    shown = spaced(len(tiles), MOST_PLACES)
    labels = chart.labels or [str(i + 1) for i in range(len(tiles))]
    rows = []
    for i in shown:
        figures = (*tiles[i].mean((0, 1)), tiles[i].min(), tiles[i].max())
        rows.append((Cell(labels[i], numeric=False), *(Cell(f"{figure:.2f}") for figure in figures)))
    headings = ("red (mean)", "green (mean)", "blue (mean)", "lowest", "highest")
    columns = (Column("tile", False), *(Column(heading) for heading in headings))
    note = f"{len(shown)} of {len(tiles)} tiles, evenly spread; {FILES}" if len(shown) < len(tiles) else ""
    return Grid(columns, tuple(rows), note=note)


def spaced(count: int, most: int) -> list[int]:
    """``most`` of ``count`` places, evenly apart with both ends among them; all of them if they are no more.

    >>> spaced(9, 3), spaced(2, 3)
    ([0, 4, 8], [0, 1])
    """
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)] if most > 1 else [0]


def _of_table(value: Any, form: Format | None) -> Cell:
    """A text, a number, or a number with the ends of its interval."""
    if form is None or not isinstance(value, tuple | list):
        return Cell(cell(value, form), numeric=form is not None)
    figure, low, high = value
    return Cell(cell(figure, form), interval(low, high, form))


def _grid(chart: Lines | Bars | Dots, corner: str, places: Sequence[str], shown: Sequence[int], note: str = "") -> Grid:
    columns = (Column(corner, False), *(Column(one.name, bounded=bool(one.low)) for one in chart.series))
    rows = tuple((Cell(places[i], numeric=False), *(_cell(chart, one, i) for one in chart.series)) for i in shown)
    return Grid(columns, rows, note=note)


def _cell(chart: Lines | Bars | Dots, series: Series, i: int) -> Cell:
    bounds = ends(series, i)
    return Cell(spoken(series.y[i], chart.format), interval(*bounds, chart.format) if bounds else "")
