"""Which way is better: the measures that may be judged, from a data file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from eyechart.core.estimate import Estimate, same


@dataclass(frozen=True)
class Judged:
    """Estimates of one kind.

    Attributes:
        exam, measure: names.
        name: in plain words.
        better: whether more or less of it is.
        at, without: coordinates it has, and has not; numbers to a part in a million.
    """

    exam: str
    measure: str
    name: str
    better: Literal["more", "less"]
    at: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    def holds(self, e: Estimate) -> bool:
        """Whether an estimate is of this kind."""
        fits = (e.exam, e.measure) == (self.exam, self.measure) and not set(self.without) & set(e.at)
        return fits and all(same(e.at.get(name), value) for name, value in self.at.items())


@cache
def judged_measures() -> tuple[Judged, ...]:
    """All of them, in the order in which they are shown."""
    text = files("eyechart").joinpath("data", "measures.toml").read_text(encoding="utf-8")
    return tuple(Judged(**{**one, "without": tuple(one.get("without", ()))}) for one in tomllib.loads(text)["measure"])


def judged_as(e: Estimate) -> Judged | None:
    """What an estimate is judged as; None where no better or worse is known."""
    return next((one for one in judged_measures() if one.holds(e)), None)
