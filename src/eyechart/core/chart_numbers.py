"""The numbers of chart specs: made plain, and checked, so that what cannot be drawn fails where it is made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def plain_numbers(values: ArrayLike, digits: int = 4) -> Any:
    """An array as the nested tuples that specs hold: rounded to significant digits, None for what is not finite.

    >>> plain_numbers([[0.123456, float("nan")], [2.0, -float("inf")]])
    ((0.1235, None), (2.0, None))
    """
    array = np.asarray(values, dtype=float)
    if array.ndim:
        return tuple(plain_numbers(part, digits) for part in array)
    return float(f"{array:.{digits}g}") if np.isfinite(array) else None


def finite(name: str, numbers: Iterable[float | None]) -> None:
    """Raise ValueError if a number is infinite or NaN."""
    if not all(number is None or math.isfinite(number) for number in numbers):
        raise ValueError(f"{name}: a number is not finite; write None for a hole")


def ascending(z_range: tuple[float, float] | None) -> None:
    """Raise ValueError for a range that runs backwards."""
    finite("z_range", z_range or ())
    if z_range and z_range[0] > z_range[1]:
        raise ValueError(f"z_range {z_range} does not ascend")


def even(name: str, places: Sequence[float]) -> None:
    """Raise ValueError for places that do not ascend in steps of one length."""
    array = np.asarray(places, dtype=float)
    steps = np.diff(array)
    rounding = 0.02 * abs(steps).max(initial=0.0)
    alike = array.size and np.allclose(array, np.linspace(array[0], array[-1], array.size), rtol=0, atol=rounding)
    if not (alike and np.isfinite(array).all() and (steps > 0).all()):
        raise ValueError(f"{name} is not ascending and evenly spaced")
