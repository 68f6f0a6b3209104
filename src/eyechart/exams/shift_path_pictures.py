"""Figures and plain words of the paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from eyechart.core.chart import Bars, Chart, Finding, Format, Gallery, Heatmap, Lines, Series, Table
from eyechart.core.chart_numbers import plain_numbers
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array
from eyechart.core.findings import called_out, guessed, idle, near_chance
from eyechart.core.words import percent
from eyechart.exams.shift_path_figures import chosen_curves, total_variation

CURVES, MOST_ROWS = 8, 200
MUCH, LITTLE = 0.05, 0.01  # of the steps: verdicts
ONE_WAY = 1.005  # what is told as 1.00 goes no further than from its lowest to its highest
GROUPS = {"all": "all images", "correct": "images it gets right unshifted"}


def charts(estimates: Estimates, names: Mapping[str, str]) -> Sequence[Chart]:
    """Bars of turns, a table of the curves' shape, the gallery. ``names``: path -> words."""
    end = "" if estimates.of("share_with_transition") else "_pred"
    followed = "the true class" if not end else "the first answer"
    top = next((e.at["top"] for e in estimates.of(f"transitions_rate{end}")), 5)
    return [
        _bars(
            estimates,
            "change_rate",
            names,
            "How often the answer turns on the way",
            "share of steps",
            "Share of the one-pixel steps at which the top answer changes.",
        ),
        _bars(
            estimates,
            f"share_with_transition{end}",
            names,
            "How many images are touched",
            "share of images",
            f"Share of the images on whose way {followed} enters or leaves the "
            f"{'top answer' if top == 1 else f'{top} highest outputs'} at least once.",
        ),
        _table(estimates, names, end, followed),
        _gallery(),
    ]


def plates(rows: Mapping[str, Array], names: Mapping[str, str]) -> Sequence[Chart]:
    """Per path: the curves of a few images, and all images as a map."""
    found: list[Chart] = []
    for path, name in names.items():
        p, followed = _followed(rows, path)
        if len(p):
            found += [_curves(p, name, followed), _map(p, name, followed)]
    return found


def findings(estimates: Estimates, names: Mapping[str, str]) -> Sequence[Finding]:
    """Verdicts by path, the worst first; how jagged the curves are; whether steadiness is an illusion."""
    rates = [e for e in estimates.of("change_rate", given="all") if e.value is not None]
    found = [_verdict(e, estimates, names) for e in sorted(rates, key=lambda e: -(e.value or 0.0))]
    found += [*_jagged(estimates, names), *_idle(estimates, names)]
    return found or [Finding("note", "No image could be shown along a path.")]


def _followed(rows: Mapping[str, Array], path: str) -> tuple[Array, str]:
    """(n, T) probabilities of the true class, or where no image has a label of the first answer; valid images only."""
    valid, p = rows[f"{path}_valid"], rows[f"{path}_p_true"]
    known = valid & ~np.isnan(p[:, 0])
    if known.any():
        return p[known], "the true class"
    return rows[f"{path}_p_pred"][valid], "the first answer"


def _verdict(e: Estimate, estimates: Estimates, names: Mapping[str, str]) -> Finding:
    path = e.at["path"]
    sentence = f"Shown {names[path]}, step by step, it changes its answer at {percent(e)} of the one-pixel steps"
    touched = estimates.one("share_with_transition", path=path, given="all")
    if touched is not None and touched.value is not None:
        top = "top answer" if touched.at["top"] == 1 else f"{touched.at['top']} highest outputs"
        sentence += f"; on {percent(touched)} of the images the true class enters or leaves its {top} on the way"
    sentence += "."
    if (e.low or 0.0) > MUCH:
        advice = "Average its answers over a few shifts, anti-alias where it subsamples, or train with small shifts."
        return Finding("weak", sentence, advice)
    usual = estimates.one("commonest_answer_share", path=path)
    able = not idle(usual, estimates.one("clean_accuracy"), estimates.one("accuracy", path=path))
    return Finding("strong" if able and e.high is not None and e.high < LITTLE else "note", sentence)


def _jagged(estimates: Estimates, names: Mapping[str, str]) -> Iterator[Finding]:
    """How far the probability goes up and down beside where it gets."""
    end = "" if estimates.of("variation_over_range") else "_pred"
    told = []
    for path, name in names.items():
        e = estimates.one(f"variation_over_range{end}", path=path, given="all")
        if e is not None and e.value is not None and e.low is not None and e.high is not None and e.low > ONE_WAY:
            told.append(f"{e.value:.2f} times ({e.low:.2f} to {e.high:.2f}) with {name}")
    if told:
        of = "the true class" if not end else "its first answer"
        yield Finding(
            "note",
            f"On the way the probability of {of} goes up and down further than from its lowest to its highest: "
            f"{', '.join(told)} (95% intervals; a drift one way has 1).",
        )


