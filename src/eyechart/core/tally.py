"""What an exam has counted so far: rows, sums and kept pictures. Tallies merge; nothing else does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
BLOCKS = 64


@dataclass(frozen=True)
class Kept:
    """One remembered case; its pictures are drawn once the best of all images are known.

    Attributes:
        key: the list it competes in; each list keeps its best few.
        score: higher is kept first; ties go to the smaller id.
        id: of the image.
        facts: what to say about it (plain data).
    """

    key: str
    score: float
    id: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tally:
    """Counts over some images.

    Attributes:
        rows: column -> array whose first axis is the images; further axes are conditions (fixed by the exam's settings).
        sums: name -> float64 array whose first axis is BLOCKS hash blocks of images.
        kept: at most ``limit`` cases per key.
        limit: cases kept per key.
    """

    rows: Mapping[str, Array] = field(default_factory=dict)
    sums: Mapping[str, Array] = field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    limit: int = 0

    @staticmethod
    def merge(tallies: Iterable[Tally]) -> Tally:
        """Join rows in the order given, add sums in that order, keep the best per key."""
        tallies = list(tallies)
        if not tallies:
            return Tally()
        rows = {name: np.concatenate([t.rows[name] for t in tallies]) for name in tallies[0].rows}
        sums = {name: sum((t.sums[name] for t in tallies[1:]), tallies[0].sums[name]) for name in tallies[0].sums}
        limit = max(t.limit for t in tallies)
        return Tally(rows, sums, best(limit, (case for t in tallies for case in t.kept)), limit)


def best(limit: int, cases: Iterable[Kept]) -> tuple[Kept, ...]:
    """The ``limit`` highest scores of each key, ties by id, ordered by key, then rank."""
    ranked = sorted(cases, key=lambda case: (case.key, -case.score, case.id))
    seen: dict[str, int] = {}
    chosen = []
    for case in ranked:
        seen[case.key] = seen.get(case.key, 0) + 1
        if seen[case.key] <= limit:
            chosen.append(case)
    return tuple(chosen)


def block_of(image_id: str) -> int:
    """The hash block an image's sums go to: the same in every run, so that intervals can resample blocks."""
    return blake2b(image_id.encode("utf-8", "surrogatepass"), digest_size=2).digest()[0] % BLOCKS


def sums_by_block(values: Array, ids: Iterable[str]) -> Array:
    """Add ``values`` (n, ...) into (BLOCKS, ...) float64 by the images' hash blocks."""
    total = np.zeros((BLOCKS, *values.shape[1:]), dtype=np.float64)
    np.add.at(total, [block_of(i) for i in ids], values)
    return total
