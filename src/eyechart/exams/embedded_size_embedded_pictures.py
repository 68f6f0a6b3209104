"""Figures and plain words of embeddings by size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Chart, Finding, Format, Table
from eyechart.core.embeddings import farther
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import number, percent, points
from eyechart.exams.embedded_size_pictures import ADVICE, LITTLE, TELLING, USUAL, moved_by, over_sizes, size_in_pixels

CURVES = {
    "significant_change": (
        "How often the embedding moves like another image's, by size",
        "share of pairs",
        "Share of pairs, {moved} apart, whose embeddings lie farther apart than the most alike pairs of different images shown "
        "at that size. A model that ignored shifts would lie at zero throughout.",
    ),
    "embed_change": (
        "How far the embedding moves, by size",
        "share of the way to another image",
        "Mean distance of the two frames of a pair by that of different images shown at that size: 0 = not noticed at all.",
    ),
}


def embedded_charts(estimates: Estimates, sizes: Sequence[int], full: int, step: int) -> Sequence[Chart]:
    """Curves over the size; a table. See ``embedded_size_pictures.charts``."""
    curves = [
        over_sizes(
            title, label, [("all images", measure, {})], caption.format(moved=moved_by(step)), estimates, sizes, full
        )
        for measure, (title, label, caption) in CURVES.items()
    ]
    return [*curves, _table(estimates, sizes)]


def embedded_findings(estimates: Estimates, sizes: Sequence[int], step: int) -> Sequence[Finding]:
    """Whether the embedding moves more as the picture shrinks."""
    return [*_shape(estimates, sizes, step)] or [
        Finding("note", f"How far embeddings move cannot be told: {_why(estimates)}.")
    ]


def _why(estimates: Estimates) -> str:
    undefined = [e.reason for e in estimates.of("significant_change") if e.value is None]
    return undefined[0] if undefined else "no image could be embedded at these sizes"


def _shape(estimates: Estimates, sizes: Sequence[int], step: int) -> Iterator[Finding]:
    judged = min(sizes[:-1], key=lambda size: abs(size - USUAL))  # fixed beforehand: no size is picked for its result
    small, large = (estimates.one("significant_change", short_side=size) for size in (judged, sizes[-1]))
    rise, trend = estimates.one("significant_change_rise", short_side=judged), estimates.one("size_trend")
    if small is None or large is None or rise is None or rise.value is None or trend is None:
        return
    sentence = (
        f"Moved by {moved_by(step)}, its embedding moves {farther(estimates, short_side=judged)} (shown at the same size) on "
        f"{percent(small)} of the pairs where the picture's short side is {size_in_pixels(estimates, judged)} pixels, and on "
        f"{percent(large)} at {size_in_pixels(estimates, sizes[-1])}"
    )
    sentence += (
        f" (rank correlation of such moves and size over all sizes {number(trend)})."
        if trend.value is not None
        else "."
    )
    each = [estimates.one("significant_change", short_side=size) for size in sizes]
    if (rise.low or 0.0) > TELLING:
        yield Finding("weak", f"{sentence} That is {points(rise)} more.", ADVICE)
    elif step and all(map(_steady, each)):
        yield Finding("strong", sentence)
    else:
        yield Finding("note", sentence)


def _steady(e: Estimate | None) -> bool:
    return e is not None and e.high is not None and e.high < LITTLE


def _table(estimates: Estimates, sizes: Sequence[int]) -> Table:
    rows: list[list[object]] = []
    for size in sizes:
        found = [estimates.one(m, short_side=size) for m in ("significant_change", "embed_change", "cosine_distance")]
        cells = [(e.value, e.low, e.high) if e and e.value is not None else None for e in found]
        pixels, capped = (estimates.one(measure, short_side=size) for measure in ("pixels", "capped_images"))
        rows.append([str(size), pixels.value if pixels else None, *cells, capped.value if capped else None])
    formats: list[Format | None] = [None, "number", "percent", "percent", "number", "integer"]
    return Table(
        title="All sizes",
        columns=[
            "size at 224",
            "pixels",
            "moves like another image",
            "of the way to another image",
            "1 - cosine",
            "made to fit",
        ],
        rows=rows,
        formats=formats,
        caption="One-pixel shifts by size of the embedded picture.",
    )
