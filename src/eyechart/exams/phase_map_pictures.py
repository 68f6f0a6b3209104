"""Figures and plain words of the phase map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import nan

from eyechart.core.chart import Chart, Finding, Format, Heatmap, Lines, Mark, Panels, Series
from eyechart.core.chart_numbers import plain_numbers
from eyechart.core.embeddings import farther
from eyechart.core.estimate import Estimate, Estimates, ends
from eyechart.core.findings import called_out, guessed, idle, judged
from eyechart.core.words import percent

MUCH, LITTLE = 0.05, 0.02  # of answers: verdicts
CURE = "over shifts within the period, anti-alias where it subsamples, or train with shifts."
ENLARGED = 1.05  # beyond, the margin is not the picture's own
NAMES = {"roll": "cyclic shifts", "crop": "a moving window"}
READ = (
    "Each cell is one shift of the picture, down (upwards on the map) and right, against the unshifted one in the lower left "
    "corner. Dark cells in rows and columns, evenly spaced, are the grid on which the model samples."
)
MAPS = {
    "p_top1_change": ("Answers that each shift changes", "changed answers", "percent"),
    "mean_absolute_change": ("How far each shift moves the confidence", "probability", "percent"),
    "significant_change": ("Embeddings that each shift moves like another image's", "share of images", "percent"),
    "embed_change": ("How far each shift moves the embedding", "share of the way to another image", "percent"),
}
LINES = {"down": "down", "right": "right", "diagonal": "down and right"}
SOURCES = {
    "setting": "as set",
    "layers": "the total stride that its layers tell",
    "size": "a guess from its input size",
}


def charts(estimates: Estimates, modes: Sequence[str]) -> Sequence[Chart]:
    """Maps, curves along their axes, and what is right under all shifts."""
    found: list[Chart] = []
    for measure, (title, label, form) in MAPS.items():
        if estimates.of(measure):
            found.append(_map(estimates, modes, measure, title, label, form))  # type: ignore[arg-type]
    measure = "embed_change" if estimates.of("embed_change") else "mean_absolute_change"
    found += [_curves(estimates, mode, measure) for mode in modes]
    return [*found, *(chart for mode in modes for chart in _nested(estimates, mode))]


def findings(estimates: Estimates, modes: Sequence[str]) -> Sequence[Finding]:
    """Mode by mode: how much changes, then the period."""
    found: list[Finding] = []
    for mode in modes:
        found += [*_change(estimates, mode), *_moved(estimates, mode), *_period(estimates, mode)]
    weak = any(finding.verdict == "weak" for finding in found)
    found += called_out(estimates.one("commonest_answer_share"), "little can change")
    return found if weak else [*found, *guessed(estimates.one("clean_accuracy"), "that it is stable says little")]


def _change(estimates: Estimates, mode: str) -> Iterator[Finding]:
    e = estimates.one("mean_p_top1_change", mode=mode, given="all")
    period = estimates.one("period")
    if e is None or e.value is None or period is None:
        return
    any_of = estimates.of("any_change", mode=mode)[-1]
    sentence = (
        f"Moved by less than {period.value:.0f} pixels{_steps(e)} ({NAMES[mode]}), its answer differs {percent(e)} of the "
        f"time, and on {percent(any_of)} of the images at least once; {e.n:,} images.{_more(estimates, mode)}"
    )
    advice = f"Average its answers {CURE}"
    able = not idle(estimates.one("commonest_answer_share"), estimates.one("clean_accuracy"))
    due = e.at["every"] == 1 and able
    yield judged(sentence, e, MUCH, LITTLE, advice, praise=due)


def _moved(estimates: Estimates, mode: str) -> Iterator[Finding]:
    """The verdict on embeddings."""
    e, period = estimates.one("mean_significant_change", mode=mode), estimates.one("period")
    if e is None or period is None:
        return
    if e.value is None:
        yield Finding("note", f"How far embeddings move cannot be told ({NAMES[mode]}): {e.reason}.")
        return
    any_of = estimates.of("any_significant_change", mode=mode)[-1]
    sentence = (
        f"Moved by less than {period.value:.0f} pixels{_steps(e)} ({NAMES[mode]}), its embedding moves "
        f"{farther(estimates)} {percent(e)} of the time, and on {percent(any_of)} of the images at least once; "
        f"{e.n:,} images.{_more(estimates, mode)}"
    )
    yield judged(sentence, e, MUCH, LITTLE, f"Average its embeddings {CURE}", praise=e.at["every"] == 1)


def _steps(e: Estimate) -> str:
    return f" in steps of {e.at['every']} pixels, between which more may change" if e.at["every"] > 1 else ""


def _period(estimates: Estimates, mode: str) -> Iterator[Finding]:
    found, dip, told = (estimates.one(m, mode=mode) for m in ("period_found", "dip")), None, estimates.one("period")
    period, dip = found
    if period is None or dip is None or told is None:
        return
    if period.value is None or dip.value is None:
        yield Finding("note", f"No sampling period stands out under {NAMES[mode]}: {period.reason}.")
        return
    beside = f"{told.value:.0f} pixels is {SOURCES[told.at['source']]}"
    same = period.value == told.value
    yield Finding(
        "note",
        f"Sampling period under {NAMES[mode]}: {period.value:.0f} pixels (95% interval {period.low:.0f} to {period.high:.0f}). "
        f"At its multiples there is {percent(dip)} less change than the distance would make one expect"
        f"{f'; {beside}, too.' if same else f'. {beside.capitalize()}.'}",
    )


def _more(estimates: Estimates, mode: str) -> str:
    """What is right under all shifts, and whether the margin is the picture's own."""
    each, enlarged = estimates.of("worst_accuracy", mode=mode), estimates.one("enlarged", mode=mode)
    told = ""
    if each and each[-1].value is not None and each[0].value is not None:
        told = f" Right under every one of these shifts it is on {percent(each[-1])}, unshifted on {100 * each[0].value:.1f}%."
    if enlarged is not None and (enlarged.value or 0.0) > ENLARGED:
        told += f" The pictures were enlarged {enlarged.value:.2f} times to have a margin, which blurs them."
    return told


