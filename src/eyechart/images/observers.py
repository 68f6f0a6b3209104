"""Observers side by side: who was right on which image, matched by image and condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from eyechart.images.decisions import Array, Decision, DecisionError, DecisionTable
from eyechart.stats.agreement_intervals import Pairs, Panel


@dataclass(frozen=True)
class Observed:
    """A table of decisions with a line for each image (in a condition) and a column for each observer.

    Attributes:
        observers: their names.
        conditions: their names; ``panel.conditions`` are numbers of these.
        images: (condition, image) of each line.
        panel: who was shown it, and who was right.
        persons: names of people among the observers.
    """

    observers: tuple[str, ...]
    conditions: tuple[str, ...]
    images: tuple[tuple[str, str], ...]
    panel: Panel
    persons: tuple[str, ...]

    @property
    def people(self) -> tuple[int, ...]:
        """Columns of people."""
        return tuple(k for k, name in enumerate(self.observers) if name in self.persons)

    @property
    def networks(self) -> tuple[int, ...]:
        """All other columns."""
        return tuple(k for k, name in enumerate(self.observers) if name not in self.persons)

    @property
    def count(self) -> int:
        """Different images."""
        return len({image for _, image in self.images})

    def column(self, observer: str) -> int:
        """Of an observer. Raises ValueError if there is none of that name."""
        return self.observers.index(observer)

    def within(self, condition: str) -> Panel:
        """The lines of one condition."""
        chosen = self.panel.conditions == self.conditions.index(condition)
        return self.panel.of(chosen)

    def sharing(self, pairs: Pairs) -> Pairs:
        """Those of the pairs that saw at least one image both."""
        seen = self.panel.seen
        return [(a, b) for a, b in pairs if (seen[:, a] & seen[:, b]).any()]

    def pairs(self, first: Sequence[int], second: Sequence[int]) -> Pairs:
        """Each of the first with each of the second who saw the same images; each two observers once."""
        return self.sharing(list(_distinct(first, second)))


def observed(table: DecisionTable) -> Observed:
    """Match decisions by image and condition, never by the order of trials.

    Raises:
        DecisionError: an image is of one category for one observer and of another for another.
    """
    keys: dict[tuple[str, str], Decision] = {}
    for one in table:
        _alike(keys.setdefault((one.condition, one.image), one), one)
    images = tuple(sorted(keys, key=lambda key: (table.conditions.index(key[0]), key[1])))
    line = {key: k for k, key in enumerate(images)}
    column = {name: k for k, name in enumerate(table.observers)}
    seen: Array = np.zeros((len(images), len(column)), bool)
    right = np.zeros_like(seen)
    for one in table:
        at = line[one.condition, one.image], column[one.observer]
        seen[at], right[at] = True, one.right
    number = {name: k for k, name in enumerate(table.conditions)}
    conditions = np.array([number[condition] for condition, _ in images])
    place = {image: k for k, image in enumerate(sorted({image for _, image in images}))}
    numbers = np.array([place[image] for _, image in images])
    return Observed(table.observers, table.conditions, images, Panel(right, seen, conditions, numbers), table.people)


def _alike(first: Decision, other: Decision) -> None:
    if first.category != other.category:
        raise DecisionError(
            f"The image is {first.category} for {first.observer} and {other.category} for {other.observer}.",
            setting="FILE",
            value=other.imagename,
            way_out="Mend the table: an image has one category. If these are two images, give them different names.",
        )


def _distinct(first: Sequence[int], second: Sequence[int]) -> Iterator[tuple[int, int]]:
    if tuple(first) == tuple(second):
        yield from combinations(first, 2)
        return
    told: set[frozenset[int]] = set()
    for a in first:
        for b in second:
            if a != b and frozenset((a, b)) not in told:
                told.add(frozenset((a, b)))
                yield a, b
