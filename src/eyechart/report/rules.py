"""Reference rules: dashed lines with a word beside them."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from eyechart.core.chart import Rule, Series
from eyechart.report.lettering import shorten, spread, width
from eyechart.report.plot import Scale
from eyechart.report.svg import element, join


def across(rules: Sequence[Rule], series: Sequence[Series], x: Scale, y: Scale) -> Markup:
    """Level rules, each with its words just above it, at the side where the lines are farther away."""
    left, right = x.start - 10, x.end + 10
    wanted = [y(rule.y) - 5 if y(rule.y) - 16 > y.end else y(rule.y) + 13 for rule in rules]
    parts = []
    for rule, height in zip(rules, spread(wanted, 13, y.end + 9, y.start + 12), strict=True):
        at = y(rule.y)
        parts.append(element("line", x1=left, x2=right, y1=at, y2=at, class_="rule"))
        early = _distance(series, rule.y, 0) > _distance(series, rule.y, -1)
        text = shorten(rule.label, right - left)
        place, anchor = (left + 2, "start") if early else (right, "end")
        parts.append(element("text", text, x=place, y=height, class_="rule-name", text_anchor=anchor))
    return join(*parts)


def upright(rules: Sequence[Rule], x: Scale, top: float, bottom: float, edge: float) -> Markup:
    """Upright rules, with their words above the plot; words that would touch take another row."""
    lines, names = [], []
    row_ends = [-1e9] * max(len(rules), 1)
    for rule in sorted(rules, key=lambda rule: rule.y):
        at, text = x(rule.y), shorten(rule.label, edge)
        half = width(text) / 2
        middle = min(max(at, half), edge - half)
        row = next(r for r, end in enumerate(row_ends) if end < middle - half - 6)
        row_ends[row] = middle + half
        lines.append(element("line", x1=at, x2=at, y1=top - 3 - 14 * row, y2=bottom, class_="rule"))
        names.append(element("text", text, x=middle, y=top - 7 - 14 * row, class_="rule-name", text_anchor="middle"))
    return join(*lines, *names)  # so that no line crosses a word


def rows_needed(rules: Sequence[Rule], x: Scale, edge: float) -> int:
    """How many rows of words ``upright`` takes at most: one for each rule whose words touch another's."""
    spans = []
    for rule in rules:
        half = width(shorten(rule.label, edge)) / 2
        middle = min(max(x(rule.y), half), edge - half)
        spans.append((middle - half - 6, middle + half))
    return max((sum(a < hi and lo < b for lo, hi in spans) for a, b in spans), default=0)


def _distance(series: Sequence[Series], height: float, end: int) -> float:
    near = [value for one in series if one.y and (value := one.y[end]) is not None]
    return min((abs(value - height) for value in near), default=1e9)
