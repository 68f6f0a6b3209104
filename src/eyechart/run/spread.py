"""Several processes on one run folder: who starts where, and when to take over another's work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from eyechart.errors import SettingError

T = TypeVar("T")


@dataclass(frozen=True)
class Rank:
    """This process among those that ``torchrun`` (or any launcher that sets the same variables) started."""

    number: int = 0
    of: int = 1
    local: int = 0

    @classmethod
    def from_environment(cls) -> Rank:
        """Read RANK, WORLD_SIZE and LOCAL_RANK; alone without them.

        Raises:
            SettingError: they are not the numbers that a launcher sets.
        """
        texts = [os.environ.get(name, default) for name, default in _VARIABLES]
        if not all(text.isdecimal() for text in texts) or int(texts[0]) >= int(texts[1]):
            names = ", ".join(name for name, _ in _VARIABLES)
            way_out = "Start with torchrun, or unset them; RANK counts from 0 to WORLD_SIZE - 1."
            raise SettingError("These do not number a process.", setting=names, value=", ".join(texts), way_out=way_out)
        return cls(*map(int, texts))

    def rotated(self, items: Sequence[T]) -> list[T]:
        """The items from this rank's own offset on, then the rest."""
        start = self.number * len(items) // self.of
        return [*items[start:], *items[:start]]

    def patience(self, slowest: float) -> float:
        """Seconds to wait for others to finish what is still missing before doing it here.

        No message passes between processes, so a rank that was killed is noticed by nothing new appearing for longer than a
        shard takes.
        """
        return 0.0 if self.of == 1 else max(5.0, 2 * slowest)


_VARIABLES = (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))
