"""Axes of a line chart, linear or logarithmic: what they can show, from where to where, and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eyechart.core.chart import Format, Lines, Number, Series
from eyechart.report.numerals import magnitudes, plain, tick
from eyechart.report.plot import extent
from eyechart.report.ticks import log_range, log_ticks, nice_range, nice_step, ticks_within

FEW = 9  # places that each get a tick


@dataclass(frozen=True)
class Axis:
    """The ends of an axis, its labelled places, and those that carry only a stub."""

    low: float
    high: float
    labels: tuple[tuple[float, str], ...]
    minor: tuple[float, ...] = ()


def on_axes(chart: Lines) -> Lines:
    """``chart`` without what its log axes have no place for: values, rules and marks at zero or below."""
    if chart.x_scale == "log":
        kept = [i for i, x in enumerate(chart.x) if x > 0]
        chart = replace(
            chart,
            x=tuple(chart.x[i] for i in kept),
            series=tuple(
                Series(one.name, _of(one.y, kept), _of(one.low, kept), _of(one.high, kept)) for one in chart.series
            ),
            marks=tuple(mark for mark in chart.marks if mark.x > 0),
        )
    if chart.y_scale == "log":
        chart = replace(
            chart,
            series=tuple(_above_zero(one) for one in chart.series),
            rules=tuple(rule for rule in chart.rules if rule.y > 0),
            y_range=chart.y_range if chart.y_range and min(chart.y_range) > 0 else None,
        )
    return chart


def value_axis(chart: Lines) -> Axis:
    """The y axis: it holds all values, rules and what was asked for, and ends on round numbers."""
    fixed = (*(rule.y for rule in chart.rules), *(chart.y_range or ()))
    if chart.y_scale == "log":
        return _log_axis(chart, fixed)
    low, high = extent(chart.series, fixed)
    if chart.y_range is None and 0 <= low <= 0.5 * high:
        low = 0.0
    low, high = nice_range(low, high)
    step = nice_step(high - low)
    return Axis(low, high, tuple((mark, tick(mark, step, chart.format)) for mark in ticks_within(low, high)))


def place_axis(chart: Lines) -> Axis:
    """The x axis: it ends where the data and marks do; labels at the measured places if these are few."""
    given = sorted(set(chart.x))
    places = [*given, *(mark.x for mark in chart.marks)]
    low, high = min(places, default=0.0), max(places, default=1.0)
    if len(given) <= FEW:
        return Axis(low, high, tuple((x, plain(x)) for x in given))
    if chart.x_scale == "log":
        labelled, minor = log_ticks(low, high)
        return Axis(low, high, _pairs(labelled, "number"), minor)
    return Axis(low, high, tuple((x, plain(x)) for x in ticks_within(low, high, 7)))


def _log_axis(chart: Lines, fixed: Sequence[float]) -> Axis:
    """An interval that reaches far below every value is cut a decade below the least of them."""
    values = [v for one in chart.series for v in (*one.y, *one.high) if v is not None and v > 0] + [*fixed]
    floor = min(values, default=1.0) / 10
    lows = [max(v, floor) for one in chart.series for v in one.low if v is not None]
    low, high = log_range(min((*values, *lows), default=0.1), max(values, default=1.0))
    labelled, minor = log_ticks(low, high)
    return Axis(low, high, _pairs(labelled, chart.format), minor)


def _pairs(marks: Sequence[float], form: Format) -> tuple[tuple[float, str], ...]:
    return tuple(zip(marks, magnitudes(marks, form), strict=True))


def _of(values: Sequence[Number], kept: Sequence[int]) -> tuple[Number, ...]:
    return tuple(values[i] for i in kept if i < len(values))


def _above_zero(series: Series) -> Series:
    """Where the value has no place its interval has none either."""
    shown = [y is not None and y > 0 for y in series.y]
    y, low, high = (
        tuple(v if fine else None for v, fine in zip(values, shown, strict=False))
        for values in (series.y, series.low, series.high)
    )
    return Series(series.name, y, low, high)
