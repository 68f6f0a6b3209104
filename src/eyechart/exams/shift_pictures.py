"""Figures and plain words of the shift exam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from eyechart.core.chart import Bars, Chart, Finding, Format, Gallery, Series, Table
from eyechart.core.embeddings import farther
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.findings import called_out, guessed, idle, near_chance
from eyechart.core.words import percent

MUCH, LITTLE = 0.05, 0.02  # of the pairs: verdicts
UNNOTICED = 0.5  # input pixels: a model that hardly sees the move earns no praise for standing still
TITLES = {
    "p_top1_change": "How often the answer changes",
    "mean_absolute_change": "How much the confidence moves",
    "jaggedness_top5": "How often the true class enters or leaves the top answers",
    "jaggedness_top5_pred": "How often the first answer leaves the top answers",
    "significant_change": "How often the embedding moves like another image's",
    "embed_change": "How far the embedding moves",
}
CAPTIONS = {
    "p_top1_change": "Share of pairs in which the top answer differs between the two frames.",
    "mean_absolute_change": "How far the probability of frame 1's answer moves: tells real changes from near-ties.",
    "jaggedness_top5": "Share of pairs in which the true class is among the top {top} of one frame only.",
    "jaggedness_top5_pred": "Share of pairs in which frame 1's answer is not among the top {top} of frame 2.",
    "significant_change": "Share of pairs farther apart than the nearest {quantile:.0%} of pairs of different images.",
    "embed_change": "Distance of the two frames: 0 = the move is not noticed, 100% = as far as another image.",
}
SYMMETRIC = "How far the probabilities of both frames' answers move, on average: tells real changes from near-ties."
LABELS = {"mean_absolute_change": "probability", "embed_change": "share of the distance between images"}
GROUPS = {"all": "all images", "correct": "images it gets right unshifted"}
SHOTS = (("frame_1", "frame 1"), ("frame_2", "frame 2"))


def charts(estimates: Estimates, names: Mapping[str, str], *, symmetric: bool) -> Sequence[Chart]:
    """Bars of the measures, a table of what the frames were like, and the worst pairs. ``names``: protocol -> words."""
    captions = {**CAPTIONS, "mean_absolute_change": SYMMETRIC} if symmetric else CAPTIONS
    measures = [measure for measure in TITLES if estimates.of(measure, protocol=next(iter(names)))]
    if "jaggedness_top5" in measures:  # what the labels tell is enough
        measures.remove("jaggedness_top5_pred")
    bars = [_bars(estimates, measure, names, captions[measure]) for measure in measures]
    return [*bars, _frames(estimates, names), _worst(classes=bool(estimates.of("p_top1_change")))]


def _worst(*, classes: bool) -> Gallery:
    """The pairs that flip."""
    if classes:
        ranked = "Pairs whose answer changes while the model is surest in both frames."
        lines = [f"{{answer_{frame}}}: {{confidence_{frame}:.0%}}" for frame in (1, 2)]
    else:
        ranked, lines = "Pairs whose embeddings lie farthest apart.", ["", "cosine distance {distance:.3f}"]
    return Gallery("The worst pairs", "worst/", SHOTS, lines, ranked, flicker=True)


def findings(estimates: Estimates, names: Mapping[str, str], move: Mapping[str, str]) -> Sequence[Finding]:
    """Verdicts by protocol, the worst first; ``move``: protocol -> what was done, in words."""
    changes = [e for e in estimates.of("p_top1_change", given="all") if e.value is not None]
    changes += [e for e in estimates.of("significant_change") if e.value is not None]
    found = [_verdict(e, estimates, names, move) for e in sorted(changes, key=lambda e: -(e.value or 0.0))]
    weak = {e.at["protocol"] for e in changes if (e.low or 0.0) > MUCH}
    steady = {protocol: name for protocol, name in names.items() if protocol not in weak}
    return [*found, *_idle(estimates, steady), *_untold(estimates, names)]


def _untold(estimates: Estimates, names: Mapping[str, str]) -> Iterator[Finding]:
    """Where embeddings have nothing to be compared with."""
    for e in estimates.of("significant_change"):
        if e.value is None:
            yield Finding("note", f"How far embeddings move cannot be told ({names[e.at['protocol']]}): {e.reason}.")


def _idle(estimates: Estimates, steady: Mapping[str, str]) -> Iterator[Finding]:
    """Whether it is steady because it has little to say; ``steady``: protocol -> words, of those where it may be."""
    clean = estimates.one("clean_accuracy")
    if steady:
        yield from guessed(clean, "that it is steady says little")
    for protocol, name in steady.items():
        shown, where = estimates.one("accuracy", protocol=protocol, frame=1), f"On {name} it"
        yield from called_out(
            estimates.one("commonest_answer_share", protocol=protocol), "little can change there", where
        )
        if not near_chance(clean):
            yield from guessed(clean, "that it is steady there says little", shown, where)


def _verdict(e: Estimate, estimates: Estimates, names: Mapping[str, str], move: Mapping[str, str]) -> Finding:
    protocol = e.at["protocol"]
    shift = estimates.one("effective_shift", protocol=protocol)
    seen = shift.value if shift and shift.value is not None else 0.0
    does = (
        "its answer changes"
        if e.measure == "p_top1_change"
        else f"its embedding moves {farther(estimates, protocol=protocol)} (shown likewise)"
    )
    sentence = (
        f"{move[protocol]} ({names[protocol]}; {seen:.1f} pixels at the model's input on average), {does} "
        f"in {percent(e)} of the pairs."
    )
    if (e.low or 0.0) > MUCH:
        advice = "Average its answers over a few shifts, anti-alias where it subsamples, or train with small shifts."
        return Finding("weak", sentence, advice)
    able = _able(estimates, protocol)
    steady = e.high is not None and e.high < LITTLE and seen >= UNNOTICED and able
    if seen < UNNOTICED:
        way = "shift.shift_in=resized to move by input pixels" if protocol == "crop" else "shift.step=1"
        sentence += f" So small a move at the input tests little: set {way}."
    return Finding("strong" if steady else "note", sentence)


def _able(estimates: Estimates, protocol: str) -> bool:
    """Whether there is something to be steady about: several answers, and right more often than guessing would be."""
    clean, shown = estimates.one("clean_accuracy"), estimates.one("accuracy", protocol=protocol, frame=1)
    usual = estimates.one("commonest_answer_share", protocol=protocol)
    return not idle(usual, clean, shown)


def _bars(estimates: Estimates, measure: str, names: Mapping[str, str], caption: str) -> Bars:
    series: list[Series] = []
    ungrouped = not any("given" in e.at for e in estimates.of(measure))
    for given, name in GROUPS.items():
        at = {} if ungrouped else {"given": given}
        found = [estimates.one(measure, protocol=p, **at) for p in names]
        if any(found) and not (ungrouped and series):
            values, lows, highs = ([getattr(e, f) if e else None for e in found] for f in ("value", "low", "high"))
            series.append(Series(name, values, lows, highs))
    about = {k: v for e in (*estimates.of(measure), *estimates.of("significant_distance")) for k, v in e.at.items()}
    said = caption.format_map({"top": about.get("top", 1), "quantile": about.get("quantile", 0.05)})
    return Bars(
        TITLES[measure], LABELS.get(measure, "share of pairs"), list(names.values()), series, said, format="percent"
    )


def _frames(estimates: Estimates, names: Mapping[str, str]) -> Table:
    """What keeps the reader honest: how good the model is on these frames, and how far they really moved."""
    columns: list[tuple[str, str, dict[str, int], Format]] = [
        ("right on frame 1", "accuracy", {"frame": 1}, "percent"),
        ("right on frame 2", "accuracy", {"frame": 2}, "percent"),
        ("pixels moved at the input", "effective_shift", {}, "number"),
        ("fill changed by, of 255", "fill_difference", {}, "number"),
        ("design effect", "design_effect", {}, "number"),
        ("pairs skipped", "skipped_pairs", {}, "integer"),
        ("made to fit", "capped_pairs", {}, "integer"),
    ]
    told = [column for column in columns if estimates.of(column[1], **column[2])]
    rows = []
    for protocol, name in names.items():
        found = [estimates.one(measure, protocol=protocol, **at) for _, measure, at, _ in told]
        rows.append([name, *(e.value if e else None for e in found)])
    return Table(
        title="What the frames were like",
        columns=["frames", *(heading for heading, *_ in told)],
        rows=rows,
        formats=[None, *(format for *_, format in told)],
        caption="Where the model is seldom right, a changed answer says less. Design effect: how much wider intervals must "
        "be (squared), as pairs of one image are alike. Skipped: no room to move.",
    )
