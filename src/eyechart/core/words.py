"""Figures in plain words, the same way in every exam."""

from __future__ import annotations

from typing import Any, Protocol

from eyechart.core.estimate import Estimate


class _Interval(Protocol):
    @property
    def value(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def n(self) -> int: ...
    @property
    def method(self) -> str: ...


def figure(interval: _Interval, undefined: str = "") -> dict[str, Any]:
    """Fields of an Estimate from an interval; ``undefined`` is the reason why there is none, if there is none."""
    if undefined or interval.value is None:
        reason = undefined or "no image counts here"
        return {"value": None, "low": None, "high": None, "n": interval.n, "method": interval.method, "reason": reason}
    ends = {"low": interval.low, "high": interval.high}
    return {"value": interval.value, **ends, "n": interval.n, "method": interval.method}


def percent(e: Estimate) -> str:
    """``91.7% (95% interval 91.2 to 92.3)``."""
    if e.value is None:
        return f"undefined ({e.reason})"
    if e.low is None or e.high is None:
        return f"{100 * e.value:.1f}%"
    return f"{100 * e.value:.1f}% (95% interval {100 * e.low:.1f} to {100 * e.high:.1f})"


def points(e: Estimate) -> str:
    """A difference of shares: ``11.7 points (95% interval 11.0 to 12.5)``."""
    if e.value is None or e.low is None or e.high is None:
        return "unknown size"
    return f"{100 * e.value:.1f} points (95% interval {100 * e.low:.1f} to {100 * e.high:.1f})"


def number(e: Estimate, digits: int = 2) -> str:
    """A figure without a unit: ``0.31 (95% interval 0.28 to 0.34)``."""
    if e.value is None:
        return f"undefined ({e.reason})"
    if e.low is None or e.high is None:
        return f"{e.value:.{digits}f}"
    return f"{e.value:.{digits}f} (95% interval {e.low:.{digits}f} to {e.high:.{digits}f})"
