"""Giving memory back between shards."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache

import pyarrow as pa


def give_back() -> None:
    """Return free memory to the system.

    Batches of frames come and go on the heap while small counts between them stay, so the C library keeps ever more pages
    that hold nothing. glibc can be asked for them; other libraries return them by themselves.
    """
    pa.default_memory_pool().release_unused()
    _trim()(0)


@cache
def _trim() -> Callable[[int], int]:
    """glibc's ``malloc_trim``; elsewhere nothing."""
    try:
        trim = ctypes.CDLL(None).malloc_trim if sys.platform == "linux" else None
    except (OSError, AttributeError):
        trim = None
    return trim if trim is not None else lambda _: 0
