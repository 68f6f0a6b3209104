"""The page's contents in reading order: parts with anchors, their blocks, and the findings to begin with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from eyechart.core.chart import Chart, Finding, Gallery
from eyechart.report.cases import CaseList, KeptCase, case_lists
from eyechart.report.charts import Figure, figures
from eyechart.report.digest import Digest, advised_once, digest

HEADINGS = (("weak", "Weak"), ("note", "Worth knowing"), ("strong", "Strong"))
PROVED = (("strong", "What got better"), ("weak", "What it cost"), ("note", "What could not be shown"))


@dataclass(frozen=True)
class PageSection:
    """An exam's part of the page, for one model; ``cases`` are those of its galleries, if they are not the model's own."""

    exam: str
    title: str
    explanation: str
    findings: tuple[Finding, ...] = ()
    charts: tuple[Chart, ...] = ()
    model: str = ""
    cases: tuple[KeptCase, ...] = ()


@dataclass(frozen=True)
class NumberedList:
    """A list of cases and its number among all lists of the page."""

    number: int
    cases: CaseList


@dataclass(frozen=True)
class GalleryView:
    """A gallery ready for the page."""

    title: str
    caption: str
    lists: tuple[NumberedList, ...]

    @property
    def flicker(self) -> bool:
        """Whether a case's frames may alternate."""
        return any(case.flicker for one in self.lists for case in one.cases.cases)


@dataclass(frozen=True)
class Block:
    """Neighbouring figures, or one gallery."""

    figures: tuple[Figure, ...] = ()
    gallery: GalleryView | None = None


@dataclass(frozen=True)
class Part:
    """An exam's part of the page, ready to be written."""

    anchor: str
    title: str
    model: str
    explanation: str
    findings: tuple[Finding, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Verdict:
    """Findings of one kind with the parts they come from."""

    name: str
    heading: str
    found: tuple[tuple[Finding, Part], ...]


def parts(sections: Sequence[PageSection], kept: Mapping[str, Sequence[KeptCase]], *, named: bool) -> tuple[Part, ...]:
    """Sections as parts; ``named`` says that there are several models, so each part names its own."""
    made, lists = [], 0
    for number, section in enumerate(sections, start=1):
        anchor = f"{re.sub('[^a-z0-9]+', '-', section.exam.lower()).strip('-')[:40] or 'exam'}-{number}"
        blocks, lists = _blocks(section, section.cases or kept.get(section.model, ()), anchor, lists)
        model = section.model if named else ""
        made.append(Part(anchor, section.title, model, section.explanation, advised_once(section.findings), blocks))
    return tuple(made)


def galleries(body: Sequence[Part]) -> list[CaseList]:
    """Every list of cases on the page, in the order of their numbers."""
    return [one.cases for part in body for block in part.blocks if block.gallery for one in block.gallery.lists]


def digests(body: Sequence[Part]) -> tuple[Digest[Part], ...]:
    """What each model's parts begin with."""
    models = dict.fromkeys(part.model for part in body)
    return tuple(digest([part for part in body if part.model == model]) for model in models)


def verdicts(found: Sequence[Digest[Part]], headings: Sequence[tuple[str, str]] = HEADINGS) -> tuple[Verdict, ...]:
    """What is told of all models, by what it means for the reader."""
    told = [one for of_model in found for one in of_model.told]
    return tuple(
        Verdict(name, heading, tuple(one for one in told if one[0].verdict == name)) for name, heading in headings
    )


def _blocks(section: PageSection, kept: Sequence[KeptCase], anchor: str, lists: int) -> tuple[tuple[Block, ...], int]:
    """The section's charts as blocks, and the number of lists on the page so far."""
    blocks = []
    for number, (is_gallery, group) in enumerate(groupby(section.charts, lambda chart: isinstance(chart, Gallery))):
        charts = list(group)
        if not is_gallery:
            drawn = [chart for chart in charts if not isinstance(chart, Gallery)]
            blocks.append(Block(figures=tuple(figures(drawn, f"{anchor}-{number}"))))
        for chart in charts:
            if isinstance(chart, Gallery):
                found = case_lists(chart, kept)
                numbered = tuple(NumberedList(lists + i, cases) for i, cases in enumerate(found))
                blocks.append(Block(gallery=GalleryView(chart.title, chart.caption, numbered)))
                lists += len(found)
    return tuple(blocks), lists
