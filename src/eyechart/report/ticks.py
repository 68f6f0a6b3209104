"""Axis ticks at round numbers."""

from __future__ import annotations

import math

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def nice_step(span: float, most: int = 5) -> float:
    """The smallest round step that needs at most ``most`` ticks to cross ``span``.

    >>> nice_step(1.0), nice_step(0.34), nice_step(70)
    (0.25, 0.1, 20.0)
    """
    if span <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / max(most - 1, 1)))
    return next(s * power for s in (*STEPS, 20.0) if span / (s * power) <= most - 1 + 1e-9)


def nice_range(low: float, high: float, most: int = 5) -> tuple[float, float]:
    """The range from a round number at or below ``low`` to one at or above ``high``.

    >>> nice_range(0.13, 0.88)
    (0.0, 1.0)
    """
    if low == high:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    for allowed in range(most, 1, -1):  # rounding outwards can need one tick more than was asked for
        step = nice_step(high - low, allowed)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first <= most - 1:
            break
    return _times(first, step), _times(last, step)


def ticks_within(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Round numbers from ``low`` to ``high``, both included where they are round.

    >>> ticks_within(0.0, 1.0)
    (0.0, 0.25, 0.5, 0.75, 1.0)
    """
    step = nice_step(high - low, most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(_times(k, step) for k in range(first, last + 1))


def apart(places: list[float], widths: list[float], gap: float) -> list[int]:
    """Which of ``places`` (ascending) can carry a label without touching: first and last before those between."""
    if not places:
        return []
    last = len(places) - 1
    kept = [0]
    for i in range(1, last):
        if _clear(places, widths, kept[-1], i, gap) and _clear(places, widths, i, last, gap):
            kept.append(i)
    return [*kept, last] if last and _clear(places, widths, kept[-1], last, gap) else kept


def _clear(places: list[float], widths: list[float], a: int, b: int, gap: float) -> bool:
    return places[b] - places[a] >= (widths[a] + widths[b]) / 2 + gap


def _times(count: int, step: float) -> float:
    """``count * step`` without the dust of binary fractions."""
    return round(count * step, 12 - math.floor(math.log10(step)))
