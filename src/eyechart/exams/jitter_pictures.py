"""Figures and plain words of the jitter exam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eyechart.core.chart import Bars, Chart, Finding, Format, Gallery, Lines, Series, Table
from eyechart.core.estimate import Estimate, Estimates, ends
from eyechart.core.findings import called_out, guessed, idle, judged
from eyechart.core.words import percent, points

NAMES: Mapping[str, str] = {
    "walk": "a walk in steps of one pixel",
    "shake": "shaken by fractions of a pixel",
    "translate": "moved sideways",
    "rotate": "turned",
    "shear": "sheared",
    "scale": "zoomed",
    "tilt": "tilted",
}
AXES: Mapping[str, str] = {
    "translate": "pixels to the right, at an input of 224",
    "rotate": "degrees",
    "shear": "degrees",
    "scale": "size",
    "tilt": "degrees",
}
GROUPS = {"all": "all clips", "correct": "clips of images it gets right"}


def charts(estimates: Estimates, amounts: Mapping[str, Sequence[float]]) -> Sequence[Chart]:
    """``amounts``: motion -> what its frames are told by."""
    found: list[Chart] = [_bars(estimates), *(_curve(estimates, m, amounts[m]) for m in amounts), _table(estimates)]
    found.append(
        Gallery(
            "Clips that flip most",
            "jitter/",
            [("first", "one frame"), ("second", "a later one")],
            ["{before} {p_before:.0%}", "{after} {p_after:.0%}; {flips} flips in the clip"],
            "By motion, the clips with most flips, in the two compared frames of which it is surest.",
        )
    )
    return found


def findings(estimates: Estimates) -> Sequence[Finding]:
    """Flips by motion, the worst first; what a neighbourhood costs; whether steadiness is an illusion."""
    flips = [e for e in estimates.of("flip_probability", given="all") if e.value is not None]
    found = [_verdict(e, estimates) for e in sorted(flips, key=lambda e: -(e.value or 0.0))]
    for e in estimates.of("neighbourhood_drop"):
        if e.value is not None:
            sentence = (
                f"Asked to be right in the {e.at['frames']} frames before and after, too, it loses {points(e)} "
                f"({NAMES[e.at['motion']]})."
            )
            found.append(Finding("note", sentence))
    found += called_out(estimates.one("commonest_answer_share"), "little can flip")
    if not any(finding.verdict == "weak" for finding in found):
        found += guessed(estimates.one("clean_accuracy"), "that it is steady says little")
    ranks = estimates.one("ranks_compared")
    if ranks and ranks.value is not None and ranks.value < 5:
        sentence = f"With so few classes the top-5 distance compares the first {ranks.value:g} ranks only."
        found.append(Finding("note", sentence))
    return found or [Finding("note", "No clip was made.")]


def _verdict(e: Estimate, estimates: Estimates) -> Finding:
    clips = estimates.one("flipped_clips", **e.at)
    sentence = (
        f"In clips ({NAMES[e.at['motion']]}) its answer flips {percent(e)} of the time from frame to frame; "
        f"{percent(clips) if clips else ''} of clips flip at least once."
    )
    advice = "Average answers over a few frames, anti-alias where it subsamples, or train with moves."
    due = not idle(estimates.one("commonest_answer_share"), estimates.one("clean_accuracy"))
    return judged(sentence, e, 0.02, 0.01, advice, praise=due)


def _bars(estimates: Estimates) -> Bars:
    motions = [e.at["motion"] for e in estimates.of("flip_probability", given="all")]
    series = []
    for given, name in GROUPS.items():
        found = [estimates.one("flip_probability", motion=m, given=given) for m in motions]
        if any(found):
            series.append(Series(name, *ends(found)))
    return Bars(
        title="How often the answer flips",
        x_label="share of compared frames",
        categories=[NAMES[m] for m in motions],
        series=series,
        caption="Mean over each clip, then over clips; intervals resample clips.",
    )


def _curve(estimates: Estimates, motion: str, amounts: Sequence[float]) -> Lines:
    found = estimates.of("change_from_anchor", motion=motion)
    return Lines(
        title=f"Otherwise than in the middle: {NAMES[motion]}",
        x_label=AXES.get(motion, "frames from the middle one"),
        y_label="share of clips",
        x=list(amounts),
        series=[Series("answered otherwise than the middle frame", *ends(found))],
        caption="How often each frame of a clip is answered otherwise than the clip's middle frame.",
    )


def _table(estimates: Estimates) -> Table:
    measures = ("top5_distance", "zipf_distance")
    alone = ("frame_accuracy", "anchor_accuracy", "neighbourhood_accuracy", "invented_share")
    rows = []
    for e in estimates.of("flip_probability", given="all"):
        found = [
            e,
            *(estimates.one(m, **e.at) for m in measures),
            *(estimates.one(m, motion=e.at["motion"]) for m in alone),
        ]
        rows.append(
            [NAMES[e.at["motion"]], *((o.value, o.low, o.high) if o and o.low is not None else None for o in found)]
        )
    formats: list[Format | None] = [None, "percent", "number", "number", "percent", "percent", "percent", "percent"]
    return Table(
        title="All motions",
        columns=[
            "clips",
            "flips",
            "top-5 distance",
            "Zipf distance",
            "right",
            "middle right",
            "all near it right",
            "invented",
        ],
        rows=rows,
        formats=formats,
        caption="Top-5 distance: 0 for the same order, 2 if the first two change places, at most 15. Invented: share of pixels "
        "mirrored because the picture ends.",
    )
