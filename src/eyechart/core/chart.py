"""Chart specs: figures as data. The report draws them; no exam knows how."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

Number = float | None
Format = Literal["percent", "number", "integer"]
AxisScale = Literal["linear", "log"]
MOST_TILES = 256


def plain_numbers(values: ArrayLike, digits: int = 4) -> Any:
    """An array as the nested tuples that specs hold: rounded to significant digits, None for what is not finite.

    >>> plain_numbers([[0.123456, float("nan")], [2.0, -float("inf")]])
    ((0.1235, None), (2.0, None))
    """
    array = np.asarray(values, dtype=float)
    if array.ndim:
        return tuple(plain_numbers(part, digits) for part in array)
    return float(f"{array:.{digits}g}") if np.isfinite(array) else None


@dataclass(frozen=True)
class Series:
    """One named line or set of bars with optional 95 % interval ends (same length as ``y``; None = undefined)."""

    name: str
    y: Sequence[Number]
    low: Sequence[Number] = ()
    high: Sequence[Number] = ()


@dataclass(frozen=True)
class Rule:
    """A dashed reference line at height ``y`` with a word beside it."""

    y: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A dashed upright line at place ``x`` of a line chart, with a word above it."""

    x: float
    label: str


@dataclass(frozen=True)
class Circle:
    """A circle around the origin of a heat map, its radius in units of the axes, with a word beside it."""

    radius: float
    label: str


@dataclass(frozen=True)
class Lines:
    """Lines over a numeric x axis with shaded intervals.

    On a log axis values of zero or less are gaps, intervals end at the axis, and rules and marks there are left out.
    """

    title: str
    x_label: str
    y_label: str
    x: Sequence[float]
    series: Sequence[Series]
    caption: str = ""
    rules: Sequence[Rule] = ()
    format: Format = "percent"
    y_range: tuple[float, float] | None = None
    x_scale: AxisScale = "linear"
    y_scale: AxisScale = "linear"
    marks: Sequence[Mark] = ()
    kind: Literal["lines"] = "lines"


@dataclass(frozen=True)
class Bars:
    """Horizontal bars with interval whiskers: one group per category, one bar per series in it."""

    title: str
    x_label: str
    categories: Sequence[str]
    series: Sequence[Series]
    caption: str = ""
    rules: Sequence[Rule] = ()
    format: Format = "percent"
    x_range: tuple[float, float] | None = None
    kind: Literal["bars"] = "bars"


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers; ``columns`` are the headings, ``formats`` one per column (None = text).

    In a column with a format a cell may also be a (value, low, high): a figure and the ends of its interval, None where
    there is none.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    formats: Sequence[Format | None] = ()
    caption: str = ""
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Gallery:
    """Kept cases whose key starts with ``key``: pictures in the order of ``pictures`` (name, heading).

    ``line`` is a template over the case's facts, such as ``"{label}: {confidence:.0%}"``, one per picture. ``flicker``: the
    first two pictures are nearly alike, and alternate in one place while the reader points at a case.
    """

    title: str
    key: str
    pictures: Sequence[tuple[str, str]]
    lines: Sequence[str]
    caption: str = ""
    flicker: bool = False
    kind: Literal["gallery"] = "gallery"


@dataclass(frozen=True)
class Heatmap:
    """Numbers over a plane: cells in colour, with isolines and circles over them.

    Attributes:
        x, y: centres of the cells, ascending and evenly spaced; the origin may lie anywhere.
        z: one row for each of ``y``, the first at the bottom, with one number for each of ``x``; None is a hole.
        z_range: where the colours begin and end; cells beyond take the end's colour. None = the range of ``z``.
        contours: heights at which isolines are drawn.
        diverging: the height at which a palette of two sides is centred; None = a palette that only grows lighter.

    Raises:
        ValueError: shapes do not fit, places are not ascending and even, or a number is not finite.
    """

    title: str
    x_label: str
    y_label: str
    z_label: str
    x: Sequence[float]
    y: Sequence[float]
    z: Sequence[Sequence[Number]]
    caption: str = ""
    format: Format = "number"
    z_range: tuple[float, float] | None = None
    contours: Sequence[float] = ()
    circles: Sequence[Circle] = ()
    diverging: float | None = None
    kind: Literal["heatmap"] = "heatmap"

    def __post_init__(self) -> None:
        if {len(row) for row in self.z} != {len(self.x)} or len(self.z) != len(self.y):
            raise ValueError(f"z is not {len(self.y)} rows (y) of {len(self.x)} numbers (x)")
        _finite("z", (value for row in self.z for value in row))
        _ascending(self.z_range)
        _finite("contours or diverging", (*self.contours, self.diverging))
        _finite("circles", (circle.radius for circle in self.circles))
        if any(circle.radius < 0 for circle in self.circles):
            raise ValueError("circles: a radius is negative")
        _even("x", self.x)
        _even("y", self.y)


