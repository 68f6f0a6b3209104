"""Figures of an exam, looked up in tests."""

from __future__ import annotations

from typing import Any

from eyechart.core.estimate import Estimates


def value(found: Estimates, measure: str, **at: Any) -> float:
    """The one estimate of ``measure`` at these coordinates, which must be defined."""
    (e,) = found.of(measure, **at)
    assert e.value is not None
    return e.value
