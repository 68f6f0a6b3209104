"""Figures and plain words of the shift exam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eyechart.core.chart import Bars, Chart, Finding, Format, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent

UNNOTICED = 0.5  # input pixels: a model that hardly sees the move earns no praise for standing still
TITLES = {"p_top1_change": "How often the answer changes", "mean_absolute_change": "How much the confidence moves"}
CAPTIONS = {
    "p_top1_change": "Share of pairs in which the top answer differs between the two frames.",
    "mean_absolute_change": "How far the probability of frame 1's answer moves: tells real changes from near-ties.",
}
GROUPS = {"all": "all images", "correct": "images it gets right unshifted"}


def charts(estimates: Estimates, names: Mapping[str, str]) -> Sequence[Chart]:
    """Bars for both measures, and a table of what the frames were like. ``names``: protocol -> words."""
    return [*(_bars(estimates, measure, names) for measure in TITLES), _frames(estimates, names)]


def findings(estimates: Estimates, names: Mapping[str, str], move: Mapping[str, str]) -> Sequence[Finding]:
    """Verdicts by protocol, the worst first; ``move``: protocol -> how far, in words."""
    changes = [e for e in estimates.of("p_top1_change", given="all") if e.value is not None]
    found = [_verdict(e, estimates, names, move) for e in sorted(changes, key=lambda e: -(e.value or 0.0))]
    whole = estimates.one("commonest_answer_share", protocol="unshifted")
    usual = min(0.9, max(0.5, ((whole.value or 0.0) if whole else 0.0) + 0.2))  # two classes: half is no surprise
    for e in estimates.of("commonest_answer_share"):
        if e.at["protocol"] in names and (e.low or 0.0) > usual:
            sentence = f"On {names[e.at['protocol']]} it gives one and the same answer {percent(e)} of the time, "
            found.append(Finding("note", sentence + "so that little can change there."))
    return found


def _verdict(e: Estimate, estimates: Estimates, names: Mapping[str, str], move: Mapping[str, str]) -> Finding:
    protocol = e.at["protocol"]
    shift = estimates.one("effective_shift", protocol=protocol)
    seen = shift.value if shift and shift.value is not None else 0.0
    sentence = (
        f"Moved by {move[protocol]} ({names[protocol]}; {seen:.1f} pixels at the model's input on average), its answer "
        f"changes in {percent(e)} of the pairs."
    )
    if (e.low or 0.0) > 0.05:
        advice = "Average its answers over a few shifts, anti-alias where it subsamples, or train with small shifts."
        return Finding("weak", sentence, advice)
    steady = e.high is not None and e.high < 0.02 and seen >= UNNOTICED
    if seen < UNNOTICED:
        sentence += " So small a move at the input tests little: set shift.shift_in=resized to move by input pixels."
    return Finding("strong" if steady else "note", sentence)


def _bars(estimates: Estimates, measure: str, names: Mapping[str, str]) -> Bars:
    series = []
    for given, name in GROUPS.items():
        found = [estimates.one(measure, protocol=p, given=given) for p in names]
        if any(found):
            values, lows, highs = ([getattr(e, f) if e else None for e in found] for f in ("value", "low", "high"))
            series.append(Series(name, values, lows, highs))
    label = "share of pairs" if measure == "p_top1_change" else "probability"
    return Bars(TITLES[measure], label, list(names.values()), series, CAPTIONS[measure], format="percent")


def _frames(estimates: Estimates, names: Mapping[str, str]) -> Table:
    """What keeps the reader honest: how good the model is on these frames, and how far they really moved."""
    rows = []
    for protocol, name in names.items():
        frames = [estimates.one("accuracy", protocol=protocol, frame=frame) for frame in (1, 2)]
        rest = [estimates.one(m, protocol=protocol) for m in ("effective_shift", "skipped_pairs", "capped_pairs")]
        rows.append([name, *(e.value if e else None for e in (*frames, *rest))])
    formats: list[Format | None] = [None, "percent", "percent", "number", "integer", "integer"]
    return Table(
        title="What the frames were like",
        columns=[
            "frames",
            "right on frame 1",
            "right on frame 2",
            "pixels moved at the input",
            "pairs skipped",
            "made to fit",
        ],
        rows=rows,
        formats=formats,
        caption="Where the model is seldom right, a changed answer says less. Skipped: no room to move.",
    )
