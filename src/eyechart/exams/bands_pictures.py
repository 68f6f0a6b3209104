"""Figures and plain words of the bands exam."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from eyechart.core.chart import Chart, Finding, Format, Gallery, Lines, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent, points

TELLING = 0.05  # five points of accuracy: what a reader of the summary should hear about
NAMES = {"low": "coarse only (low-pass)", "high": "fine only (high-pass)"}


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Accuracy and loss by band, disagreements against chance, the table of outcomes, the gallery."""
    found: list[Chart] = []
    if estimates.of("accuracy"):
        found += [_accuracy(estimates), _disagreement(estimates)]
        found += [_gallery("high_not_low", ""), *_mirror(estimates), _outcomes(estimates), _loss(estimates)]
    return (*found, _commonest(estimates))


def findings(estimates: Estimates) -> Sequence[Finding]:
    """What is lost without fine detail; whether the model reads what the coarse image does not say."""
    found = [*_lean(estimates), *_reads_detail(estimates), *_one_answer(estimates)]
    return found


def _lean(estimates: Estimates) -> Iterator[Finding]:
    """The loss without the finest quarter of the frequencies (or the largest radius below that)."""
    losses = estimates.of("accuracy_loss", band="low")
    chosen = [e for e in losses if e.at["radius_nyquist"] <= 0.75] or losses
    if not chosen or chosen[-1].value is None:
        return
    loss = chosen[-1]
    radius = loss.at["radius"]
    kept = estimates.one("accuracy", band="low", radius=radius)
    sentence = (
        f"With everything finer than {radius:g} waves across the image removed ({loss.at['radius_nyquist']:.0%} of the "
        f"finest the image can hold), it is right {percent(kept) if kept else ''} of the time: a loss of {points(loss)}."
    )
    if (loss.low or 0.0) > TELLING:
        advice = (
            "It leans on fine detail: expect blur, resizing and JPEG to hurt. Train with blurred or low-passed copies."
        )
        yield Finding("weak", sentence, advice)
    else:
        yield Finding("strong" if loss.high is not None and loss.high < TELLING else "note", sentence)


def _reads_detail(estimates: Estimates) -> Iterator[Finding]:
    """Whether being right from fine detail alone is commoner than chance, at the radius where that shows most."""
    pairs = [(e, estimates.one("high_not_low_by_chance", radius=e.at["radius"])) for e in estimates.of("high_not_low")]
    excess = [((e.low or 0.0) - (c.value or 0.0), e, c) for e, c in pairs if c and e.value is not None]
    if not excess:
        return
    most, e, chance = max(excess, key=lambda found: found[0])
    if most <= 0:
        yield Finding("note", "Being right from fine detail alone is no commoner than chance would make it.")
        return
    sentence = (
        f"On {percent(e)} of the images it is right from the detail finer than radius {e.at['radius']:g} alone, but wrong "
        f"from the coarse image; unrelated answers would give {100 * (chance.value or 0.0):.1f}%."
    )
    if most > TELLING:
        yield Finding(
            "weak", sentence, "See the gallery for what it goes by: fine edges and grain, not shapes and shading."
        )
    else:
        yield Finding("note", sentence)


def _one_answer(estimates: Estimates) -> Iterator[Finding]:
    stuck = [e for e in estimates.of("commonest_answer_share") if (e.value or 0) > 0.5]
    if stuck:
        e = stuck[0]
        where = {"low": "coarse", "high": "fine"}[e.at["band"]]
        yield Finding(
            "note",
            f"On some {where} images (radius {e.at['radius']:g} and others) it gives one and the same answer {percent(e)} of "
            "the time, so accuracy there says little about single images.",
        )


def _curve(estimates: Estimates, measure: str, name: str, **at: str) -> tuple[list[float], Series]:
    found: list[Estimate] = estimates.of(measure, **at)
    ends = [e.low for e in found], [e.high for e in found]
    no_interval = all(end is None for end in ends[0])
    x = [float(e.at["radius"]) for e in found]
    return x, Series(name, [e.value for e in found], *((), ()) if no_interval else ends)


