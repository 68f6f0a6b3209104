"""What a reader is told first of a model: a handful of findings, the weak and the unsure before the strong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from eyechart.core.chart import Finding

MOST = 6  # findings of a model
ORDER = ("weak", "note", "strong")


class Section(Protocol):
    """An exam's findings on a model."""

    @property
    def title(self) -> str:
        """Of the exam, for the reader."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """The most telling first."""
        ...


S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class Digest(Generic[S]):
    """Of one model.

    Attributes:
        told: findings with their sections; an advice that several give stands at the first of them alone.
        also_weak: sections with weak findings, none of which is told.
        quiet: sections that found nothing weak and of which nothing is told.
    """

    told: tuple[tuple[Finding, S], ...]
    also_weak: tuple[S, ...]
    quiet: tuple[S, ...]

    @property
    def rest(self) -> tuple[tuple[str, tuple[S, ...]], ...]:
        """Of whom nothing is told: words to put before their names, and the sections."""
        folded = (("found something weak", self.also_weak), ("found nothing weak", self.quiet))
        counted = [(f"And {len(some)} more exam{'s' if len(some) > 1 else ''} {what}:", some) for what, some in folded]
        return tuple((words, some) for words, some in counted if some)


def digest(sections: Sequence[S]) -> Digest[S]:
    """A model's findings to begin with: the first of each kind of every exam, the weak first; then the second."""
    ranked = []
    for number, section in enumerate(sections):
        for verdict in ORDER:
            alike = [finding for finding in section.findings if finding.verdict == verdict]
            ranked += [((k, ORDER.index(verdict), number), finding, section) for k, finding in enumerate(alike)]
    ranked.sort(key=lambda one: one[0])
    told = [(finding, section) for (_, rank, _), finding, section in sorted(ranked[:MOST], key=lambda one: one[0][1])]
    names = {id(section) for _, section in told}
    others = [section for section in sections if section.findings and id(section) not in names]
    weak = [any(finding.verdict == "weak" for finding in section.findings) for section in others]
    return Digest(
        tuple(zip(advised_once([finding for finding, _ in told]), [section for _, section in told], strict=True)),
        tuple(section for section, is_weak in zip(others, weak, strict=True) if is_weak),
        tuple(section for section, is_weak in zip(others, weak, strict=True) if not is_weak),
    )


def advised_once(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, an advice that several give left to the first of them."""
    given: set[str] = set()
    found = []
    for finding in findings:
        found.append(replace(finding, advice="") if finding.advice in given else finding)
        given.add(finding.advice)
    return tuple(found)
