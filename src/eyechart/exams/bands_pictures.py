"""Figures and plain words of the bands exam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from eyechart.core.chart import Chart, Finding, Format, Gallery, Lines, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent, points

TELLING = 0.05  # five points of accuracy: what a reader of the summary should hear about
NAMES = {"low": "coarse only (low-pass)", "high": "fine only (high-pass)"}


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Accuracy and loss by band, disagreements against chance, the table of outcomes, the gallery: of each what there is."""
    estimates = at_radii(estimates)
    found: list[Chart] = []
    if estimates.of("accuracy"):
        found.append(_accuracy(estimates))
    if estimates.of("high_not_low"):
        found += [_disagreement(estimates), _gallery("high_not_low", ""), *_mirror(estimates), _outcomes(estimates)]
    if estimates.of("nll"):
        found.append(_loss(estimates))
    return (*found, *_commonest(estimates))


def findings(estimates: Estimates) -> Sequence[Finding]:
    """What is lost without fine detail; whether the model reads what the coarse image does not say."""
    estimates = at_radii(estimates)
    return [*_lean(estimates), *_reads_detail(estimates), *_one_answer(estimates)]


def at_radii(estimates: Estimates) -> Estimates:
    """Figures of the low and the high band at the given radii: not those of groups, other splits, or between radii."""
    others = {"by", "split", "control", "inner"}
    return Estimates(e for e in estimates if not others & e.at.keys())


def judged(estimates: Estimates, measure: str, **at: str) -> Estimate | None:
    """The estimate at the one radius that verdicts are about: the nearest to 3/4 of n/2 (the paper's r = 12 at n = 32).

    Fixed beforehand, so that no radius is picked for its result; None if no radius lies between 0.6 and 0.9 of n/2.
    """
    near = [e for e in estimates.of(measure, **at) if 0.6 <= e.at["radius_nyquist"] <= 0.9 and e.value is not None]
    return min(near, key=lambda e: abs(e.at["radius_nyquist"] - 0.75), default=None)


def _lean(estimates: Estimates) -> Iterator[Finding]:
    """The loss without the finest quarter of the frequencies."""
    loss = judged(estimates, "accuracy_loss", band="low")
    kept = judged(estimates, "accuracy", band="low")
    if loss is None or kept is None:
        return
    sentence = (
        f"With everything finer than {loss.at['radius']:g} waves across the image removed "
        f"({loss.at['radius_nyquist']:.0%} of the finest the image can hold), it is right {percent(kept)} of the time: "
        f"a loss of {points(loss)}."
    )
    if (loss.low or 0.0) > TELLING:
        advice = "It leans on fine detail, which blur and resizing take away: train with blurred or low-passed copies."
        yield Finding("weak", sentence, advice)
    else:
        stuck = estimates.one("commonest_answer_share", band="whole")
        sees = stuck is not None and (kept.low or 0.0) > (stuck.value or 0.0)  # a stopped clock loses nothing, too
        yield Finding("strong" if sees and loss.high is not None and loss.high < TELLING else "note", sentence)


def _reads_detail(estimates: Estimates) -> Iterator[Finding]:
    """Whether being right from fine detail alone is commoner than among unrelated answers."""
    e, chance = judged(estimates, "high_not_low"), judged(estimates, "high_not_low_by_chance")
    if e is None or chance is None or e.low is None:
        return
    sentence = (
        f"On {percent(e)} of the images it is right from the detail finer than {e.at['radius']:g} waves alone, but wrong "
        f"from the coarse image; answers unrelated to the images would give {100 * (chance.value or 0.0):.1f}%."
    )
    if e.low - (chance.value or 0.0) > TELLING:
        yield Finding("weak", sentence, "See the gallery for the images on which it goes by fine detail alone.")
    else:
        yield Finding("note", sentence)


def _one_answer(estimates: Estimates) -> Iterator[Finding]:
    """Bands on which one answer is much commoner than on whole images."""
    whole = estimates.one("commonest_answer_share", band="whole")
    usual = min(0.9, max(0.5, ((whole.value or 0.0) if whole else 0.0) + 0.2))  # two classes: half is no surprise
    stuck = [e for e in estimates.of("commonest_answer_share") if e.at["band"] != "whole" and (e.low or 0.0) > usual]
    if stuck:
        e = stuck[0]
        where = {"low": "only coarse", "high": "only fine"}[e.at["band"]]
        yield Finding(
            "note",
            f"Shown {where} detail (radius {e.at['radius']:g}), it gives one and the same answer {percent(e)} of the time, so "
            "accuracy there says little about single images.",
        )