def _idle(estimates: Estimates, names: Mapping[str, str]) -> Iterator[Finding]:
    """Where it is steady because it has little to say."""
    clean = estimates.one("clean_accuracy")
    rates = [e for e in estimates.of("change_rate", given="all") if e.value is not None and (e.low or 0.0) <= MUCH]
    if rates:
        yield from guessed(clean, "that it is steady says little")
    for path in (e.at["path"] for e in rates):
        where, usual = f"Shown {names[path]}, it", estimates.one("commonest_answer_share", path=path)
        yield from called_out(usual, "little can change there", where)
        if not near_chance(clean):
            shown = estimates.one("accuracy", path=path)
            yield from guessed(clean, "that it is steady there says little", shown, where)


def _bars(estimates: Estimates, measure: str, names: Mapping[str, str], title: str, label: str, caption: str) -> Bars:
    series = []
    for given, name in GROUPS.items():
        found = [estimates.one(measure, path=path, given=given) for path in names]
        if any(found):
            values, lows, highs = ([getattr(e, f) if e else None for e in found] for f in ("value", "low", "high"))
            series.append(Series(name, values, lows, highs))
    return Bars(title, label, list(names.values()), series, caption, format="percent")


def _table(estimates: Estimates, names: Mapping[str, str], end: str, followed: str) -> Table:
    measures = ("total_variation", "variation_over_range")
    rows: list[list[object]] = []
    for path, name in names.items():
        shape = [estimates.one(f"{m}{end}", path=path, given="all") for m in measures]
        context = [estimates.one(f"range{end}", path=path, given="all")]
        context += [estimates.one(m, path=path) for m in ("accuracy", "skipped_images", "capped_images")]
        cells = [(e.value, e.low, e.high) if e and e.value is not None else None for e in shape]
        rows.append([name, *cells, *(e.value if e else None for e in context)])
    formats: list[Format | None] = [None, "number", "number", "number", "percent", "integer", "integer"]
    return Table(
        title="The shape of the curves",
        columns=[
            "frames",
            "total variation",
            "variation by range",
            "range",
            "right on the frames",
            "left out",
            "made to fit",
        ],
        rows=rows,
        formats=formats,
        caption=f"Of the probability of {followed}: how far it goes up and down in all, and from its lowest to its highest. "
        "Their ratio is 1 for a drift one way, and grows with jaggedness.",
    )


def _gallery() -> Gallery:
    return Gallery(
        title="The most jagged images",
        key="shift_path/",
        pictures=[
            ("before", "before the largest step"),
            ("after", "one pixel further"),
            ("first", "the first frame"),
            ("last", "the last frame"),
        ],
        lines=[
            "{class} {p_before:.0%}; says {answer_before}",
            *(f"{{p_{t}:.0%}}; says {{answer_{t}}}" for t in ("after", "first", "last")),
        ],
        caption="Images whose probability (of the true class, or of the first answer where there is no label) goes up and down "
        "most. Between the first two pictures lies a single pixel.",
        flicker=True,
    )


def _curves(p: Array, name: str, followed: str) -> Lines:
    chosen = chosen_curves(p, CURVES)
    variation = total_variation(p)
    return Lines(
        title=f"Single images: {name}",
        x_label="step (pixels)",
        y_label=f"probability of {followed}",
        x=[float(t) for t in range(p.shape[1])],
        series=[Series(f"{variation[i]:.2f}", plain_numbers(p[i])) for i in chosen],
        caption=f"{len(chosen)} of {len(p):,} images, at even steps from the least to the greatest total variation (the number "
        "at each curve: how far it goes up and down in all).",
        y_range=(0.0, 1.0),
    )


def _map(p: Array, name: str, followed: str) -> Heatmap:
    order = np.lexsort((np.arange(len(p)), p.mean(1)))
    if len(order) > MOST_ROWS:
        order = order[np.linspace(0, len(order) - 1, MOST_ROWS).round().astype(int)]
    some = f"{len(order):,} of {len(p):,} images" if len(order) < len(p) else f"All {len(p):,} images"
    return Heatmap(
        title=f"All images: {name}",
        x_label="step (pixels)",
        y_label="share of images, the surest on top",
        z_label=f"probability of {followed}",
        x=[float(t) for t in range(p.shape[1])],
        y=[(k + 0.5) / len(order) for k in range(len(order))],
        z=plain_numbers(p[order], 3),
        caption=f"{some}, ordered by mean probability. Even rows are steady images; specks in a row are jagged ones.",
        format="percent",
        z_range=(0.0, 1.0),
    )
