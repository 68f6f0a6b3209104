"""One gallery of several models: pictures that all were shown, once, and what each model says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eyechart.core.chart import Gallery
from eyechart.report.captions import caption
from eyechart.report.cases import KeptCase
from eyechart.report.contents import PageSection

Kept = Mapping[str, Sequence[KeptCase]]  # model -> its cases


def joined_galleries(sections: Sequence[PageSection], kept: Kept) -> tuple[tuple[Gallery, ...], tuple[KeptCase, ...]]:
    """Galleries that the sections share, with their cases: those marked as shared of which each model kept the same.

    Args:
        sections: of one exam, each on another model.
        kept: of all models.

    A picture has a line a model. A gallery of which the models kept other cases, or pictures (frames of other sizes), stays
    each model's own.
    """
    galleries, cases = [], []
    for gallery in (chart for chart in sections[0].charts if isinstance(chart, Gallery) and chart.shared):
        told = [(one.model, _of(gallery, kept.get(one.model, ()))) for one in sections if gallery in one.charts]
        if len(told) == len(sections) and _alike([own for _, own in told]):
            names = [f"line_{i}" for i in range(len(gallery.pictures))]
            galleries.append(replace(gallery, lines=tuple(f"{{{name}}}" for name in names)))
            cases += [_joined(gallery, names, [(model, own[key]) for model, own in told]) for key in told[0][1]]
    return tuple(galleries), tuple(cases)


def without(section: PageSection, galleries: Sequence[Gallery]) -> PageSection:
    """The section less the galleries that are shown for all models."""
    keys = {one.key for one in galleries}
    return replace(
        section, charts=tuple(c for c in section.charts if not (isinstance(c, Gallery) and c.shared and c.key in keys))
    )


def _of(gallery: Gallery, kept: Sequence[KeptCase]) -> dict[tuple[str, str], KeptCase]:
    """A gallery's cases by key and image, in the order of both."""
    mine = sorted((one for one in kept if one.key.startswith(gallery.key)), key=lambda one: (one.key, one.id))
    return {(one.key, one.id): one for one in mine}


def _alike(told: Sequence[Mapping[tuple[str, str], KeptCase]]) -> bool:
    """Whether all hold the same cases, some, with the same pictures."""
    shown = [{place: case.pictures for place, case in own.items()} for own in told]
    return bool(shown[0]) and all(one == shown[0] for one in shown)


def _joined(gallery: Gallery, names: Sequence[str], told: Sequence[tuple[str, KeptCase]]) -> KeptCase:
    """The first model's case, its lines being those of all models."""
    first = told[0][1]
    lines = {
        name: "\n".join(f"{model}: {' '.join(caption(line, case.facts).split())}" for model, case in told)
        for name, line in zip(names, gallery.lines, strict=False)
    }
    return replace(first, facts={**first.facts, **lines})
