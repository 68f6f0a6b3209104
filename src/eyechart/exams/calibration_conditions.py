"""What the calibration exam shows: images as they are, corrupted, and moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from eyechart.core.exam import Array
from eyechart.core.query import CLEAN, Query
from eyechart.views.corruptions.corrupted import CORRUPTIONS
from eyechart.views.corruptions.picture import CorruptedPicture
from eyechart.views.placed import Placed
from eyechart.views.shifts import CropShift
from eyechart.views.shrunk import Shrunk

Shift = Literal["crop", "embedded"]
SHIFTS: tuple[Shift, ...] = ("crop", "embedded")
PUBLISHED = tuple(CORRUPTIONS)[:15]
# Those of the exam ``shift``, frame 1 of its first pairs: where both exams are sat, they are shown once.
_MOVED = {
    "crop": CropShift(1),
    "embedded": Shrunk(100, "black", 1, 0, 0).then(Placed(0, (0, 0), "random")),
}


@dataclass(frozen=True)
class Condition:
    """One way of showing an image.

    Attributes:
        shown: ``clean``, ``corrupted``, ``crop`` or ``embedded``.
        corruption, severity: of ``corrupted``.
    """

    shown: str
    corruption: str = ""
    severity: int = 0

    @property
    def query(self) -> Query:
        """What the model is asked."""
        if self.shown == "clean":
            return CLEAN
        return Query(CorruptedPicture(self.corruption, self.severity) if self.corruption else _MOVED[self.shown])

    @property
    def named(self) -> str:
        """For people."""
        if not self.corruption:
            return NAMES[self.shown]
        return f"{self.corruption.replace('_', ' ')} {self.severity}"


NAMES = {"clean": "as they are", "corrupted": "corrupted", "crop": "cropped at random", "embedded": "small on black"}


@dataclass(frozen=True)
class Group:
    """Conditions whose answers are taken together.

    Attributes:
        at: coordinates.
        columns: places among all conditions.
        whole: whether it is also told what a temperature does.
    """

    at: dict[str, Any]
    columns: tuple[int, ...]
    whole: bool = False


@dataclass(frozen=True)
class Layout:
    """All conditions, and how they are taken together."""

    corruptions: Sequence[str]
    severities: Sequence[int]
    shifts: Sequence[Shift]

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """The clean images first; severities of one corruption together, as they share what is drawn."""
        corrupted = [Condition("corrupted", c, s) for c in self.corruptions for s in self.severities]
        return (Condition("clean"), *corrupted, *(Condition(shift) for shift in self.shifts))

    def groups(self) -> Iterator[Group]:
        """The clean images; all corrupted, by severity; every shift; then corrupted by corruption, and each."""
        every = self.conditions
        yield Group({"shown": "clean"}, (0,), whole=True)
        if self.corruptions:
            yield Group({"shown": "corrupted"}, self._where(shown="corrupted"), whole=True)
        for severity in self.severities if self.corruptions else ():
            yield Group({"shown": "corrupted", "severity": severity}, self._where(severity=severity), whole=True)
        for shift in self.shifts:
            yield Group({"shown": shift}, self._where(shown=shift), whole=True)
        for name in self.corruptions:
            yield Group({"shown": "corrupted", "corruption": name}, self._where(corruption=name))
        for k, one in enumerate(every):
            if one.corruption:
                at = {"shown": "corrupted", "corruption": one.corruption, "severity": one.severity}
                yield Group(at, (k,))

    def _where(self, **what: object) -> tuple[int, ...]:
        return tuple(
            k for k, one in enumerate(self.conditions) if all(getattr(one, name) == v for name, v in what.items())
        )


def shown_of(columns: Sequence[int], valid: Array) -> tuple[Array, Array]:
    """Image and condition of every answer that there is: (m,) each, image by image."""
    images, places = np.nonzero(valid[:, list(columns)])
    return images, np.asarray(columns)[places]