@dataclass(frozen=True)
class Panels:
    """Heat maps side by side on one colour scale: of one ``z_label``, ``format`` and ``diverging``.

    Their titles head them; their own captions and ``z_range`` are not used. ``z_range`` None = the range of all.
    """

    title: str
    panels: Sequence[Heatmap]
    caption: str = ""
    z_range: tuple[float, float] | None = None
    kind: Literal["panels"] = "panels"

    def __post_init__(self) -> None:
        _of_one_kind(self.panels, self.z_range)


@dataclass(frozen=True)
class Surface:
    """Heat maps as hills side by side, seen from the side: heights and colours on one scale.

    Their titles head them; their own captions, ``z_range``, isolines and circles are not used. The first corner (least x,
    least y) is on the left, x runs from there to the front, y to the back. Heights end where the colours do.
    """

    title: str
    panels: Sequence[Heatmap]
    caption: str = ""
    z_range: tuple[float, float] | None = None
    kind: Literal["surface"] = "surface"

    def __post_init__(self) -> None:
        _of_one_kind(self.panels, self.z_range)


@dataclass(frozen=True)
class Tiles:
    """Small colour pictures in rows, such as the kernels of a first layer.

    Attributes:
        tiles: (n, h, w, 3) values from 0 to 1, at most 256 tiles; three digits are enough.
        labels: one for each tile, or none at all.

    Raises:
        ValueError: the shape, a value or the number of labels is not of this kind.
    """

    title: str
    tiles: Sequence[Sequence[Sequence[Sequence[float]]]]
    labels: Sequence[str] = ()
    caption: str = ""
    kind: Literal["tiles"] = "tiles"

    def __post_init__(self) -> None:
        array = np.asarray(self.tiles, dtype=float)
        if array.ndim != 4 or array.shape[3] != 3 or not 0 < len(array) <= MOST_TILES or not array.size:
            raise ValueError(f"tiles of shape {array.shape}; wanted (n, h, w, 3) with n from 1 to {MOST_TILES}")
        if not bool(np.all((array >= 0) & (array <= 1))):
            raise ValueError("tiles hold values that are not from 0 to 1")
        if len(self.labels) not in (0, len(array)):
            raise ValueError(f"{len(self.labels)} labels for {len(array)} tiles")


Chart = Lines | Bars | Heatmap | Panels | Surface | Tiles | Table | Gallery


@dataclass(frozen=True)
class Finding:
    """One plain sentence for the summary.

    Attributes:
        verdict: ``strong``, ``weak``, or ``note`` for what is neither.
        sentence: what was found, with the figure and its interval.
        advice: what to do about it, or empty.
    """

    verdict: Literal["strong", "weak", "note"]
    sentence: str
    advice: str = ""


@dataclass(frozen=True)
class Section:
    """An exam's part of the report; ``headline`` are the measures that models are compared by, none = all."""

    exam: str
    title: str
    explanation: str
    findings: Sequence[Finding] = ()
    charts: Sequence[Chart] = field(default_factory=tuple)
    headline: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def _finite(name: str, numbers: Iterable[Number]) -> None:
    if not all(number is None or math.isfinite(number) for number in numbers):
        raise ValueError(f"{name}: a number is not finite; write None for a hole")


def _of_one_kind(panels: Sequence[Heatmap], z_range: tuple[float, float] | None) -> None:
    if len({(one.z_label, one.format, one.diverging) for one in panels}) != 1:
        raise ValueError("panels do not share one z_label, format and diverging")
    _ascending(z_range)


def _ascending(z_range: tuple[float, float] | None) -> None:
    _finite("z_range", z_range or ())
    if z_range and z_range[0] > z_range[1]:
        raise ValueError(f"z_range {z_range} does not ascend")


def _even(name: str, places: Sequence[float]) -> None:
    array = np.asarray(places, dtype=float)
    steps = np.diff(array)
    rounding = 0.02 * abs(steps).max(initial=0.0)
    even = array.size and np.allclose(array, np.linspace(array[0], array[-1], array.size), rtol=0, atol=rounding)
    if not (even and np.isfinite(array).all() and (steps > 0).all()):
        raise ValueError(f"{name} is not ascending and evenly spaced")
