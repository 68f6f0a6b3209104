"""Figures and plain words of the exam of the channel of recognition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.by_category import CLASSES, explained
from eyechart.core.chart import Chart, Finding, Lines, Mark, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent
from eyechart.exams.critical_band_channel import UNBRACKETED

PEOPLE = 1.0  # octaves, about (Subramanian et al., NeurIPS 2023)
WIDE = 2.0  # octaves: from here on it is told as wide


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Accuracy by octave of noise, and what the fits say."""
    return [*_curves(estimates), *_table(estimates), *_clipped(estimates)]


def findings(estimates: Estimates, as_published: bool) -> Sequence[Finding]:
    """Centre and width of the fitted channel, or why there is none; beside people's if noises and contrast are theirs."""
    classes = _told_by(estimates)
    plain = estimates.one("noiseless_accuracy", classes=classes)
    place, width = (estimates.one(f"channel_{m}", classes=classes, fit="fitted") for m in ("centre", "bandwidth"))
    if not (plain and place and width):
        return [Finding("note", "No image has a class that is known: noise could be seen to harm nothing.")]
    if UNBRACKETED in place.reason and _lost(estimates, classes):
        return [_unclear(estimates, classes)]
    if place.value is None or width.value is None:
        more = (
            "Show them at more contrast: --set critical_band.contrast=0.6." if "without noise" in place.reason else ""
        )
        return [Finding("note", f"No channel of recognition was found: {place.reason}.", more)]
    bound = estimates.one("at_bound", classes=classes, fit="fitted")
    if bound and bound.value:
        return [_unclear(estimates, classes)]
    sentence = (
        f"It recognises things by detail about {place.value:.3g} cycles per image{_ends(place)}, in a channel of "
        f"{width.value:.1f} octaves{_ends(width)}; {_PEOPLE if as_published else _OTHERWISE}. Faint and grey, without noise, "
        f"it is right {percent(plain)} of the time."
    )
    if as_published and (width.low or 0.0) > WIDE:
        advice = "Noise of many kinds can upset it: try it with noisy and blurred images of your own."
        return [Finding("weak", sentence, advice)]
    return [Finding("note", sentence)]


_PEOPLE = f"people's is about {PEOPLE:.0f} octave wide"
_OTHERWISE = "people's was found with other noises or another contrast, so its width cannot be set beside this one"


def _lost(estimates: Estimates, classes: str) -> list[float]:
    """Centres of the octaves whose threshold lies below the weakest noise."""
    return [e.at["centre"] for e in estimates.of("threshold_sd", classes=classes) if "too strong" in e.reason]


def _unclear(estimates: Estimates, classes: str) -> Finding:
    """The fit ran into its bounds: mostly since noises are too strong for it."""
    thresholds = estimates.of("threshold_sd", classes=classes)
    weakest = min(e.at["sd"] for e in estimates.of("accuracy", classes=classes))
    lost = _lost(estimates, classes)
    if not lost:
        return Finding("note", "Noise harms it in no clear channel: the fit of one ran into its bounds.")
    return Finding(
        "note",
        f"Even the weakest noise, {weakest:g}, costs it more than half of its accuracy in {len(lost)} of {len(thresholds)} "
        f"octaves ({lost[0]:g} to {lost[-1]:g} cycles per image): the channel cannot be told by noises that strong.",
        "Give weaker ones, such as --set critical_band.noises=[0.0025,0.01,0.04,0.16].",
    )


def _ends(e: Estimate) -> str:
    return "" if e.low is None or e.high is None else f" (95% interval {e.low:.3g} to {e.high:.3g})"


def _told_by(estimates: Estimates) -> str:
    """Categories, as published, where they are known."""
    return "categories" if estimates.of("noiseless_accuracy", classes="categories") else "own"


def _curves(estimates: Estimates) -> Iterator[Lines]:
    classes = _told_by(estimates)
    found = estimates.of("accuracy", classes=classes)
    plain = estimates.one("noiseless_accuracy", classes=classes)
    if not found or plain is None or plain.value is None:
        return
    series = []
    for sd in sorted({e.at["sd"] for e in found}):
        mine = [e for e in found if e.at["sd"] == sd]
        name = f"noise {sd:g}"
        series.append(Series(name, [e.value for e in mine], [e.low for e in mine], [e.high for e in mine]))
    place = estimates.one("channel_centre", classes=classes, fit="fitted")
    bound = estimates.one("at_bound", classes=classes, fit="fitted")
    clear = not (bound and bound.value)
    marks = [Mark(place.value, "channel")] if clear and place and place.value is not None else []
    yield Lines(
        title="Accuracy in noise of one octave",
        x_label="centre of the noise, cycles per image",
        y_label="share of images",
        x=sorted({e.at["centre"] for e in found}),
        series=series,
        rules=[Rule(plain.value, "without noise")],
        marks=marks,
        y_range=(0.0, 1.0),
        x_scale="log",
        caption=explained(
            f"Faint grey images answered rightly, by {CLASSES[classes]}. Where the lines dip, the model looks.",
            estimates,
        ),
    )


def _table(estimates: Estimates) -> Iterator[Table]:
    rows = []
    for e in estimates.of("channel_centre"):
        more = [estimates.one(m, **e.at) for m in ("channel_bandwidth", "channel_sensitivity", "at_bound")]
        cells = [(x.value, x.low, x.high) if x and x.value is not None else None for x in (e, *more[:2])]
        at_bound = more[2].value if more[2] else None
        note = e.reason or ("at a bound: means little" if at_bound else "")
        rows.append([CLASSES[e.at["classes"]], _FITS[e.at["fit"]], e.n, *cells, note])
    if rows:
        yield Table(
            title="The channel",
            columns=["answers by", "through", "n", "centre", "width", "sensitivity", ""],
            rows=rows,
            formats=[None, None, "integer", "number", "number", "number", None],
            caption="A Gaussian over octaves; n: images. Centre in cycles per image, width in octaves, sensitivity at most 1.",
        )


_FITS = {"counted": "counted thresholds (published)", "fitted": "fitted thresholds"}


def _clipped(estimates: Estimates) -> Iterator[Lines]:
    found = estimates.of("clipped_share")
    if len({e.at["centre"] for e in found}) < 2:
        return
    strongest = max(e.at["sd"] for e in found)
    mine = [e for e in found if e.at["sd"] == strongest]
    yield Lines(
        title="Pixels out of range",
        x_label="centre of the noise, cycles per image",
        y_label="share of pixels",
        x=[e.at["centre"] for e in mine],
        series=[Series(f"noise {strongest:g}", [e.value for e in mine], [e.low for e in mine], [e.high for e in mine])],
        x_scale="log",
        caption="Pixels that the strongest noise took out of range were clipped, which weakens and spreads it.",
    )
