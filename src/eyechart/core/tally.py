"""What an exam has counted so far: rows, sums and kept pictures. Tallies merge; nothing else does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import numpy as np

from eyechart.core.ranked import Ranked

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
        sums: name -> float64 array whose first axis is BLOCKS hash blocks of images, or their halves.
        kept: at most ``limit`` cases per key.
        limit: cases kept per key.
        ranked: name -> the best few of each of many lists, where there are too many for ``kept``.
    """

    rows: Mapping[str, Array] = field(default_factory=dict)
    sums: Mapping[str, Array] = field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    limit: int = 0
    ranked: Mapping[str, Ranked] = field(default_factory=dict)

    @staticmethod
    def merge(tallies: Iterable[Tally]) -> Tally:
        """Join rows in the order given, add sums in that order, keep the best per key.

        Taken one after another: sums and kept cases of a single one are held beside the whole.
        """
        rows: dict[str, list[Array]] = {}
        whole: Tally | None = None
        for tally in tallies:
            if whole is None:
                rows = {name: [] for name in tally.rows}
                whole = replace(tally, rows={}, kept=best(tally.limit, tally.kept))
            else:
                whole = _added(whole, tally)
            for name, parts in rows.items():
                parts.append(tally.rows[name])
        return replace(whole, rows={name: np.concatenate(parts) for name, parts in rows.items()}) if whole else Tally()


def _added(first: Tally, second: Tally) -> Tally:
    """All but the rows of both."""
    limit = max(first.limit, second.limit)
    sums = {name: values + second.sums[name] for name, values in first.sums.items()}
    ranked = {name: lists.joined(second.ranked[name]) for name, lists in first.ranked.items()}
    return Tally({}, sums, best(limit, (*first.kept, *second.kept)), limit, ranked)


class Gathering:
    """Tallies of at most ``size`` images, joined as they come; equals ``Tally.merge``.

    Each column lies in one piece of memory from the start: thousands of small arrays among passing batches of frames would
    keep the heap from closing its gaps.

    Args:
        size: images to come, or more.
    """

    def __init__(self, size: int) -> None:
        self._size, self._done = size, 0
        self._rows: dict[str, Array] = {}
        self._others: Tally | None = None  # all but rows

    def add(self, tally: Tally) -> None:
        """Put a tally behind those that came before. Raises ValueError if its columns are not theirs."""
        others = replace(tally, rows={})
        if self._others is None:
            self._rows = {k: np.empty((self._size, *v.shape[1:]), v.dtype) for k, v in tally.rows.items()}
            self._others = others
        else:
            self._others = Tally.merge([self._others, others])
        stop = self._done + len(next(iter(tally.rows.values()), ()))
        if _kinds(self._rows) != _kinds(tally.rows):
            raise ValueError(f"rows of {_kinds(tally.rows)} cannot follow rows of {_kinds(self._rows)}")
        for name, values in tally.rows.items():
            self._rows[name][self._done : stop] = values
        self._done = stop

    def tally(self) -> Tally:
        """All that came."""
        rows = {name: values[: self._done] for name, values in self._rows.items()}
        return replace(self._others or Tally(), rows=rows)


def _kinds(rows: Mapping[str, Array]) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (values.dtype.str, values.shape[1:]) for name, values in rows.items()}


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