def _map(
    estimates: Estimates, modes: Sequence[str], measure: str, title: str, label: str, form: Format
) -> Heatmap | Panels:
    """One map a mode, on one scale."""
    where = {"given": "all"} if measure == "p_top1_change" else {}
    panels = []
    for mode in modes:
        shown = estimates.of(measure, mode=mode, **where)
        cells = {(e.at["down"], e.at["right"]): nan if e.value is None else e.value for e in shown}
        steps = sorted({d for d, _ in cells})
        steps = [step for step in steps if step % steps[1] == 0]  # after a shorter step there are no even cells
        z = plain_numbers([[cells[d, r] for r in steps] for d in steps])
        panels.append(
            Heatmap(NAMES[mode].capitalize(), "pixels right", "pixels down", label, steps, steps, z, format=form)
        )
    top = max((v or 0.0 for panel in panels for row in panel.z for v in row), default=0.0)
    bounds = (0.0, top or 1.0)
    if len(panels) > 1:
        return Panels(title, panels, READ, bounds)
    (one,) = panels
    return Heatmap(
        title,
        one.x_label,
        one.y_label,
        label,
        one.x,
        one.y,
        one.z,
        f"{NAMES[modes[0]].capitalize()}. {READ}",
        form,
        bounds,
    )


def _curves(estimates: Estimates, mode: str, measure: str) -> Lines:
    """Change along both axes and the diagonal."""
    title, label, _ = MAPS[measure]
    cells = {(e.at["down"], e.at["right"]): e for e in estimates.of(measure, mode=mode)}
    steps = sorted({d for d, _ in cells})
    ways = {"down": [(d, 0) for d in steps], "right": [(0, d) for d in steps], "diagonal": [(d, d) for d in steps]}
    series = []
    for way, places in ways.items():
        along = [cells[place] for place in places]
        series.append(Series(LINES[way], *ends(along)))
    return Lines(
        title=f"{title}: along the axes ({NAMES[mode]})",
        x_label="pixels",
        y_label=label,
        x=steps,
        series=series,
        marks=_marks(estimates, mode, steps[-1]),
        caption="The map's lower edge, left edge and diagonal, with 95 % intervals. Where a curve dips again and again at one "
        "distance, the model samples the picture at that distance.",
    )


def _marks(estimates: Estimates, mode: str, reach: int) -> list[Mark]:
    """Multiples of the period that was found."""
    e: Estimate | None = estimates.one("period_found", mode=mode)
    if e is None or e.value is None:
        return []
    period = int(e.value)
    return [Mark(x, "period found" if x == period else "") for x in range(period, reach + 1, period)]


def _nested(estimates: Estimates, mode: str) -> Iterator[Lines]:
    shown = {
        "right on average": estimates.of("mean_accuracy", mode=mode),
        "right under all": estimates.of("worst_accuracy", mode=mode),
        "answer ever changes": estimates.of("any_change", mode=mode),
    }
    series = [Series(name, *ends(ones)) for name, ones in shown.items() if ones]
    edges = [e.at["below"] for e in shown["answer ever changes"]]
    if len(edges) > 1:
        yield Lines(
            title=f"When every shift counts ({NAMES[mode]})",
            x_label="shifts of less than so many pixels down and right",
            y_label="share of images",
            x=edges,
            series=series,
            caption="Share of images that are right under every shift of a square of shifts (the unshifted frame is the "
            "first), on average over them, and whose answer changes at least once.",
        )
