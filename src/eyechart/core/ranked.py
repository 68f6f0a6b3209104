"""The best few images of each of thousands of lists, such as one a channel: as arrays, where objects would take too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Ranked:
    """Lists of at most ``m`` images, each with its best first; an image stands in a list once.

    Attributes:
        scores: (lists, m) float64; -inf behind the end of a list.
        ids: (lists, m) text; empty there.
        facts: (lists, m, f) float32, what to say about each; NaN there.
    """

    scores: Array
    ids: Array
    facts: Array

    @classmethod
    def of(cls, scores: Array, ids: Sequence[str], facts: Array, most: int) -> Ranked:
        """The ``most`` highest scores of each list, ties by id.

        Args:
            scores: (n, lists), finite.
            ids: of the n images.
            facts: (n, lists, f).
            most: m.
        """
        by_id = sorted(range(len(ids)), key=ids.__getitem__)
        order = np.argsort(-scores[by_id], axis=0, kind="stable")[:most]  # (k, lists) places in by_id
        chosen = np.asarray(by_id, int)[order]
        lists = np.arange(scores.shape[1])
        room = ((0, 0), (0, most - len(chosen)))
        return cls(
            np.pad(scores[chosen, lists].T.astype(np.float64), room, constant_values=-np.inf),
            np.pad(np.asarray(ids, np.str_)[chosen].T, room, constant_values=""),
            np.pad(facts[chosen, lists].astype(np.float32).swapaxes(0, 1), (*room, (0, 0)), constant_values=np.nan),
        )

    def joined(self, other: Ranked) -> Ranked:
        """The best of both."""
        scores, ids, facts = (
            np.concatenate(pair, 1)
            for pair in ((self.scores, other.scores), (self.ids, other.ids), (self.facts, other.facts))
        )
        order = np.lexsort((ids, -scores), axis=1)[:, : self.scores.shape[1]]
        best = np.take_along_axis(scores, order, 1), np.take_along_axis(ids, order, 1)
        return Ranked(*best, np.take_along_axis(facts, order[..., None], 1))

    def arrays(self, name: str) -> dict[str, Array]:
        """Its parts under names, to be stored."""
        return {f"{name}/{part}": getattr(self, part) for part in ("scores", "ids", "facts")}


def from_arrays(stored: Mapping[str, Array]) -> dict[str, Ranked]:
    """The inverse of ``Ranked.arrays``, of several."""
    names = [name.removesuffix("/scores") for name in stored if name.endswith("/scores")]
    return {name: Ranked(*(stored[f"{name}/{part}"] for part in ("scores", "ids", "facts"))) for name in names}
