"""Fewer resamples, where figures are wanted and their own intervals are not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

FEWEST = 2
_most: ContextVar[int | None] = ContextVar("most resamples", default=None)


def at_most(draws: int) -> int:
    """So many resamples, or the few that ``values_alone`` allows."""
    most = _most.get()
    return draws if most is None else min(draws, most)


@contextmanager
def values_alone() -> Iterator[None]:
    """Within it bootstrap intervals are worth nothing, and cost nothing: for figures that are computed over and over."""
    before = _most.set(FEWEST)
    try:
        yield
    finally:
        _most.reset(before)
