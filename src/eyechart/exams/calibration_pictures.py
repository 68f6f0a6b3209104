"""Figures of the calibration exam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from eyechart.core.chart import Chart, Dots, Format, Gallery, Lines, Series, Table
from eyechart.core.estimate import Estimate, Estimates, ends
from eyechart.exams.calibration_conditions import NAMES
from eyechart.exams.calibration_words import alone

SHARE = (0.0, 1.0)
SCORES: Mapping[str, Format] = {"nll": "number", "brier": "number"}


def charts(estimates: Estimates, coverage: float) -> Sequence[Chart]:
    """Reliability, confidence and accuracy by severity and by corruption, the repair, the table, sure mistakes."""
    return [
        *_reliability(estimates),
        *_by_severity(estimates),
        *_errors(estimates),
        *_by_corruption(estimates),
        *_tables(estimates, coverage),
        _gallery(),
    ]


def _severities(estimates: Estimates) -> list[int]:
    """That all corruptions are told at together."""
    found = estimates.of("ece", shown="corrupted")
    return sorted({int(e.at["severity"]) for e in found if "severity" in e.at and "corruption" not in e.at})


def _groups(estimates: Estimates) -> Iterator[tuple[str, dict[str, object]]]:
    """Name and coordinates of what is told in full: clean, corrupted, by severity, moved."""
    for e in estimates.of("ece"):
        if "corruption" not in e.at:
            severity = e.at.get("severity")
            yield NAMES[e.at["shown"]] + (f", severity {severity}" if severity else ""), dict(e.at)


def _reliability(estimates: Estimates) -> Iterator[Lines]:
    """Accuracy over confidence, bin by bin, of clean and of corrupted images."""
    curves = {}
    for shown in ("clean", "corrupted"):
        bins = [e for e in estimates.of("accuracy_in_bin", shown=shown) if set(e.at) == {"shown", "bin"}]
        sure = [alone(estimates, "confidence_in_bin", **e.at) for e in bins]
        curves[NAMES[shown]] = {
            e.value: right for e, right in zip(sure, bins, strict=True) if e and e.value is not None
        }
    if not any(curves.values()):
        return
    places = sorted({x for own in curves.values() for x in own} | {0.0, 1.0})
    series = [Series(name, *ends([own.get(x) for x in places])) for name, own in curves.items() if own]
    series.append(Series("as sure as right", [x if x in (0.0, 1.0) else None for x in places]))
    yield Lines(
        title="Right as often as it is sure?",
        x_label="mean confidence of the answers in a bin",
        y_label="share of them that are right",
        x=places,
        series=series,
        y_range=SHARE,
        joined=True,
        caption="Reliability diagram: answers in bins of equal number, from the least to the most confident. Below the "
        "straight line the model is surer than it is right. Shades are 95% intervals over images.",
    )


def _by_severity(estimates: Estimates) -> Iterator[Lines]:
    """Confidence and accuracy side by side."""
    severities = _severities(estimates)
    if not severities:
        return
    yield Lines(
        title="Confidence and accuracy as images get worse",
        x_label="severity of the corruptions (0: images as they are)",
        y_label="share, or probability",
        x=[0, *severities],
        series=[
            Series(name, *ends(_curve(estimates, m))) for m, name in (("confidence", "sure"), ("accuracy", "right"))
        ],
        y_range=SHARE,
        caption="Mean confidence of its answers, and how often they are right, over all corruptions. Confidence that can be "
        "believed falls as accuracy does.",
    )


def _curve(estimates: Estimates, measure: str, **more: object) -> list[Estimate | None]:
    """At severity 0, the clean images, and at all others."""
    corrupted = [alone(estimates, measure, shown="corrupted", severity=s, **more) for s in _severities(estimates)]
    return [alone(estimates, measure, shown="clean", **more), *corrupted]


def _errors(estimates: Estimates) -> Iterator[Lines]:
    """The calibration error of the judging half, with and without temperature."""
    severities = _severities(estimates)
    temperature = estimates.one("temperature")
    if not severities or temperature is None or temperature.value is None:
        return
    named = {
        "as it is": _curve(estimates, "held_out_ece", logits="as_is"),
        "with temperature": _curve(estimates, "held_out_ece", logits="scaled"),
        "noise stays below": _curve(estimates, "held_out_ece_if_calibrated", logits="scaled"),
    }
    yield Lines(
        title="What a temperature mends",
        x_label="severity of the corruptions (0: images as they are)",
        y_label="calibration error",
        x=[0, *severities],
        series=[Series(name, *ends(found)) for name, found in named.items()],
        caption=f"Logits divided by {temperature.value:.2f}, which fits one half of the images as they are best; calibration "
        "error of the other half. A model whose confidence can be believed stays below the third line in 39 of 40 samples.",
    )


def _by_corruption(estimates: Estimates) -> Iterator[Dots]:
    """Confidence against accuracy, corruption by corruption, the most overconfident first."""
    found = [e for e in estimates.of("overconfidence", shown="corrupted") if set(e.at) == {"shown", "corruption"}]
    found = sorted((e for e in found if e.value is not None), key=lambda e: -(e.value or 0.0))
    if not found:
        return
    ats = [dict(e.at) for e in found]
    series = [
        Series(name, *ends([alone(estimates, measure, **at) for at in ats]))
        for measure, name in (("confidence", "sure"), ("accuracy", "right"))
    ]
    yield Dots(
        title="Confidence and accuracy by corruption",
        x_label="share, or probability",
        categories=[at["corruption"].replace("_", " ") for at in ats],
        series=series,
        x_range=SHARE,
        caption="Over all severities. Where both lie together confidence can be believed; right of accuracy it is too high.",
    )


def _tables(estimates: Estimates, coverage: float) -> Iterator[Table]:
    """Of confidence; of what a threshold keeps out, and of scores."""
    surest = f"{100 * coverage:g}%"
    yield _table(
        estimates,
        "Confidence, by what is shown",
        "With temperature: of the half of the images that did not choose it.",
        {
            "right": ("accuracy", {}),
            "sure": ("confidence", {}),
            "calibration error": ("ece", {}),
            "noise stays below": ("ece_if_calibrated", {}),
            "with temperature": ("held_out_ece", {"logits": "scaled"}),
        },
    )
    yield _table(
        estimates,
        "Errors among the surest answers, and scores",
        f"The clean threshold is the confidence that {surest} of the answers to images as they are reach.",
        {
            f"errors in the surest {surest}": ("selective_error", {"threshold": "own"}),
            "errors above the clean threshold": ("selective_error", {"threshold": "clean"}),
            "answers above it": ("selective_share", {"threshold": "clean"}),
            "nll": ("nll", {}),
            "Brier": ("brier", {}),
        },
    )


def _table(
    estimates: Estimates, title: str, caption: str, columns: Mapping[str, tuple[str, dict[str, object]]]
) -> Table:
    """A row for each way of showing; heading -> measure and further coordinates."""
    rows = []
    for name, at in _groups(estimates):
        found = [alone(estimates, measure, **at, **more) for measure, more in columns.values()]
        rows.append([name, *((e.value, e.low, e.high) if e else None for e in found)])
    formats: list[Format | None] = [None, *(SCORES.get(measure, "percent") for measure, _ in columns.values())]
    return Table(title=title, columns=["images", *columns], rows=rows, formats=formats, caption=caption)


def _gallery() -> Gallery:
    return Gallery(
        "Sure and wrong",
        "calibration/",
        [("plain", "as it is"), ("shown", "as shown")],
        ["{before} {p_before:.0%}", "{after} {p_after:.0%}: {named}"],
        "Images answered rightly as they are and wrongly as shown, with most confidence; one way of showing each.",
    )
