"""Lines of text made from a case's facts by a template that can do nothing else."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any

from eyechart.errors import SettingError

MISSING = "–"
HUGE = re.compile(r"\d{4}")  # a width of thousands would flood the page


def caption(template: str, facts: Mapping[str, Any]) -> str:
    """Fill ``template`` with ``facts``: plain names and format specs only, no attributes, items or conversions.

    A fact that is missing, undefined or does not fit its format spec is written as a dash.

    >>> caption("{label}: {confidence:.0%}", {"label": "cat", "confidence": 0.914})
    'cat: 91%'
    """
    return "".join(text + _fill(template, name, spec, how, facts) for text, name, spec, how in _parse(template))


def _parse(template: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(string.Formatter().parse(template))
    except ValueError as problem:
        raise SettingError(
            f"A gallery's line cannot be read: {problem}.",
            setting="lines",
            value=template,
            way_out="Write {name} or {name:.0%}.",
        ) from problem


def _fill(template: str, name: str | None, spec: str | None, how: str | None, facts: Mapping[str, Any]) -> str:
    if name is None:
        return ""
    if not name.isidentifier() or how or "{" in (spec or ""):
        raise SettingError(
            "A gallery's line may use plain fact names only.",
            setting="lines",
            value=template,
            way_out="Write {name} or {name:.0%}.",
        )
    value = facts.get(name)
    if not isinstance(value, str | int | float) or HUGE.search(spec or ""):
        return MISSING
    try:
        return format(value, spec or "")
    except ValueError:
        return MISSING
