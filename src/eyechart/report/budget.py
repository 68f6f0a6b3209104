"""Which cases fit the page: every list gets its best before any list gets its second."""

from __future__ import annotations

from collections.abc import Sequence


def fair_share(costs: Sequence[Sequence[int]], budget: int) -> list[int]:
    """How many of each list to show; ``costs`` are in bytes, best first.

    A list whose next case does not fit is closed, so that what is shown is always the beginning of its list.

    >>> fair_share([[10, 10, 10], [10], [60]], 40)
    [3, 1, 0]
    """
    shown = [0] * len(costs)
    waiting = list(range(len(costs)))
    while waiting:
        still = []
        for i in waiting:
            if shown[i] < len(costs[i]) and costs[i][shown[i]] <= budget:
                budget -= costs[i][shown[i]]
                shown[i] += 1
                still.append(i)
        waiting = still
    return shown
