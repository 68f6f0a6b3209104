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
    span = high - low
    step = nice_step(span * (1 - 1e-6), most)
    for _ in STEPS:  # rounding outwards can need one tick more, or let a smaller step do
        dust = 5e-7 * span / step  # what rounding leaves over must not take a step of its own
        first, last = math.floor(low / step + dust), math.ceil(high / step - dust)
        finest = nice_step((last - first) * step, most)  # what the ticks will be
        if abs(step / finest - round(step / finest)) < 1e-6:
            break
        step = nice_step(step * (most - 1) * (1 + 1e-6), most)  # the next larger one
    return _times(first, step), _times(last, step)


def ticks_within(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Round numbers from ``low`` to ``high``, both included where they are round.

    >>> ticks_within(0.0, 1.0)
    (0.0, 0.25, 0.5, 0.75, 1.0)
    """
    step = nice_step(high - low, most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(_times(k, step) for k in range(first, last + 1))


def log_range(low: float, high: float) -> tuple[float, float]:
    """The range from 1, 2 or 5 times a power of ten at or below ``low`` to one at or above ``high``; both above zero.

    >>> log_range(0.003, 71), log_range(5, 5)
    ((0.002, 100.0), (2.0, 10.0))
    """
    if high <= low * (1 + 1e-6):
        low, high = low / 1.5, high * 1.5
    near = [m * 10.0**k for k in range(_decade(low), _decade(high) + 2) for m in (1, 2, 5)]
    return max(v for v in near if v <= low * (1 + 1e-9)), min(v for v in near if v >= high * (1 - 1e-9))


def log_ticks(low: float, high: float, most: int = 7) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Where a log axis carries labels, and where only stubs.

    Labels are at powers of ten, at 1, 2 and 5 times them where there are fewer than three, and at round numbers
    where these are too few as well. Stubs fill the decades, or are the powers that found no room.

    >>> log_ticks(1, 1000)[0], log_ticks(2, 30)[0], log_ticks(10, 18)[0]
    ((1.0, 10.0, 100.0, 1000.0), (2.0, 5.0, 10.0, 20.0), (10.0, 12.0, 14.0, 16.0, 18.0))
    """
    decades = range(_decade(low), _decade(high) + 1)
    powers = _between([10.0**k for k in decades], low, high)
    every = math.ceil(len(powers) / most)
    if every > 1:
        kept = tuple(v for v in powers if _decade(v) % every == 0)
        return kept, tuple(v for v in powers if v not in kept)
    fine = _between([m * 10.0**k for k in decades for m in range(1, 10)], low, high)
    labelled = powers
    if len(labelled) < 3:
        labelled = _between([m * 10.0**k for k in decades for m in (1, 2, 5)], low, high)
    if len(labelled) < 3:
        labelled = ticks_within(low, high)
    return labelled, tuple(v for v in fine if v not in labelled)


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


def _decade(value: float) -> int:
    return math.floor(math.log10(value) + 1e-9)


def _between(values: list[float], low: float, high: float) -> tuple[float, ...]:
    return tuple(v for v in values if low * (1 - 1e-9) <= v <= high * (1 + 1e-9))
