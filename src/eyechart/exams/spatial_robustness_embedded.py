"""How far embeddings move in the worst of many turns and moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from eyechart.core.chart import Bars, Chart, Finding, Series
from eyechart.core.embeddings import NO_SCALE, Scale, apart, compared_with, farther, turns
from eyechart.core.estimate import Estimate, Estimates, ends
from eyechart.core.exam import Array
from eyechart.core.findings import judged
from eyechart.core.query import Answer
from eyechart.core.told import Make, Told, figures
from eyechart.core.words import percent
from eyechart.exams.spatial_robustness_pictures import ADVICE, CASES, LITTLE, MUCH, limits

MEASURES = {
    "significant_anywhere": "in one case at least",
    "significant_change": "on average",
}


def embedded(plain: Answer, asked: Sequence[Answer]) -> dict[str, Array]:
    """Columns (n, cases): distances from the image as it is."""
    each = [apart(plain, answer) for answer in asked]
    return {name: np.stack([one[name] for one in each], 1) for name in each[0]}


def embedded_figures(
    make: Make, rows: Mapping[str, Array], searches: Sequence[str], scale: Scale | None
) -> Iterator[Estimate]:
    """All figures; ``rows``: per search those of ``embedded``, its name before theirs."""
    yield from compared_with(make, scale, {}, ())
    for search in searches:
        own = {name: rows[f"{search}_{name}"] for name in ("distance", "cosine_distance")}
        own["valid"] = np.ones(own["distance"].shape, bool)
        told, at = [*turns(own, scale)], {"search": search}
        if scale:
            ever = np.asarray((own["cosine_distance"] > scale.significant).any(1))[:, None]
            told.append(Told("significant_anywhere", "share", {}, ever, own["valid"][:, :1]))
        yield from figures(make, told, at)
        if scale is None:
            for measure in MEASURES:
                yield make(measure, value=None, n=0, at=at, reason=NO_SCALE)


def embedded_charts(estimates: Estimates) -> Sequence[Chart]:
    """How often embeddings move like another image's."""
    searches = [e.at["search"] for e in estimates.of("significant_anywhere")]
    series = [Series(name, *ends([estimates.one(m, search=s) for s in searches])) for m, name in MEASURES.items()]
    return [
        Bars(
            title="Embeddings that a turn and a move carry as far as another image",
            x_label="share of images, or of cases",
            categories=[CASES[search] for search in searches],
            series=series,
            x_range=(0.0, 1.0),
            caption="Images whose embedding, turned and moved, lies farther from that of the image as it is than the most "
            "alike pairs of different images are apart: in one case at least, and on average over the cases.",
        )
    ]


def embedded_findings(estimates: Estimates, draws: int) -> Sequence[Finding]:
    """How often one of the random cases moves the embedding like another image's."""
    e = estimates.one("significant_anywhere", search="random")
    if e is None or e.value is None:
        return [Finding("note", f"How far embeddings move cannot be told: {e.reason if e else 'no image was turned'}.")]
    moved = estimates.one("embed_change", search="random")
    sentence = (
        f"For {percent(e)} of images at least one of {draws} turns and moves {limits(estimates)} moves the embedding "
        f"{farther(estimates)}"
    )
    if moved is not None:
        sentence += f"; on average it moves {percent(moved)} of the way to another image"
    return [judged(f"{sentence}.", e, MUCH, LITTLE, ADVICE)]
