"""Figures and plain words of the exam of distorted images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.by_category import CLASSES, explained
from eyechart.core.chart import Bars, Chart, Finding, Gallery, Lines, Rule, Series
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent, points
from eyechart.exams.distortions_conditions import KINDS, Name

MUCH, LITTLE = 0.1, 0.03  # accuracy lost on black and white pictures: verdicts


def charts(estimates: Estimates, names: Sequence[Name]) -> Sequence[Chart]:
    """All distortions beside one another, curves by level, and the most striking cases."""
    return [*_overview(estimates, names), *_curves(estimates, names), _gallery()]


def findings(estimates: Estimates, names: Sequence[Name]) -> Sequence[Finding]:
    """The mean, the worst distortion, and whether colour alone costs much."""
    classes = _told_by(estimates)
    overall, plain = estimates.one("ood_accuracy", classes=classes), estimates.one("plain_accuracy", classes=classes)
    if not (overall and plain) or overall.value is None:
        return [_unlabelled(estimates)]
    means = [e for e in estimates.of("mean_accuracy", classes=classes) if e.value is not None]
    worst = min(means, key=lambda e: e.value or 0.0)
    least = " and ".join(KINDS[e.at["distortion"]].title for e in means if e.value == worst.value)
    found = [
        Finding(
            "note",
            f"Distorted, images are answered rightly {percent(overall)} of the time on average (as they are: "
            f"{percent(plain)}), by {CLASSES[classes]}; least with {least}, {percent(worst)}.",
        )
    ]
    drop = estimates.one("accuracy_drop", classes=classes, distortion="grey")
    if "grey" in names and drop and drop.value is not None and drop.low is not None and drop.high is not None:
        found.append(_colour(drop))
    return found


def _colour(drop: Estimate) -> Finding:
    sentence = f"Accuracy in colour less that without is {points(drop)}; {drop.n:,} images."
    if (drop.low or 0.0) > MUCH:
        return Finding("weak", sentence, "Train with random grey images, if colours will differ where it is used.")
    return Finding("strong" if (drop.high or 0.0) < LITTLE else "note", sentence)


def _unlabelled(estimates: Estimates) -> Finding:
    found = [e for e in estimates.of("agreement") if e.value is not None]
    if not found:
        return Finding("note", "No image could be shown distorted.")
    worst = min(found, key=lambda e: e.value or 0.0)
    kind = KINDS[worst.at["distortion"]]
    return Finding(
        "note",
        f"It keeps its answer least with {kind.title} (level {worst.at['level']:g}): {percent(worst)} of images.",
    )


def _told_by(estimates: Estimates) -> str:
    """By which classes figures go: the model's own, if there are labels of theirs."""
    return "own" if estimates.of("plain_accuracy", classes="own") else "categories"


def _overview(estimates: Estimates, names: Sequence[Name]) -> Iterator[Bars]:
    shown = [name for name in names if estimates.of("mean_accuracy", distortion=name)]
    series = []
    for classes, title in CLASSES.items():
        found = [estimates.one("mean_accuracy", distortion=name, classes=classes) for name in shown]
        if shown and all(found):
            series.append(_series(title, [e for e in found if e]))
    if not series:
        return
    plain = [estimates.one("plain_accuracy", classes=classes) for classes in CLASSES]
    rules = [
        Rule(e.value, "as they are" if e.at["classes"] == "own" else "as they are, categories")
        for e in plain
        if e and e.value is not None
    ]
    yield Bars(
        title="Accuracy by distortion",
        x_label="share of images",
        categories=[KINDS[name].title for name in shown],
        series=series,
        rules=rules,
        x_range=(0.0, 1.0),
        caption=explained(
            "Mean over the levels that model-vs-human counts, which were chosen by what people can do; higher is better.",
            estimates,
        ),
    )


def _curves(estimates: Estimates, names: Sequence[Name]) -> Iterator[Lines]:
    classes = _told_by(estimates)
    plain = estimates.one("plain_accuracy", classes=classes)
    rules = [Rule(plain.value, "as they are")] if plain and plain.value is not None else []
    for name in names:
        kind = KINDS[name]
        found = sorted(estimates.of("accuracy", distortion=name, classes=classes), key=lambda e: float(e.at["level"]))
        same = sorted(estimates.of("agreement", distortion=name), key=lambda e: float(e.at["level"]))
        if len(same) < 2:
            continue
        series = [_series("right", found)] if found else []
        series.append(_series("answer kept", same))
        yield Lines(
            title=kind.title[0].upper() + kind.title[1:],
            x_label=kind.unit,
            y_label="share of images",
            x=[float(e.at["level"]) for e in same],
            series=series,
            rules=rules,
            y_range=(0.0, 1.0),
            x_scale="log" if same[0].at["level"] > 0 and name in ("contrast", "low_pass", "high_pass") else "linear",
            caption=_CAPTIONS.get(name, "Share of images answered rightly, and share whose answer stays."),
        )


_CAPTIONS: dict[Name, str] = {
    "contrast": "Grey images drawn together towards mid grey; further left is fainter.",
    "low_pass": "Grey images blurred by a Gaussian; further right is coarser.",
    "high_pass": "Grey images less their blur: further left only the finest detail is left.",
    "phase_noise": "Every phase moved at random: amplitudes stay, outlines dissolve.",
    "rotation": "Grey images turned counter-clockwise.",
    "uniform_noise": "Noise on grey images of contrast .3; 0 is that contrast alone.",
}


def _series(name: str, found: Sequence[Estimate]) -> Series:
    return Series(name, [e.value for e in found], [e.low for e in found], [e.high for e in found])


def _gallery() -> Gallery:
    return Gallery(
        "Missed after a mild distortion",
        "distortions/",
        [("plain", "as it is"), ("distorted", "distorted")],
        ["{before} {p_before:.0%}", "{after} {p_after:.0%}: {named}"],
        "Images answered otherwise with most confidence, of those right as they are, at the mildest level of any distortion.",
    )
