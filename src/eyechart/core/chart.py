"""Chart specs: figures as data. The report draws them; no exam knows how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Number = float | None
Format = Literal["percent", "number", "integer"]


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
class Lines:
    """Lines over a numeric x axis with shaded intervals."""

    title: str
    x_label: str
    y_label: str
    x: Sequence[float]
    series: Sequence[Series]
    caption: str = ""
    rules: Sequence[Rule] = ()
    format: Format = "percent"
    y_range: tuple[float, float] | None = None
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
    """Rows of text and numbers; ``columns`` are the headings, ``formats`` one per column (None = text)."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    formats: Sequence[Format | None] = ()
    caption: str = ""
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Gallery:
    """Kept cases whose key starts with ``key``: pictures in the order of ``pictures`` (name, heading).

    ``line`` is a template over the case's facts, such as ``"{label}: {confidence:.0%}"``, one per picture.
    """

    title: str
    key: str
    pictures: Sequence[tuple[str, str]]
    lines: Sequence[str]
    caption: str = ""
    kind: Literal["gallery"] = "gallery"


Chart = Lines | Bars | Table | Gallery


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
    """An exam's part of the report."""

    exam: str
    title: str
    explanation: str
    findings: Sequence[Finding] = ()
    charts: Sequence[Chart] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)
