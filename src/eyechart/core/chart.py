"""Chart specs: figures as data. The report draws them; no exam knows how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from eyechart.core.chart_numbers import ascending, even, finite

Number = float | None
Format = Literal["percent", "number", "integer"]
AxisScale = Literal["linear", "log"]
MOST_TILES = 256


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
    ``joined``: lines pass over undefined values, as where each series has places of its own.
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
    joined: bool = False
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
class Dots:
    """A row for each category, with a mark for each series and its interval, over a horizontal axis.

    Attributes:
        pooled: for each series, what it is over all categories: an upright line in its colour; none, or one each.
        rules: further upright lines, dashed, such as published values.
        ends: what the left and the right end of the axis stand for.

    Raises:
        ValueError: numbers of categories, values or pooled values do not agree.
    """

    title: str
    x_label: str
    categories: Sequence[str]
    series: Sequence[Series]
    caption: str = ""
    pooled: Sequence[Number] = ()
    rules: Sequence[Rule] = ()
    format: Format = "percent"
    x_range: tuple[float, float] | None = None
    ends: tuple[str, str] = ("", "")
    kind: Literal["dots"] = "dots"

    def __post_init__(self) -> None:
        if any(len(one.y) != len(self.categories) for one in self.series):
            raise ValueError(f"a series has not one value for each of {len(self.categories)} categories")
        if len(self.pooled) not in (0, len(self.series)):
            raise ValueError(f"{len(self.pooled)} pooled values for {len(self.series)} series")


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

    ``lines``, one a picture, and headings are templates over the case's facts: ``"{label}: {confidence:.0%}"``. ``flicker``:
    the first two pictures are nearly alike, and alternate in one place while the reader points at a case. ``shared``: cases and
    pictures do not depend on the model, so that several share one gallery. ``most``: cases of a key that are shown at most.
    """

    title: str
    key: str
    pictures: Sequence[tuple[str, str]]
    lines: Sequence[str]
    caption: str = ""
    flicker: bool = False
    shared: bool = False
    most: int | None = None
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
        finite("z", (value for row in self.z for value in row))
        ascending(self.z_range)
        finite("contours or diverging", (*self.contours, self.diverging))
        finite("circles", (circle.radius for circle in self.circles))
        if any(circle.radius < 0 for circle in self.circles):
            raise ValueError("circles: a radius is negative")
        even("x", self.x)
        even("y", self.y)


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


Chart = Lines | Bars | Dots | Heatmap | Panels | Surface | Tiles | Table | Gallery


@dataclass(frozen=True)
class Finding:
    """One plain sentence for the summary, with the figure and its interval.

    ``verdict``: ``note`` is neither strong nor weak. ``advice``: what to do about it, or empty.
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


def _of_one_kind(panels: Sequence[Heatmap], z_range: tuple[float, float] | None) -> None:
    if len({(one.z_label, one.format, one.diverging) for one in panels}) != 1:
        raise ValueError("panels do not share one z_label, format and diverging")
    ascending(z_range)
