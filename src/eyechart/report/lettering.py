"""How much room words take, and how to make them fit it."""

from __future__ import annotations

SIZE = 12.0
BOLD = 13.4  # bold letters at 12 take the room of regular ones at this size
LINE = 15.0
NARROW, WIDE = frozenset("fijlrtI.,:;'|!()[] "), frozenset("mwMW%@<>=+~")


def width(text: str, size: float = SIZE) -> float:
    """An estimate of the width of ``text``, erring on the wide side because fonts differ between machines."""
    return sum(_em(letter) for letter in text) * size


def shorten(text: str, room: float, size: float = SIZE) -> str:
    """``text`` itself if it fits ``room``, else its beginning and an ellipsis.

    >>> shorten("low frequencies", 60)
    'low freq…'
    """
    if width(text, size) <= room:
        return text
    room -= width("…", size)
    kept = 0
    while kept < len(text) and (room := room - width(text[kept], size)) >= 0:
        kept += 1
    return text[:kept].rstrip() + "…"


def fold(text: str, room: float, lines: int = 2, size: float = SIZE) -> list[str]:
    """``text`` broken at spaces into at most ``lines`` lines that fit ``room``; the last is shortened."""
    folded: list[str] = []
    words = text.split() or [""]
    while words and len(folded) < lines - 1:
        taken = 1
        while taken < len(words) and width(" ".join(words[: taken + 1]), size) <= room:
            taken += 1
        folded.append(shorten(" ".join(words[:taken]), room, size))
        words = words[taken:]
    return [*folded, shorten(" ".join(words), room, size)] if words else folded


def spread(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Places nearest to ``wanted`` (least squares) that keep the order, stay ``gap`` apart and within the range.

    >>> spread([10.0, 11.0, 50.0], 12, 0, 100)
    [4.5, 16.5, 50.0]
    """
    if not wanted:
        return []
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    offsets = _isotonic([wanted[i] - rank * gap for rank, i in enumerate(order)])
    top = high - gap * (len(wanted) - 1)
    places = [0.0] * len(wanted)
    for rank, i in enumerate(order):
        places[i] = min(max(offsets[rank], low), top) + rank * gap
    return places


def _isotonic(values: list[float]) -> list[float]:
    """The nearest non-decreasing sequence: neighbours out of order are pooled to their mean."""
    pools: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before, n = pools.pop()
            total, count = total + before, count + n
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]


def _em(letter: str) -> float:
    if ord(letter) > 0x2E7F:  # East Asian scripts and pictographs fill a square
        return 1.05
    if letter in NARROW:
        return 0.36
    return 0.92 if letter in WIDE else 0.72 if letter.isupper() else 0.62