def series(name: str, found: Sequence[Estimate]) -> Series:
    """Estimates as one line or set of bars, with their intervals if they have any."""
    ends = [e.low for e in found], [e.high for e in found]
    return Series(name, [e.value for e in found], *((), ()) if all(end is None for end in ends[0]) else ends)


def lines(
    title: str,
    y_label: str,
    curves: Mapping[str, Sequence[Estimate]],
    caption: str,
    y_range: tuple[float, float] | None,
    *more: Series,
) -> Lines:
    """Curves over the radius, which all estimates of a curve have; shares if they have a range."""
    return Lines(
        title=title,
        x_label="radius r (waves across the image)",
        y_label=y_label,
        x=[float(e.at["radius"]) for e in next(iter(curves.values()))],
        series=[*(series(name, found) for name, found in curves.items()), *more],
        caption=caption,
        format="percent" if y_range else "number",
        y_range=y_range,
    )


def _by_band(estimates: Estimates, measure: str) -> dict[str, list[Estimate]]:
    """Name -> estimates, for the bands that were shown."""
    found = {name: estimates.of(measure, band=band) for band, name in NAMES.items()}
    return {name: curve for name, curve in found.items() if curve}


def _accuracy(estimates: Estimates) -> Lines:
    curves = _by_band(estimates, "accuracy")
    losses = next(iter(_by_band(estimates, "accuracy_loss").values()))
    known = zip(next(iter(curves.values())), losses, strict=True)
    whole = Series("whole image", [(e.value or 0.0) + (loss.value or 0.0) for e, loss in known])
    caption = (
        "Right answers when only waves up to r are kept (coarse) or only those above r (fine). The earlier the coarse curve "
        "reaches the whole image's line, the less the model needs fine detail."
    )
    return lines("Right answers by band", "share of images", curves, caption, (0.0, 1.0), whole)


def _disagreement(estimates: Estimates) -> Lines:
    curves = {
        "right on fine, wrong on coarse": estimates.of("high_not_low"),
        "the same by chance": estimates.of("high_not_low_by_chance"),
    }
    caption = (
        "Images that the model gets right whole and from fine detail alone, but wrong from the coarse part. "
        "The second line is what unrelated answers would give: only the gap between the two speaks of the model."
    )
    top = max((e.high or e.value or 0.0) for e in estimates.of("high_not_low"))
    title = "Right from fine detail alone"
    return lines(title, "share of all images", curves, caption, (0.0, max(0.01, top)))


def _loss(estimates: Estimates) -> Lines:
    caption = (
        "Mean negative log likelihood of the label, in nats: how surprised the model is by the truth. Lower is better."
    )
    return lines("Loss by band", "nats", _by_band(estimates, "nll"), caption, None)


def _commonest(estimates: Estimates) -> Iterator[Lines]:
    curves = _by_band(estimates, "commonest_answer_share")
    caption = (
        "How often the model gives its commonest answer. Near 100% it says one thing whatever it sees, and accuracy on that "
        "band is luck."
    )
    if curves:
        yield lines("Does it still look?", "share of answers", curves, caption, (0.0, 1.0))


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
        key=f"bands/{measure}/{radius}/" if radius else f"bands/{measure}/",
        pictures=[("image", "whole image"), ("low", "coarse only"), ("high", "fine only (on grey)")],
        lines=[f"{{{k}_says}}, {{{k}_confidence:.0%}}" for k in ("image", "low", "high")],
        caption="The most confident cases: what the model says about each picture, and how sure it is.",
    )


def _mirror(estimates: Estimates) -> Iterator[Gallery]:
    """The reverse cases at the judged radius, for comparison: they are common and much alike at all others."""
    e = judged(estimates, "low_not_high")
    if e is not None:
        yield _gallery("low_not_high", f"{e.at['radius']:g}")
