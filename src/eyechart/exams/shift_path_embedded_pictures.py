"""Figures and plain words of the paths that embeddings take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from eyechart.core.chart import Bars, Chart, Finding, Format, Lines, Series, Table
from eyechart.core.embeddings import farther
from eyechart.core.estimate import Estimate, Estimates, ends
from eyechart.core.findings import judged
from eyechart.core.words import number, percent

MUCH, LITTLE = 0.05, 0.01  # of the steps: verdicts
ADVICE = "Average its embeddings over a few shifts, anti-alias where it subsamples, or train with small shifts."


def embedded_charts(estimates: Estimates, names: Mapping[str, str]) -> Sequence[Chart]:
    """Bars of significant steps, the curve of distance, a table. ``names``: path -> words."""
    return [_bars(estimates, names), *_curves(estimates, names), _table(estimates, names)]


def embedded_findings(estimates: Estimates, names: Mapping[str, str]) -> Sequence[Finding]:
    """Verdicts by path, the worst first."""
    rates = [e for e in estimates.of("significant_change_rate") if e.value is not None]
    found = [_verdict(e, estimates, names) for e in sorted(rates, key=lambda e: -(e.value or 0.0))]
    return found or [*_nothing(estimates)]


def _nothing(estimates: Estimates) -> Iterator[Finding]:
    missing = estimates.one("significant_change_rate")
    yield Finding(
        "note", f"How far embeddings move cannot be told: {missing.reason if missing else 'no path was shown'}."
    )


def _verdict(e: Estimate, estimates: Estimates, names: Mapping[str, str]) -> Finding:
    path = {"path": e.at["path"]}
    touched = estimates.one("share_with_significant_change", **path)
    sentence = (
        f"Shown {names[e.at['path']]}, step by step, its embedding moves {farther(estimates, **path)} (shown likewise) at "
        f"{percent(e)} of the one-pixel steps"
    )
    if touched is not None and touched.value is not None:
        sentence += f", and does so on {percent(touched)} of the images at least once"
    last = estimates.of("embed_change", **path)[-1]
    ratio = estimates.one("length_over_reach", **path)
    sentence += f"; at the end it is {percent(last)} of the way to another image from where it began"
    if ratio is not None and ratio.value is not None:
        sentence += f", and has gone {number(ratio)} times as far as it got"
    return judged(f"{sentence}.", e, MUCH, LITTLE, ADVICE)


def _bars(estimates: Estimates, names: Mapping[str, str]) -> Bars:
    measures = {
        "significant_change_rate": "of the steps",
        "share_with_significant_change": "of the images, at least once",
    }
    series = [Series(name, *ends([estimates.one(m, path=path) for path in names])) for m, name in measures.items()]
    return Bars(
        title="How often the embedding moves like another image's",
        x_label="share of steps, or of images",
        categories=list(names.values()),
        series=series,
        caption="A one-pixel step counts if it moves the embedding farther, by cosine distance, than the most alike pairs of "
        "different images, shown likewise, are apart.",
        format="percent",
    )


def _curves(estimates: Estimates, names: Mapping[str, str]) -> Iterator[Lines]:
    """Distance from the first frame along all paths."""
    measure = "embed_change" if any(e.value is not None for e in estimates.of("embed_change")) else "cosine_distance"
    along = {path: [e for e in estimates.of(measure, path=path) if "step" in e.at] for path in names}
    steps = max((len(found) for found in along.values()), default=0)
    if steps < 2:
        return
    series = [Series(names[path], *ends(found if found else [None] * steps)) for path, found in along.items()]
    yield Lines(
        title="How far the embedding gets",
        x_label="step (pixels)",
        y_label="share of the way to another image" if measure == "embed_change" else "1 - cosine",
        x=[float(t) for t in range(steps)],
        series=series,
        caption="Distance of each frame's embedding from that of the first frame, mean over images, with 95 % intervals. A "
        "smooth embedding rises evenly; a jump within the first pixels is the model's, not the picture's.",
    )


def _table(estimates: Estimates, names: Mapping[str, str]) -> Table:
    measures = ("step_embed_change", "step_cosine_distance", "length_over_reach")
    rows: list[list[object]] = []
    for path, name in names.items():
        found = [estimates.one(measure, path=path) for measure in measures]
        cells = [(e.value, e.low, e.high) if e and e.value is not None else None for e in found]
        counts = [estimates.one(measure, path=path) for measure in ("skipped_images", "capped_images")]
        rows.append([name, *cells, *(e.value if e else None for e in counts)])
    formats: list[Format | None] = [None, "percent", "number", "number", "integer", "integer"]
    return Table(
        title="The shape of the ways",
        columns=[
            "frames",
            "a step, of the way to another image",
            "a step, 1 - cosine",
            "length by reach",
            "left out",
            "made to fit",
        ],
        rows=rows,
        formats=formats,
        caption="Length by reach: how far the embedding goes in all, by how far from the first frame it gets. It is 1 for a "
        "straight way, and grows with jaggedness.",
    )
