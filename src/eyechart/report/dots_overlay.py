"""One figure of several models: dots that each model's part of the page has by itself, over one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eyechart.core.chart import Dots, Number, Series
from eyechart.report.contents import PageSection

OWN = "this model"  # what a series about the model alone is called in its own part


def joined_dots(sections: Sequence[PageSection]) -> tuple[Dots, ...]:
    """The dots charts that two sections or more have under one title, each model's marks in its own colour and shape.

    Args:
        sections: of one exam, each on another model.

    Rows are all categories, those of the first model first; a model without one has a gap there.
    """
    titles = dict.fromkeys(chart.title for one in sections for chart in one.charts if isinstance(chart, Dots))
    found = [[(one.model, dots) for one in sections for dots in _titled(one, title)] for title in titles]
    return tuple(_joined(group) for group in found if len({model for model, _ in group}) > 1)


def _titled(section: PageSection, title: str) -> list[Dots]:
    return [chart for chart in section.charts if isinstance(chart, Dots) and chart.title == title]


def _joined(group: Sequence[tuple[str, Dots]]) -> Dots:
    first = group[0][1]
    categories = tuple(dict.fromkeys(name for _, chart in group for name in chart.categories))
    series = [_placed(one, chart, model, categories) for model, chart in group for one in chart.series]
    pooled = [value for _, chart in group for value in (chart.pooled or [None] * len(chart.series))]
    rules = tuple(dict.fromkeys(rule for _, chart in group for rule in chart.rules))
    return replace(first, categories=categories, series=series, pooled=pooled, rules=rules)


def _placed(series: Series, chart: Dots, model: str, categories: Sequence[str]) -> Series:
    """A series under its model's name, on the rows that all share."""
    place = {name: i for i, name in enumerate(chart.categories)}

    def rows(values: Sequence[Number]) -> tuple[Number, ...]:
        return tuple(values[place[name]] if name in place else None for name in categories) if values else ()

    name = model if series.name == OWN else f"{model}: {series.name}"
    return Series(name, rows(series.y), rows(series.low), rows(series.high))
