"""Kept cases: what a gallery shows, and how large."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eyechart.core.chart import Gallery
from eyechart.report.captions import caption

MIMES = ("image/png", "image/webp")
SMALL, ENLARGED, SHOWN = 72, 108, 224  # pixels: up to the first grow to about the second; above the third shrink to it


@dataclass(frozen=True)
class Picture:
    """An encoded picture, shown exactly as given.

    Attributes:
        data: the bytes of a lossless PNG or WebP file.
        mime: ``image/png`` or ``image/webp``.
        size: (width, height) in pixels.
    """

    data: bytes
    mime: str
    size: tuple[int, int]

    def __post_init__(self) -> None:
        if self.mime not in MIMES:
            raise ValueError(f"a picture of type {self.mime}; known: {', '.join(MIMES)}")
        if min(self.size) < 1:
            raise ValueError(f"a picture of size {self.size}")

    @property
    def source(self) -> str:
        """The picture as a ``data:`` address."""
        return f"data:{self.mime};base64,{b64encode(self.data).decode('ascii')}"

    @property
    def small(self) -> bool:
        """Whether single pixels should be seen."""
        return max(self.size) <= SMALL

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height on the page: whole multiples for small pictures, natural size or less for others.

        >>> Picture(b"", "image/png", (32, 32)).shown, Picture(b"", "image/png", (448, 224)).shown
        ((96, 96), (224, 112))
        """
        longest = max(self.size)
        scale = float(max(1, round(ENLARGED / longest))) if self.small else min(1.0, SHOWN / longest)
        return max(1, round(self.size[0] * scale)), max(1, round(self.size[1] * scale))


@dataclass(frozen=True)
class KeptCase:
    """One remembered case of a run.

    Attributes:
        key: the list it was kept in.
        score: higher is shown first.
        id: of the image.
        facts: what may be said about it; ``group``, if present, heads its list.
        pictures: name -> picture.
    """

    key: str
    score: float
    id: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict)


@dataclass(frozen=True)
class Shot:
    """One picture of a case with its heading and line (or several, parted by newlines); no picture if none was kept."""

    heading: str
    line: str
    picture: Picture | None

    @property
    def lines(self) -> list[str]:
        """One or more."""
        return self.line.split("\n")


@dataclass(frozen=True)
class CaseView:
    """A case as the page shows it; ``flicker``: its first two pictures may alternate in the first one's place."""

    id: str
    shots: tuple[Shot, ...]
    flicker: bool = False


@dataclass(frozen=True)
class CaseList:
    """The cases of one key, best first."""

    heading: str
    cases: tuple[CaseView, ...]


def case_lists(gallery: Gallery, kept: Sequence[KeptCase]) -> tuple[CaseList, ...]:
    """The cases whose key starts with the gallery's, by key (radius 8 before radius 16), best first."""
    lists: dict[str, list[KeptCase]] = {}
    for case in kept:
        if case.key.startswith(gallery.key):
            lists.setdefault(case.key, []).append(case)
    ranked = [
        sorted(cases, key=lambda case: (-case.score, case.id)) for _, cases in sorted(lists.items(), key=_natural)
    ]
    return tuple(
        CaseList(str(cases[0].facts.get("group", "")), tuple(_view(gallery, case) for case in cases[: gallery.most]))
        for cases in ranked
    )


def _natural(item: tuple[str, object]) -> list[tuple[float, str]]:
    """A key that sorts the numbers within names by value."""
    return [(float(part), "") if part.isdecimal() else (0.0, part) for part in re.split(r"(\d{1,9})", item[0])]


def _view(gallery: Gallery, case: KeptCase) -> CaseView:
    lines = [*gallery.lines, *([""] * len(gallery.pictures))]
    shots = tuple(
        Shot(caption(heading, case.facts), caption(line, case.facts), case.pictures.get(name))
        for (name, heading), line in zip(gallery.pictures, lines, strict=False)
    )
    return CaseView(case.id, shots, gallery.flicker and len([shot for shot in shots[:2] if shot.picture]) == 2)
