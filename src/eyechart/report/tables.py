"""Numbers as tables: an exam's own, and the one behind every drawn chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eyechart.core.chart import Bars, Lines, Series, Table
from eyechart.report.numerals import cell, interval, plain, spoken
from eyechart.report.plot import ends

MOST_ROWS = 200


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
    """A table ready to be written, and how many rows were left out."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    more: int = 0


def table_grid(table: Table) -> Grid:
    """An exam's table; beyond 200 rows the rest stays in ``results.json``."""
    forms = [*table.formats, *([None] * len(table.columns))][: len(table.columns)]
    rows = tuple(
        tuple(Cell(cell(value, form), numeric=form is not None) for value, form in zip(row, forms, strict=True))
        for row in table.rows[:MOST_ROWS]
    )
    columns = tuple(Column(name, form is not None) for name, form in zip(table.columns, forms, strict=True))
    return Grid(columns, rows, max(0, len(table.rows) - MOST_ROWS))


def lines_grid(chart: Lines) -> Grid:
    """One row a place on the x axis, one column a line."""
    return _grid(chart, chart.x_label, [plain(x) for x in chart.x])


def bars_grid(chart: Bars) -> Grid:
    """One row a category, one column a series."""
    return _grid(chart, "", list(chart.categories))


def _grid(chart: Lines | Bars, corner: str, places: Sequence[str]) -> Grid:
    columns = (Column(corner, False), *(Column(one.name, bounded=bool(one.low)) for one in chart.series))
    rows = tuple(
        (Cell(place, numeric=False), *(_cell(chart, one, i) for one in chart.series)) for i, place in enumerate(places)
    )
    return Grid(columns, rows)


def _cell(chart: Lines | Bars, series: Series, i: int) -> Cell:
    bounds = ends(series, i)
    return Cell(spoken(series.y[i], chart.format), interval(*bounds, chart.format) if bounds else "")
