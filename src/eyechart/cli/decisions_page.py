"""The page of ``eyechart decisions``: findings, figures and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eyechart.cli.decisions_cues import cue_charts
from eyechart.cli.decisions_measures import PEOPLE
from eyechart.core.chart import Bars, Chart, Finding, Format, Lines, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import number, percent
from eyechart.images.observers import Observed
from eyechart.report.page import Counts, Page, PageSection

TITLE = "Do they err on the same images?"
EXPLANATION = (
    "Two observers of equal accuracy may go by quite different things. If they do, their errors fall on different images; if "
    "they see alike, on the same ones, more often than two such accuracies bring about by chance."
)
MOST_LINES = 8
MOST_ROWS = 60
MEASURES = (
    ("mean_error_consistency", "error consistency"),
    ("mean_observed_consistency", "both right or both wrong"),
    ("mean_accuracy_difference", "squared difference of accuracies"),
)


def page_of(estimates: Estimates, seen: Observed, about: Sequence[tuple[str, str]], facts: Mapping[str, Any]) -> Page:
    """Everything the page says; ``about``: lines on the images, ``facts``: where the figures come from."""
    told = tuple(findings(estimates, seen.persons))
    section = PageSection("decisions", TITLE, EXPLANATION, told, tuple(charts(estimates)))
    return Page(
        title="Decisions of people and networks",
        created=str(facts["created"]),
        models=(),
        images=tuple(about),
        counts=Counts(seen.count),
        sections=(section,),
        provenance=facts,
    )


def findings(estimates: Estimates, people: Sequence[str]) -> Iterator[Finding]:
    """People among themselves, each network against them, then what cannot be told."""
    among = estimates.one("mean_error_consistency", of=PEOPLE)
    if among is not None and among.value is not None:
        agree = among.low is not None and among.low > 0
        told = (
            "People agree in their errors with each other"
            if agree
            else "That people agree in their errors is not shown"
        )
        yield Finding("note", f"{told}: error consistency {number(among)}.")
    for e in estimates.of("mean_error_consistency"):
        if e.at["of"] != PEOPLE:
            yield _of_network(e, estimates)
    if among is None and not estimates.of("mean_error_consistency"):
        yield from _of_pairs(estimates)
    left_out = sum(int(e.value or 0) for e in estimates.of("undefined_pairs"))
    if left_out:
        told = f"In {left_out} of the comparisons one was always right or always wrong: they have no error consistency."
        yield Finding("note", f"{told} Means leave them out.")
    yield from _alone(estimates, people)
    for e in estimates.of("no_answer"):
        if (e.value or 0) > 0.05:
            yield Finding("note", f"{e.at['observer']} gave no answer to {percent(e)} of the images.")


def _alone(estimates: Estimates, people: Sequence[str]) -> Iterator[Finding]:
    """Who is compared with nobody, and how people are told from networks."""
    names = list(dict.fromkeys(e.at["observer"] for e in estimates.of("accuracy")))
    compared = {e.at[side] for e in estimates.of("error_consistency") for side in ("first", "second")}
    alone = [name for name in names if name not in compared]
    if compared and alone:
        told = f"{', '.join(alone[:MOST_LINES])}{', ...' if len(alone) > MOST_LINES else ''}"
        end = (
            "no image, in the same condition, is shared with those to compare with. Images are matched by their names."
        )
        yield Finding("note", f"Compared with nobody: {told}; {end}")
    if not people:
        told = "No observer is called subject- and a number, such as subject-01, so that all count as networks"
        yield Finding(
            "note", f"{told}: if some are people, name them with --people, or call them so in the column subj."
        )


def _of_network(e: Estimate, estimates: Estimates) -> Finding:
    name = e.at["of"]
    if e.value is None:
        return Finding("note", f"{name} cannot be compared with people: {e.reason}.")
    told = f"{name} and people: error consistency {number(e)}"
    gap = estimates.one("error_consistency_gap", of=name, less=PEOPLE)
    if gap is None or gap.low is None or gap.high is None:
        return Finding("note", f"{told}.")
    less = f"{gap.value:+.2f} (95% interval {gap.low:+.2f} to {gap.high:+.2f})"
    most = estimates.one("mean_error_consistency_highest", of=name)
    # people on the gap's images; where its accuracies cannot reach them, nothing follows about what it goes by
    people = e.value - (gap.value or 0.0)
    if gap.high < 0 and most is not None and most.value is not None and most.value < people:
        limit = f"accuracies so far apart allow no more than {most.value:.2f}"
        return Finding("note", f"{told}; that is {less} against people among themselves; {limit}.")
    if gap.high < 0:
        advice = "It goes by other things than people do: see its confusions, and compare shape with texture."
        return Finding("weak", f"{told}; that is {less} against people among themselves.", advice)
    if gap.low > 0:
        return Finding("strong", f"{told}; that is {less} against people among themselves.")
    return Finding("note", f"{told}; no difference from people among themselves is shown, {less}.")


def _of_pairs(estimates: Estimates) -> Iterator[Finding]:
    pairs = [e for e in estimates.of("error_consistency") if "condition" not in e.at]
    for e in pairs[:3]:
        yield Finding("note", f"{e.at['first']} and {e.at['second']}: error consistency {number(e)}.")
    if not pairs:
        yield Finding("note", "No two observers saw the same images, so that nobody can be compared.")


def charts(estimates: Estimates) -> Iterator[Chart]:
    """Means over people first, then each observer, each pair."""
    yield from _consistency(estimates)
    yield from cue_charts(estimates)
    yield from _by_condition(estimates)
    yield _observers(estimates)
    yield from _gaps(estimates)
    if estimates.of("error_consistency"):
        yield _pairs(estimates)


def _consistency(estimates: Estimates) -> Iterator[Chart]:
    names = [e.at["of"] for e in estimates.of("mean_error_consistency")]
    if not names:
        return
    labels = ["people with people" if name == PEOPLE else f"{name} with people" for name in names]
    for measure, label in MEASURES:
        found = [e for name in names if (e := estimates.one(measure, of=name))]
        series = [Series("mean over people", *_ends(found))]
        if measure == "mean_error_consistency":
            most = [estimates.one("mean_error_consistency_highest", of=name) for name in names]
            series.append(Series("highest that the accuracies allow", [None if e is None else e.value for e in most]))
        form: Format = "percent" if measure == "mean_observed_consistency" else "number"
        title = f"{label[:1].upper()}{label[1:]}"
        yield Bars(
            title=title, x_label=label, categories=labels, series=series, format=form, caption=_CAPTIONS[measure]
        )


_CAPTIONS = {
    "mean_error_consistency": "Cohen's kappa of right and wrong: 0 is what the accuracies alone bring about, 1 the same "
    "errors. Of each pair the mean over conditions, then over people; each two people once. Whiskers: 95% intervals, images "
    "resampled.",
    "mean_observed_consistency": "Share of images that both got right or both got wrong; two accurate observers have much of "
    "it whatever they go by.",
    "mean_accuracy_difference": "The difference of the two accuracies, squared as published: 0.01 is ten points.",
}


def _by_condition(estimates: Estimates) -> Iterator[Chart]:
    told = [e for e in estimates.of("accuracy") if "condition" in e.at]
    if not told:
        return
    conditions = list(dict.fromkeys(e.at["condition"] for e in told))
    series = []
    for name in list(dict.fromkeys(e.at["observer"] for e in told))[:MOST_LINES]:
        found = [estimates.one("accuracy", observer=name, condition=c) for c in conditions]
        series.append(Series(name, *_ends(found)))
    title, label = "Accuracy by condition", "share of right answers"
    try:
        places = [float(c) for c in conditions]
    except ValueError:
        yield Bars(title=title, x_label=label, categories=conditions, series=series, x_range=(0, 1))
        return
    if all(abs(place) != float("inf") for place in places):
        yield Lines(title=title, x_label="condition", y_label=label, x=places, series=series, y_range=(0, 1))
    else:
        yield Bars(title=title, x_label=label, categories=conditions, series=series, x_range=(0, 1))


def _observers(estimates: Estimates) -> Chart:
    rows = []
    for e in estimates.of("accuracy"):
        if "condition" in e.at:
            continue
        name = e.at["observer"]
        silent, bits = (estimates.one(measure, observer=name) for measure in ("no_answer", "answer_entropy"))
        rows.append(
            [name, e.n, _cell(e), None if silent is None else silent.value, None if bits is None else bits.value]
        )
    return Table(
        title="Observers",
        columns=["observer", "images", "right", "no answer", "entropy of answers (bits)"],
        rows=rows,
        formats=[None, "integer", "percent", "percent", "number"],
        caption="An image without an answer counts as wrong. 4 bits: all of 16 categories are answered equally often.",
    )


def _gaps(estimates: Estimates) -> Iterator[Chart]:
    found = estimates.of("error_consistency_gap")
    if found:
        yield Table(
            title="Whose errors are closer to those of people?",
            columns=["of", "less that of", "images", "difference of error consistency"],
            rows=[[e.at["of"], e.at["less"], e.n, _cell(e)] for e in found],
            formats=[None, None, "integer", "number"],
            caption="Differences of the means over people, on the same resampled images. An interval that holds 0 shows none.",
        )


def _pairs(estimates: Estimates) -> Chart:
    found = estimates.of("error_consistency")
    whole = [e for e in found if "condition" not in e.at]
    pairs = found if len(found) <= MOST_ROWS or not whole else whole
    several = any("condition" in e.at for e in found)
    numbers: list[Format] = ["number"] * (1 + len(_BESIDE))
    return Table(
        title="Each pair",
        columns=["observers", *["condition"] * several, "images", "error consistency", *_BESIDE.values()],
        rows=[_pair(e, estimates, several) for e in pairs],
        formats=[None, *[None] * several, "integer", *numbers],
        caption="p: how often chance alone gives as much. Highest: what these accuracies allow. Empty where one was always "
        f"right or always wrong.{' Single conditions are in results.json.' if len(pairs) < len(found) else ''}",
    )


def _pair(e: Estimate, estimates: Estimates, several: bool) -> list[object]:
    same = dict(e.at)
    beside = [next((x for x in estimates.of(m, **same) if dict(x.at) == same), None) for m in _BESIDE]
    cells = [None if one is None else (_cell(one) if one.low is not None else one.value) for one in beside]
    where = [e.at.get("condition", "all")] * several
    return [f"{e.at['first']}, {e.at['second']}", *where, e.n, _cell(e), *cells]


_BESIDE = {
    "chance_p": "p",
    "error_consistency_highest": "highest",
    "observed_consistency": "both right or wrong",
    "accuracy_difference": "squared difference",
}


def _ends(found: Sequence[Estimate | None]) -> list[list[float | None]]:
    """Values, lower and upper ends."""
    return [[None if e is None else getattr(e, part) for e in found] for part in ("value", "low", "high")]


def _cell(e: Estimate) -> tuple[float | None, float | None, float | None]:
    return e.value, e.low, e.high
