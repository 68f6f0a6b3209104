"""Isolines by marching squares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Number

Point = tuple[float, float]
Edge = tuple[int, int, int, int]  # from (row, column) to (row, column)


def isolines(z: Sequence[Sequence[Number]], level: float) -> list[list[Point]]:
    """Lines at height ``level`` through the grid ``z``, as points (column, row); a loop ends where it begins.

    Heights are taken as linear along the sides of each square; where a square has two ways, its mean decides.
    Squares with an undefined corner hold no line.

    >>> isolines([[0, 0], [1, 1]], 0.25)
    [[(1.0, 0.25), (0.0, 0.25)]]
    """
    links: dict[Edge, list[Edge]] = {}
    for a, b in _segments(z, level):
        links.setdefault(a, []).append(b)
        links.setdefault(b, []).append(a)
    ends = [edge for edge, linked in links.items() if len(linked) == 1]
    lines: list[list[Point]] = []
    for start in [*ends, *links]:  # open lines first; what then remains are loops
        if links[start]:
            lines.append([_crossing(z, edge, level) for edge in _walk(links, start)])
    return lines


def _segments(z: Sequence[Sequence[Number]], level: float) -> Iterator[tuple[Edge, Edge]]:
    for r in range(len(z) - 1):
        for c in range(len(z[r]) - 1):
            corners = (z[r][c], z[r][c + 1], z[r + 1][c + 1], z[r + 1][c])
            known = [corner for corner in corners if corner is not None]
            above = [corner >= level for corner in known]
            if len(known) < 4 or all(above) or not any(above):
                continue
            sides = ((r, c, r, c + 1), (r, c + 1, r + 1, c + 1), (r + 1, c, r + 1, c + 1), (r, c, r + 1, c))
            crossed = [side for i, side in enumerate(sides) if above[i] != above[(i + 1) % 4]]
            if len(crossed) == 2:
                yield crossed[0], crossed[1]
                continue
            low, right, top, left = crossed
            joined = (sum(known) / 4 >= level) == above[0]  # the first corner and the one opposite are one region
            yield from ((low, right), (top, left)) if joined else ((low, left), (top, right))


def _walk(links: dict[Edge, list[Edge]], start: Edge) -> Iterator[Edge]:
    """Follow a line and take its links away."""
    at = start
    yield at
    while links[at]:
        following = links[at].pop()
        links[following].remove(at)
        at = following
        yield at


def _crossing(z: Sequence[Sequence[Number]], edge: Edge, level: float) -> Point:
    r0, c0, r1, c1 = edge
    a, b = z[r0][c0] or 0.0, z[r1][c1] or 0.0
    share = (level - a) / (b - a)
    return c0 + share * (c1 - c0), r0 + share * (r1 - r0)
