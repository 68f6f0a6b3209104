"""Joining the shards of a stage."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from eyechart.core.tally import Tally
from eyechart.store.shards import Shelf


def merged(shelf: Shelf, n: int) -> Tally:
    """The tally over all finished shards of the first ``n`` positions."""
    return Tally.merge(tally for _, tally in parts(shelf, n) if tally.rows or tally.sums or tally.kept)


def parts(shelf: Shelf, n: int) -> Iterator[tuple[pa.Table, Tally]]:
    """Rows and tally of each shard within the first ``n`` positions, in order, read one at a time."""
    for piece in shelf.pieces(n):
        table = shelf.table(piece)
        yield table, shelf.tally(piece, table)
