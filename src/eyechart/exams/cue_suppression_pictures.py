"""Figures and plain words of the cue suppression exam."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Chart, Dots, Finding, Gallery, Lines, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.findings import stuck
from eyechart.core.words import percent
from eyechart.exams.cue_suppression_protocol import AXES, CUES, Condition, Method, Protocol

EXAMPLES = 4
KEEPS, LOSES = 0.95, 0.9  # of the accuracy: verdicts on grey pictures and on the slightest smoothing
NAMES: dict[Method, str] = {
    "patch_shuffle": "tiles shuffled",
    "patch_rotation": "tiles turned",
    "bilateral": "smoothed, contours kept",
    "gaussian": "blurred",
    "grey": "grey",
    "channel_shuffle": "colours swapped",
    "shuffle_grey": "tiles shuffled, grey",
    "bilateral_shuffle": "smoothed, tiles shuffled",
    "bilateral_grey": "smoothed, grey",
    "phase_scramble": "phases scrambled",
    "whitening": "amplitudes made alike",
}
CURVES: Sequence[tuple[str, str, tuple[Method, ...]]] = (
    (
        "Without shape",
        "tiles along each side",
        ("patch_shuffle", "patch_rotation", "shuffle_grey", "bilateral_shuffle"),
    ),
    ("Without texture, contours kept", "diameter of the filter (pixels)", ("bilateral", "bilateral_grey")),
    ("Blurred", "size of the kernel (pixels)", ("gaussian",)),
    ("Without colour", "share of grey mixed in", ("grey",)),
    ("With scrambled phases", "largest change of phase (degrees)", ("phase_scramble",)),
    ("With amplitudes made alike", "how far (1 = all equally strong)", ("whitening",)),
)
CAVEATS = {
    "Without shape": " Large tiles spare local shape. Tiles of few pixels take texture, too; turned, they leave the outlines.",
    "Blurred": " A wide blur takes fine contours, too.",
}


def shown(protocol: Protocol) -> list[Condition]:
    """What examples are pictured with: the middle strength of each method of one cue."""
    single = [protocol.of(method) for method in protocol.methods if " and " not in CUES[method]]
    return [conditions[len(conditions) // 2] for conditions in single if conditions]


def charts(estimates: Estimates, methods: Sequence[Method]) -> Sequence[Chart]:
    """Reliance, curves of accuracy, a table of all methods, examples."""
    single = [
        method for method in methods if " and " not in CUES[method] and estimates.of("same_answer", method=method)
    ]
    curves = [chart for title, label, some in CURVES for chart in _curve(estimates, title, label, some)]
    return [*_reliance(estimates), *curves, _table(estimates, methods), _examples(single)]


def findings(estimates: Estimates) -> Sequence[Finding]:
    """What it leans on first, then colour and grain, then what weakens the figures."""
    if estimates.one("clean_accuracy") is None:
        return [*_unlabelled(estimates)] or [Finding("note", "No image could be shown without a cue.")]
    told = [*_leans(estimates), *_claim(estimates)]
    if all(e.value is not None for e in estimates.of("reliance")):  # above chance: else there is nothing to keep
        told += [*_colour(estimates), *_grain(estimates)]
    return [*told, *_stuck(estimates)]


def _leans(estimates: Estimates) -> Iterator[Finding]:
    """The cues, the dearest first."""
    found = [e for axis in AXES if (e := estimates.one("reliance", cue=axis))]
    undefined = [e for e in found if e.value is None]
    if undefined:
        yield Finding("note", f"What it leans on cannot be told: {undefined[0].reason}.")
        return
    if not found:
        return
    ordered = sorted(found, key=lambda e: -(e.value or 0.0))
    each = ", ".join(f"{percent(e)} without {e.at['cue']}" for e in ordered)
    clear = all(_apart(estimates, ordered[0].at["cue"], e.at["cue"]) for e in ordered[1:])
    lead = f" At these strengths it pays most for {ordered[0].at['cue']}." if clear and len(ordered) > 1 else ""
    yield Finding(
        "note", f"Of what it gets right above chance it loses, on average over all ways and strengths, {each}.{lead}"
    )


def _apart(estimates: Estimates, cue: str, other: str) -> int:
    """1 or -1 where the reliance on ``cue`` is clearly larger or smaller than on ``other``, else 0."""
    for sign, e in (
        (1, estimates.one("reliance_difference", cue=cue, against=other)),
        (-1, estimates.one("reliance_difference", cue=other, against=cue)),
    ):
        if e is not None and e.low is not None and e.high is not None:
            return sign * ((e.low > 0) - (e.high < 0))
    return 0


def _claim(estimates: Estimates) -> Iterator[Finding]:
    """The published claim beside what was found, and how much whole shape counts."""
    difference = estimates.one("reliance_difference", cue="shape", against="texture")
    if difference is None or difference.value is None:
        return
    side = _apart(estimates, "shape", "texture")
    verdict = {
        1: "it loses more without shape, in line with the claim, by",
        -1: "it loses more without texture, against the claim; shape minus texture is",
        0: "it loses about as much without one as without the other; shape minus texture is",
    }[side]
    coarse = estimates.of("relative_accuracy", method="patch_shuffle")
    local = (
        f" Cut into {coarse[0].at['strength']:g} x {coarse[0].at['strength']:g} shuffled tiles, which spares local shape, it "
        f"keeps {percent(coarse[0])} of its accuracy."
        if coarse and coarse[0].value is not None
        else ""
    )
    yield Finding(
        "note",
        "A published claim (Burgert et al., NeurIPS 2025) is that convolutional networks lean on local shape, not on texture. "
        f"At the strengths shown {verdict} {100 * difference.value:.1f} points{_ends(difference)}.{local}",
    )


def _ends(e: Estimate) -> str:
    return "" if e.low is None or e.high is None else f" (95% interval {100 * e.low:.1f} to {100 * e.high:.1f})"


def _colour(estimates: Estimates) -> Iterator[Finding]:
    grey = estimates.of("relative_accuracy", method="grey")
    if grey and grey[-1].value is not None:
        share = grey[-1].at["strength"]
        what = "On grey pictures" if share == 1 else f"With {share:g} of grey mixed in"
        yield _verdict(
            grey[-1], what, "Train with colour jitter and grey pictures, unless colour tells the classes apart."
        )


def _grain(estimates: Estimates) -> Iterator[Finding]:
    """The slightest smoothing."""
    smoothed = estimates.of("relative_accuracy", method="bilateral")
    if smoothed and smoothed[0].value is not None:
        what = f"Smoothed within {smoothed[0].at['strength']:g} pixels, contours kept,"
        yield _verdict(smoothed[0], what, "Train with blurred, compressed and smoothed pictures among the others.")


def _verdict(kept: Estimate, what: str, advice: str) -> Finding:
    sentence = f"{what} it keeps {percent(kept)} of its accuracy; {kept.n:,} images."
    if kept.high is not None and kept.high < LOSES:
        return Finding("weak", sentence, advice)
    return Finding("strong" if kept.low is not None and kept.low > KEEPS else "note", sentence)


def _stuck(estimates: Estimates) -> Iterator[Finding]:
    """Where one answer is all that is left."""
    strongest = {e.at["method"]: e for e in estimates.of("commonest_answer_share")}
    right = {e.at["method"]: e.value or 0.0 for e in estimates.of("accuracy")}
    told = [
        f"{NAMES[m]} {percent(e)}"
        for m, e in strongest.items()
        if stuck(e) and right.get(m, 0.0) < (e.value or 0.0) / 2  # one answer may be the right one
    ]
    if told:
        yield Finding(
            "note",
            f"At the strongest it gives mostly one and the same answer: {'; '.join(told)}. There it has stopped looking, "
            "which is no sign of what it leaned on.",
        )


def _unlabelled(estimates: Estimates) -> Iterator[Finding]:
    strongest = {e.at["method"]: e for e in estimates.of("same_answer")}
    each = [f"{NAMES[m]} {percent(e)}" for m, e in strongest.items() if " and " not in CUES[m] and e.value is not None]
    if each:
        yield Finding(
            "note", f"At the strongest of each change, its answer stays on so many images: {'; '.join(each)}."
        )


def _reliance(estimates: Estimates) -> Iterator[Dots]:
    """A mark for each cue; those of several models meet in one figure."""
    found = [e for axis in AXES if (e := estimates.one("reliance", cue=axis)) and e.value is not None]
    if not found:
        return
    yield Dots(
        title="What it leans on",
        x_label="accuracy above chance that is lost",
        categories=[e.at["cue"] for e in found],
        series=[Series("this model", [e.value for e in found], [e.low for e in found], [e.high for e in found])],
        rules=[Rule(0.0, "nothing lost"), Rule(1.0, "guessing")],
        caption="Without the cue, as a mean over the strengths of each way to take it away, then over the ways, with 95 % "
        "intervals. Strengths of different cues cannot be made equal: compare marks of one row, of several models, rather than "
        "those of one model.",
    )


def _curve(estimates: Estimates, title: str, label: str, methods: Sequence[Method]) -> Iterator[Lines]:
    measure = "accuracy" if estimates.of("accuracy") else "same_answer"
    found = {m: {e.at["strength"]: e for e in estimates.of(measure, method=m)} for m in methods}
    found = {method: own for method, own in found.items() if own}
    x = sorted({strength for own in found.values() for strength in own})
    if len(x) < 2:
        return
    rules = []
    clean = estimates.one("clean_accuracy")
    if clean is not None and clean.value is not None:
        rules = [Rule(clean.value, "as it is"), Rule(clean.at["chance"], "guessing")]
    yield Lines(
        title=title,
        x_label=label,
        y_label="right" if measure == "accuracy" else "answer as on the whole picture",
        x=x,
        series=[_series(NAMES[method], [own.get(strength) for strength in x]) for method, own in found.items()],
        rules=rules,
        y_range=(0.0, 1.0),
        caption=f"Share of images, by strength; shaded: 95 % intervals.{CAVEATS.get(title, '')}",
    )


def _series(name: str, found: Sequence[Estimate | None]) -> Series:
    value, low, high = ([getattr(e, part) if e else None for e in found] for part in ("value", "low", "high"))
    return Series(name, value, low, high)


def _table(estimates: Estimates, methods: Sequence[Method]) -> Table:
    rows = []
    for method in methods:
        strongest = [estimates.of(m, method=method)[-1:] for m in ("accuracy", "same_answer", "commonest_answer_share")]
        means = [estimates.of(m, method=method) for m in ("mean_relative_accuracy", "mean_chance_corrected")]
        if strongest[1]:
            cells = [(e[0].value, e[0].low, e[0].high) if e else None for e in (*means, *strongest)]
            rows.append([f"{NAMES[method]} ({CUES[method]})", (strongest[0] or strongest[1])[0].n, *cells])
    return Table(
        title="All ways to take a cue away",
        columns=[
            "picture (without)",
            "n",
            "kept, mean",
            "kept above chance",
            "right",
            "same answer",
            "commonest answer",
        ],
        rows=rows,
        formats=[None, "integer", *["percent"] * 5],  # type: ignore[list-item]
        caption="n: images. Kept: accuracy by that on the whole picture, mean over the strengths, as it is and above chance. "
        "The last three are at the strongest: images that are right, that get the answer of the whole picture, and that get "
        "the commonest answer.",
    )


def _examples(methods: Sequence[Method]) -> Gallery:
    return Gallery(
        title="What it was shown, and what it said",
        key="example",
        pictures=[("plain", "as it is"), *((method, NAMES[method]) for method in methods)],
        lines=["{plain}", *(f"{{{method}}}" for method in methods)],
        caption="The pictures that it is surest of, each at the middle strength of one way to take a cue away.",
    )