def _lines(
    title: str, y_label: str, curves: Sequence[tuple[list[float], Series]], caption: str, percent: bool = True
) -> Lines:
    return Lines(
        title=title,
        x_label="radius r (waves across the image)",
        y_label=y_label,
        x=curves[0][0],
        series=[series for _, series in curves],
        caption=caption,
        format="percent" if percent else "number",
        y_range=(0.0, 1.0) if percent else None,
    )


def _accuracy(estimates: Estimates) -> Lines:
    curves = [_curve(estimates, "accuracy", NAMES[band], band=band) for band in NAMES]
    clean = [
        sum(o.value or 0.0 for o in estimates.of("outcome_share", image="right", radius=e.at["radius"]))
        for e in estimates.of("accuracy", band="low")
    ]
    whole = Series("whole image", clean)
    caption = (
        "Right answers when only waves up to r are kept (coarse) or only those above r (fine). The earlier the coarse curve "
        "reaches the whole image's line, the less the model needs fine detail."
    )
    return _lines("Right answers by band", "share of images", [*curves, (curves[0][0], whole)], caption)


def _disagreement(estimates: Estimates) -> Lines:
    curves = [
        _curve(estimates, "high_not_low", "right on fine, wrong on coarse"),
        _curve(estimates, "high_not_low_by_chance", "the same by chance"),
    ]
    caption = (
        "Images that the model gets right whole and from fine detail alone, but wrong from the coarse part. "
        "The second line is what unrelated answers would give: only the gap between the two speaks of the model."
    )
    lines = _lines("Right from fine detail alone", "share of all images", curves, caption)
    top = max((e.high or e.value or 0.0) for e in estimates.of("high_not_low"))
    return Lines(**{**lines.__dict__, "y_range": (0.0, max(0.01, top))})


def _loss(estimates: Estimates) -> Lines:
    curves = [_curve(estimates, "nll", NAMES[band], band=band) for band in NAMES]
    caption = (
        "Mean negative log likelihood of the label, in nats: how surprised the model is by the truth. Lower is better."
    )
    return _lines("Loss by band", "nats", curves, caption, percent=False)


def _commonest(estimates: Estimates) -> Lines:
    curves = [_curve(estimates, "commonest_answer_share", NAMES[band], band=band) for band in NAMES]
    caption = (
        "How often the model gives its commonest answer. Near 100% it says one thing whatever it sees, and accuracy on that "
        "band is luck."
    )
    return _lines("Does it still look?", "share of answers", curves, caption)


def _outcomes(estimates: Estimates) -> Table:
    radii = [e.at["radius"] for e in estimates.of("high_not_low")]
    rows = []
    for image, low, high in product(("right", "wrong"), repeat=3):
        cells = [estimates.one("outcome_share", image=image, low=low, high=high, radius=r) for r in radii]
        rows.append([image, low, high, *(round((c.value or 0.0) * c.n) if c else None for c in cells)])
    formats: list[Format | None] = [None, None, None, *(["integer"] * len(radii))]  # type: ignore[list-item]
    return Table(
        title="Number of images by outcome",
        columns=["whole image", "coarse", "fine", *(f"r = {r:g}" for r in radii)],
        rows=rows,
        formats=formats,
        caption="Each column adds up to all images that have a label.",
    )


TITLES = {
    "high_not_low": "Right from fine detail, wrong from the coarse image",
    "low_not_high": "The reverse: right from the coarse image, wrong from fine detail",
}


def _gallery(measure: str, radius: str) -> Gallery:
    return Gallery(
        title=TITLES[measure],
        key=f"bands/{measure}/{radius}",
        pictures=[("image", "whole image"), ("low", "coarse only"), ("high", "fine only (on grey)")],
        lines=[f"{{{k}_says}}, {{{k}_confidence:.0%}}" for k in ("image", "low", "high")],
        caption="The most confident cases: what the model says about each picture, and how sure it is.",
    )


def _mirror(estimates: Estimates) -> Iterator[Gallery]:
    """The reverse cases at one radius, for comparison: they are common and much alike at all others."""
    radii = [e.at["radius"] for e in estimates.of("low_not_high") if e.at["radius_nyquist"] <= 0.75]
    if radii:
        yield _gallery("low_not_high", f"{radii[-1]:g}")
