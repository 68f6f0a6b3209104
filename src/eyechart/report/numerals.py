"""Numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from eyechart.core.chart import Format, Number

UNDEFINED = "undefined"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def spoken(value: Number, form: Format) -> str:
    """A value in words and digits.

    >>> spoken(0.9234, "percent"), spoken(0.0004, "percent"), spoken(9979, "integer"), spoken(1.23456, "number")
    ('92.3%', '0.04%', '9,979', '1.23')
    """
    if value is None or not math.isfinite(value):
        return UNDEFINED
    if form == "percent":
        return f"{_digits(100 * value, 1)}%"
    if form == "integer":
        return minus(f"{value:,.0f}")
    return _significant(value)


def interval(low: Number, high: Number, form: Format) -> str:
    """The ends of an interval, or nothing where there is none.

    >>> interval(0.912, 0.931, "percent")
    '91.2–93.1%'
    """
    if low is None or high is None:
        return ""
    left, right = spoken(low, form), spoken(high, form)
    joint = " to " if "−" in left + right else "–"
    return f"{left.removesuffix('%') if joint == '–' else left}{joint}{right}"


def tick(value: float, step: float, form: Format) -> str:
    """An axis label with just the decimals that the step between ticks needs.

    >>> tick(0.25, 0.25, "percent"), tick(1.5, 0.5, "number")
    ('25%', '1.5')
    """
    scale = 100 if form == "percent" else 1
    digits = max(0, -math.floor(math.log10(abs(step * scale)) + 1e-9)) if step else 0
    if round(step * scale, digits) != round(step * scale, digits + 2):  # steps such as 2.5
        digits += 1
    return minus(f"{value * scale:,.{digits}f}" + ("%" if form == "percent" else ""))


def magnitudes(values: Sequence[float], form: Format) -> list[str]:
    """Round numbers of any size, all written out or, where one would be too long, all as powers of ten.

    >>> magnitudes([0.01, 1, 100], "number"), magnitudes([2e-7, 0.001, 0, 1], "number"), magnitudes([0.01], "percent")
    (['0.01', '1', '100'], ['2×10⁻⁷', '10⁻³', '0', '1'], ['1%'])
    """
    sign, scale = ("%", 100) if form == "percent" else ("", 1)
    scaled = [scale * value for value in values]
    short = all(value == 0 or 1e-3 <= abs(value) * (1 + 1e-9) < 1e5 for value in scaled)
    return [(plain(value) if short or value == 0 else _power(value)) + sign for value in scaled]


def plain(value: float) -> str:
    """A given coordinate, as short as it can be said.

    >>> plain(8.0), plain(0.03137)
    ('8', '0.0314')
    """
    return minus(f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.3g}")


def cell(value: Any, form: Format | None) -> str:
    """The text of a table cell."""
    if value is None:
        return "–"
    if form is None or isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return spoken(value, form)


def minus(text: str) -> str:
    """A true minus sign in place of the hyphen."""
    return text.replace("-", "−")


def _digits(value: float, digits: int) -> str:
    """Fixed decimals; small values keep one significant digit so that they do not read as zero."""
    if value and abs(value) < 0.5 * 10**-digits:
        return minus(f"{value:.1g}")
    return minus(f"{value:.{digits}f}")


def _power(value: float) -> str:
    if 1 <= abs(value) <= 100:
        return plain(value)
    digits, power = f"{value:.2e}".split("e")
    front = f"{float(digits):g}×".removesuffix("1×") if digits in ("1.00", "-1.00") else f"{float(digits):g}×"
    front = minus(front)
    return f"{front}10{str(int(power)).translate(RAISED)}"


def _significant(value: float) -> str:
    if value == 0:
        return "0"
    if 1000 <= abs(value) < 1e6:
        return minus(f"{value:,.0f}")
    return minus(f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.2g}")
