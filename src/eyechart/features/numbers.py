"""Which channels are meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from eyechart.errors import SettingError

Which = Literal["some", "all", "none"] | Sequence[int]
MOST = 100_000  # channels that a layer may have


def numbers(text: str) -> Which:
    """``some``, ``all``, ``none``, or numbers and ranges such as ``3,10-20``. Raises SettingError for anything else."""
    if text in ("some", "all", "none"):
        return text  # type: ignore[return-value]
    return list(_numbers(text))


def _numbers(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        known = first.isdecimal() and (last.isdecimal() if dash else True)
        if not known or (dash and not int(first) <= int(last) < MOST):
            way_out = "Give some, all, none, or numbers and ranges, such as 3,10-20."
            raise SettingError("These are no channels.", setting="--channels", value=text, way_out=way_out)
        yield from range(int(first), int(last) + 1) if dash else (int(first),)
