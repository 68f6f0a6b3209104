"""Keep Pillow's warnings from reaching the user's program while a picture is decoded."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_LOCK = threading.Lock()
_inside = 0
_ours: Any = None


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Ignore warnings raised by Pillow's modules, in all threads that decode; other filters stay as they are.

    ``warnings.catch_warnings`` alone is not safe where several threads decode at once: one thread could put back the
    filters of another. Here one entry is added by the first thread to enter, and taken out by the last to leave.
    """
    if getattr(sys.flags, "context_aware_warnings", False):  # Python 3.14+: catch_warnings belongs to the thread
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _ours  # noqa: PLW0603 - warning filters are the process's own
    with _LOCK:
        if _inside == 0:
            warnings.filterwarnings("ignore", module=r"PIL\.")
            _ours = warnings.filters[0]
        _inside += 1


def _leave() -> None:
    global _inside  # noqa: PLW0603
    with _LOCK:
        _inside -= 1
        if _inside == 0:
            with suppress(ValueError):  # another thread's catch_warnings has already dropped it
                warnings.filters.remove(_ours)  # type: ignore[attr-defined]
