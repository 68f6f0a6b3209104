"""A measured figure with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Estimate:
    """One figure of ``results.json``.

    Attributes:
        exam, measure: names; together with ``at`` they say what was measured.
        at: coordinates, such as ``{"band": "low", "radius": 8}``.
        value: the figure; None if undefined, with the reason.
        low, high: ends of the 95 % interval, None where there is none.
        n: number of units.
        unit: of ``value``: ``share``, ``nats``, ``probability``, ``count``, ``pixels`` ...
        over: what the interval varies: ``images``, ``observers``, ``seeds``, ``corruptions``, or ``kernels`` of a layer (whole
            filters).
        method: of the interval, such as ``wilson``.
        reason: why the value is undefined.
        model: filled in by the engine.
        chosen: those coordinates that the result itself chose, such as the place of a minimum; another model's may differ.
    """

    exam: str
    measure: str
    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    unit: str = "share"
    over: Literal["images", "observers", "seeds", "kernels", "corruptions"] = "images"
    method: str = ""
    at: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    model: str = ""
    chosen: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "chosen", tuple(self.chosen))  # read from JSON it is a list
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{self.exam}.{self.measure}: {name} is {number}; say None and a reason")
        if self.value is None and not self.reason:
            raise ValueError(f"{self.exam}.{self.measure}: an undefined value needs a reason")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; ``chosen`` only where there are some."""
        found = asdict(self)
        if not self.chosen:
            del found["chosen"]
        return found


def same(found: Any, wanted: Any) -> bool:
    """Whether a coordinate is the one that is asked for; numbers to a part in a million."""
    if isinstance(wanted, float) and isinstance(found, int | float):
        return math.isclose(found, wanted, rel_tol=1e-6)
    return bool(found == wanted)


def ends(found: Sequence[Estimate | None]) -> tuple[list[float | None], ...]:
    """Values, lower and upper ends, None for what there is not: the numbers of a ``Series``."""
    return tuple([getattr(e, part) if e else None for e in found] for part in ("value", "low", "high"))


class Estimates(tuple[Estimate, ...]):
    """Estimates of one exam on one model, with look-up by measure and coordinates."""

    __slots__ = ()

    def of(self, measure: str, **at: Any) -> list[Estimate]:
        """Those of ``measure`` whose coordinates include ``at``, in order."""
        return [e for e in self if e.measure == measure and all(e.at.get(k) == v for k, v in at.items())]

    def one(self, measure: str, **at: Any) -> Estimate | None:
        """The first of ``of``, or None."""
        found = self.of(measure, **at)
        return found[0] if found else None
