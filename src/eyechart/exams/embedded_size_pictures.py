"""Figures and plain words of the sweep over sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eyechart.core.chart import Chart, Finding, Format, Lines, Mark, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.findings import STUCK, guessed, idle, near_chance, stuck
from eyechart.core.words import percent, points

GROUPS = {"all": "all images", "correct": "images it gets right unshifted"}
TELLING = 0.05  # five points: what a reader of the summary should hear about
LITTLE = 0.02
ADVICE = "Train with small and shifted pictures (random resizing and placing), or anti-alias where it subsamples."
USUAL = 100  # the short side of the paper's protocol 2


def charts(estimates: Estimates, sizes: Sequence[int], full: int, step: int) -> Sequence[Chart]:
    """Change of answer, of probability and accuracy over the size; a table.

    Args:
        estimates: of the exam.
        sizes: short sides.
        full: the size that fills the frame.
        step: pixels from one frame of a pair to the other.
    """
    return [
        _lines(
            estimates,
            "p_top1_change",
            sizes,
            full,
            "How often the answer changes, by size",
            "share of pairs",
            f"Share of pairs, {moved_by(step)} apart, in which the top answer differs, at the same places for every size. "
            "A model that ignored shifts would lie at zero throughout. Where it falls towards the right, small pictures may "
            "also be harder to tell apart: see how often it is right.",
        ),
        _lines(
            estimates,
            "mean_absolute_change",
            sizes,
            full,
            "How much the confidence moves, by size",
            "probability",
            "How far the probability of the first frame's answer moves: tells real changes from near-ties. Where small "
            "pictures leave it unsure, little confidence is there to move.",
        ),
        *_accuracy(estimates, sizes, full),
        _table(estimates, sizes),
    ]


def findings(estimates: Estimates, sizes: Sequence[int], step: int) -> Sequence[Finding]:
    """Whether it changes more as the picture shrinks, and whether it can see small pictures at all."""
    return [*_shape(estimates, sizes, step), *_idle(estimates)] or [
        Finding("note", "No image could be embedded at these sizes.")
    ]


def _shape(estimates: Estimates, sizes: Sequence[int], step: int) -> Iterator[Finding]:
    judged = min(sizes[:-1], key=lambda size: abs(size - USUAL))  # fixed beforehand: no size is picked for its result
    small, large = (estimates.one("p_top1_change", short_side=size, given="all") for size in (judged, sizes[-1]))
    trend, rise = (
        estimates.one("size_trend", given="all"),
        estimates.one("p_top1_change_rise", short_side=judged, given="all"),
    )
    if small is None or large is None or small.value is None or large.value is None or trend is None or rise is None:
        return
    sentence = (
        f"Moved by {moved_by(step)}, its answer changes on {percent(small)} of the pairs where the picture's short side is "
        f"{size_in_pixels(estimates, judged)} pixels, and on {percent(large)} at {size_in_pixels(estimates, sizes[-1])}"
    )
    sentence += (
        f" (rank correlation of change and size over all sizes {_rho(trend)})." if trend.value is not None else "."
    )
    steady = [e for e in estimates.of("p_top1_change", given="all") if e.high is not None and e.high < LITTLE]
    able = not any(idle(*_doubts(estimates, size)) for size in sizes)
    if (rise.low or 0.0) > TELLING:
        yield Finding(
            "weak",
            f"{sentence} That is {points(rise)} more{_of_correct(estimates, judged)}.",
            ADVICE,
        )
    elif step and able and len(steady) == len(sizes):
        yield Finding("strong", sentence)
    else:
        yield Finding("note", sentence)


def _of_correct(estimates: Estimates, size: int) -> str:
    """The rise on those images that the model gets right, so that what it cannot tell anyway is not all there is to it."""
    rise = estimates.one("p_top1_change_rise", short_side=size, given="correct")
    return f", on the images that it gets right as they are {points(rise)}" if rise and rise.value is not None else ""


def moved_by(step: int) -> str:
    """A move in words.

    >>> moved_by(1), moved_by(3)
    ('one pixel', '3 pixels')
    """
    return "one pixel" if step == 1 else f"{step} pixels"


def _idle(estimates: Estimates) -> Iterator[Finding]:
    """At which sizes it is steady because it has little to say."""
    clean = estimates.one("clean_accuracy")
    steady = [
        e.at["short_side"]
        for e in estimates.of("p_top1_change", given="all")
        if e.value is not None and (e.low or 0.0) <= TELLING
    ]
    if steady:
        yield from guessed(clean, "that it is steady says little")
    usual = [s for s in steady if stuck(estimates.one("commonest_answer_share", short_side=s))]
    if usual:
        share = f"more than {STUCK:.0%} of the time, so that little can change there"
        yield Finding("note", f"At {_listed(usual)} it gives one and the same answer {share}.")
    unsure = [s for s in steady if near_chance(clean, estimates.one("accuracy", short_side=s))]
    if unsure and not near_chance(clean):
        yield Finding(
            "note", f"At {_listed(unsure)} it is right no more often than guessing might be: steadiness says little."
        )


def _listed(sizes: Sequence[int]) -> str:
    return f"{'size' if len(sizes) == 1 else 'sizes'} {', '.join(map(str, sizes))}"


def _doubts(estimates: Estimates, size: int) -> tuple[Estimate | None, ...]:
    """What tells whether it may be steady at a size for having little to say."""
    of_size = (estimates.one(measure, short_side=size) for measure in ("commonest_answer_share", "accuracy"))
    usual, shown = of_size
    return usual, estimates.one("clean_accuracy"), shown


def _rho(e: Estimate) -> str:
    if e.low is None or e.high is None:
        return f"{e.value:.2f}"
    return f"{e.value:.2f}, 95% interval {e.low:.2f} to {e.high:.2f}"


def size_in_pixels(estimates: Estimates, size: int) -> str:
    """How large pictures of a size really were."""
    e = estimates.one("pixels", short_side=size)
    return f"{e.value:.0f}" if e is not None and e.value is not None else f"{size}"


def _lines(
    estimates: Estimates, measure: str, sizes: Sequence[int], full: int, title: str, label: str, caption: str
) -> Lines:
    told = [(name, measure, {"given": given}) for given, name in GROUPS.items()]
    return over_sizes(title, label, told, caption, estimates, sizes, full)


def over_sizes(
    title: str,
    label: str,
    told: Sequence[tuple[str, str, Mapping[str, Any]]],
    caption: str,
    estimates: Estimates,
    sizes: Sequence[int],
    full: int,
) -> Lines:
    """Curves over the size; ``told``: name, measure and coordinates of each, left out where there is none."""
    each = {name: [estimates.one(m, short_side=size, **at) for size in sizes] for name, m, at in told}
    series = [_series(name, found, sizes, full) for name, found in each.items() if any(found)]
    return _chart(title, label, series, caption, sizes, full)


def _accuracy(estimates: Estimates, sizes: Sequence[int], full: int) -> Iterator[Lines]:
    found = [estimates.one("accuracy", short_side=size) for size in sizes]
    if any(found):
        caption = "How often the first frame is classified right. Where the model is seldom right, a changed answer says less."
        series = [_series("right on the first frame", found, sizes, full)]
        yield _chart("How often it is right, by size", "share of frames", series, caption, sizes, full)


def _series(name: str, found: Sequence[Estimate | None], sizes: Sequence[int], full: int) -> Series:
    """The figures, and a gap where the axis goes on to the mark."""
    gap = [] if full in sizes else [None]
    values, lows, highs = ([*(getattr(e, f) if e else None for e in found), *gap] for f in ("value", "low", "high"))
    return Series(name, values, lows, highs)


def _chart(title: str, label: str, series: Sequence[Series], caption: str, sizes: Sequence[int], full: int) -> Lines:
    places = [float(size) for size in sizes]
    return Lines(
        title=title,
        x_label="short side of the picture (at an input of 224 pixels)",
        y_label=label,
        x=places if full in sizes else [*places, float(full)],
        series=series,
        caption=caption,
        marks=[Mark(float(full), "fills the frame")],
    )


def _table(estimates: Estimates, sizes: Sequence[int]) -> Table:
    rows: list[list[object]] = []
    for size in sizes:
        shown = [
            estimates.one("pixels", short_side=size),
            estimates.one("p_top1_change", short_side=size, given="all"),
            estimates.one("mean_absolute_change", short_side=size, given="all"),
            estimates.one("accuracy", short_side=size),
        ]
        cells = [(e.value, e.low, e.high) if e and e.value is not None else None for e in shown[1:]]
        capped = estimates.one("capped_images", short_side=size)
        rows.append([str(size), shown[0].value if shown[0] else None, *cells, capped.value if capped else None])
    formats: list[Format | None] = [None, "number", "percent", "percent", "percent", "integer"]
    return Table(
        title="All sizes",
        columns=[
            "size at 224",
            "pixels",
            "answer changes",
            "confidence moves",
            "right",
            "made to fit",
        ],
        rows=rows,
        formats=formats,
        caption="One-pixel shifts by size of the embedded picture, over all images.",
    )
