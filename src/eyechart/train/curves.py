"""What a log says of a training: how soon, in which order, and when it would have been time to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def values_of(lines: Sequence[Mapping[str, Any]], column: str) -> list[tuple[int, float]]:
    """(epoch, value) of the epochs in which a column was measured."""
    return [(int(line["epoch"]), float(line[column])) for line in lines if line.get(column) not in ("", None)]


def epochs_to(curve: Sequence[tuple[int, float]], share: float = 0.9) -> int | None:
    """The first epoch at which a rising curve has come ``share`` of the way from 0 to its last value; None without one.

    >>> epochs_to([(1, 0.2), (2, 0.85), (3, 0.88), (4, 0.9)])
    2
    """
    if not curve or curve[-1][1] <= 0:
        return None
    return next(epoch for epoch, value in curve if value >= share * curve[-1][1])


def order_of_acquisition(curves: Mapping[str, Sequence[tuple[int, float]]], share: float = 0.9) -> list[str]:
    """Names of curves, the one first that first comes ``share`` of its way; those that never do are left out.

    >>> order_of_acquisition({"fine": [(1, 0.1), (2, 0.8)], "coarse": [(1, 0.5), (2, 0.5)]})
    ['coarse', 'fine']
    """
    when = {name: epochs_to(curve, share) for name, curve in curves.items()}
    return sorted((name for name, epoch in when.items() if epoch is not None), key=lambda name: (when[name] or 0, name))


def best_epoch(curve: Sequence[tuple[int, float]]) -> int | None:
    """The epoch with the largest value, the first on a tie: where stopping early would have stopped.

    >>> best_epoch([(1, 0.5), (2, 0.7), (3, 0.7), (4, 0.6)])
    2
    """
    return max(curve, key=lambda point: (point[1], -point[0]))[0] if curve else None


def gap(first: Sequence[tuple[int, float]], second: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """The first curve less the second, at the epochs that both have: training less test, say."""
    other = dict(second)
    return [(epoch, value - other[epoch]) for epoch, value in first if epoch in other]
