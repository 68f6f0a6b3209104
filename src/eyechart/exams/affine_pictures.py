"""Figures and plain words of the affine exam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from eyechart.core.chart import Bars, Chart, Finding, Format, Gallery, Lines, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent, points

AXES: Mapping[str, tuple[str, str]] = {
    "rotate": ("Turned about the centre", "degrees"),
    "scale": ("Made larger or smaller", "percent"),
    "shear": ("Sheared: rows slide", "degrees"),
    "stretch": ("Stretched along one axis", "percent"),
    "perspective": ("Tilted in perspective", "percent larger at one edge"),
}
BLURS: Mapping[str, str] = {
    "there_and_back": "has the blur of the change twice, there and back, so that it may lie above the change itself",
    "in_place": "has the blur of the change",
}
ALONE: Mapping[str, str] = {"there_and_back": "its blur twice over", "in_place": "its blur"}
SMALL: Mapping[str, float] = {"rotate": 1.0, "scale": 1.0, "shear": 1.0, "stretch": 1.0, "perspective": 1.0}
SERIES = {
    "p_top1_change": "moved",
    "control_change": "control: blurred, nothing moved",
}


def charts(estimates: Estimates, border: str, control: str) -> Sequence[Chart]:
    """Curves, bars of what has one amount alone, the table and the cases."""
    found: list[Chart] = []
    single: list[Estimate] = []
    for family in dict.fromkeys(e.at["family"] for e in estimates.of("p_top1_change", given="all")):
        changes = estimates.of("p_top1_change", family=family, given="all")
        if len(changes) > 1:
            found.append(_curve(estimates, family, control))
        else:
            single += changes
    if single:
        found.append(_bars(estimates, single))
    found.append(_table(estimates, border))
    found.append(
        Gallery(
            "Answers that the smallest change turned over",
            "affine/",
            [("plain", "as it is"), ("moved", "changed")],
            ["{before} {p_before:.0%}", "{after} {p_after:.0%}"],
            "Per family, images whose answer the smallest amount changes but the control does not; first those whose "
            "confidence moves most.",
        )
    )
    return found


def findings(estimates: Estimates, control: str) -> Sequence[Finding]:
    """The small changes, the one first that adds most; then mirrors; then whether stability is an illusion."""
    found = []
    excess = [e for e in estimates.of("excess_change", given="all") if e.at["family"] in SMALL and e.value is not None]
    small = [e for e in excess if e.at["amount"] <= SMALL[e.at["family"]]] or excess[:1]
    if small:
        found.append(_verdict(max(small, key=lambda e: e.value or 0.0), estimates, control))
    blur = [e for e in estimates.of("control_change", given="all") if e.at["family"] != "flip" and e.low is not None]
    worst = max(blur, key=lambda e: e.low or 0.0, default=None)
    if worst and (worst.low or 0.0) > 0.05:
        sentence = (
            f"The blur of interpolation alone, with nothing moved, changes {percent(worst)} of its answers ({ALONE[control]} "
            f"when {said(worst)}): it lives on the finest grain, too."
        )
        found.append(Finding("note", sentence))
    flip = estimates.one("p_top1_change", family="flip", given="all")
    if flip and flip.value is not None:
        found.append(Finding("note", f"Mirrored left to right, images get another answer {percent(flip)} of the time."))
    usual = estimates.one("commonest_answer_share")
    if usual and (usual.low or 0.0) > 0.5:
        found.append(
            Finding("note", f"It gives one and the same answer {percent(usual)} of the time: little can change.")
        )
    return found or [Finding("note", "No image was changed.")]


def _verdict(e: Estimate, estimates: Estimates, control: str) -> Finding:
    change = estimates.one("p_top1_change", **e.at)
    sentence = f"Images {said(e)} get another answer {percent(change) if change else ''} of the time"
    if (e.value or 0.0) > 0:
        sentence += f", {points(e)} more than by {ALONE[control]} alone."
    else:
        blurred = estimates.one("control_change", **e.at)
        sentence += (
            f"; {ALONE[control]}, with nothing moved, does so no less often: {percent(blurred) if blurred else ''}."
        )
    if (e.low or 0.0) > 0.03:
        return Finding(
            "weak", sentence, "Train with small turns and scalings, or average its answers over a few of them."
        )
    return Finding("strong" if e.high is not None and e.high < 0.02 else "note", sentence)


def said(e: Estimate) -> str:
    """The change of an estimate, in words."""
    return named(e.at["family"], e.at["amount"])


def named(family: str, amount: float) -> str:
    """A change in words."""
    degrees = "1 degree" if amount == 1 else f"{amount:g} degrees"
    words = {
        "rotate": f"turned by {degrees}",
        "scale": f"scaled by {amount:.2g}%",
        "shear": f"sheared by {degrees}",
        "stretch": f"stretched by {amount:.2g}%",
        "perspective": f"tilted by {amount:.2g}%",
        "flip": "mirrored",
    }
    return words[family]


def _curve(estimates: Estimates, family: str, control: str) -> Lines:
    title, unit = AXES[family]
    series = list(_series(estimates, family))
    changes = estimates.of("p_top1_change", family=family, given="all")
    return Lines(
        title=title,
        x_label=unit,
        y_label="share of images whose answer changes",
        x=[e.at["amount"] for e in changes],
        series=series,
        caption=f"The control {BLURS[control]}; nothing is moved in it. What lies between the lines is the move's.",
    )


def _series(estimates: Estimates, family: str) -> Iterator[Series]:
    for measure, name in SERIES.items():
        shown = estimates.of(measure, family=family, given="all")
        yield Series(name, [e.value for e in shown], [e.low for e in shown], [e.high for e in shown])
    right = estimates.of("p_top1_change", family=family, given="correct")
    if right:
        yield Series(
            "moved; images it gets right", [e.value for e in right], [e.low for e in right], [e.high for e in right]
        )


def _bars(estimates: Estimates, changes: Sequence[Estimate]) -> Bars:
    series = []
    for measure, name in SERIES.items():
        shown = [estimates.one(measure, **e.at) for e in changes]
        ends = [[getattr(e, f) if e else None for e in shown] for f in ("value", "low", "high")]
        series.append(Series(name, *ends))
    return Bars(
        title="How often the answer changes",
        x_label="share of images",
        categories=[said(e) for e in changes],
        series=series,
        caption="Mirroring smooths nothing, so that its control is the image itself.",
    )


def _table(estimates: Estimates, border: str) -> Table:
    rows = []
    for e in estimates.of("p_top1_change", given="all"):
        others = [
            estimates.one(m, **e.at) for m in ("control_change", "excess_change", "mean_absolute_change", "accuracy")
        ]
        place = {"family": e.at["family"], "amount": e.at["amount"]}
        rest = [estimates.one(m, **place) for m in ("invented_images", "invented_share")]
        whole = [(o.value, o.low, o.high) if o and o.low is not None else None for o in (e, others[1])]
        plain = [o.value if o else None for o in (*others[2:], *rest)]
        rows.append([said(e), whole[0], others[0].value if others[0] else None, whole[1], *plain])
    formats: list[Format | None] = [None, "percent", "percent", "percent", "percent", "percent", "integer", "percent"]
    words = {
        "margin": "mirrored where the picture the model resizes has no more",
        "enlarged": "the picture is enlarged so that there always is more",
        "zero": "black",
        "reflect": "mirrored",
    }
    return Table(
        title="All changes",
        columns=[
            "images",
            "answer changes",
            "control",
            "beyond control",
            "confidence moves",
            "right",
            "invented",
            "pixels",
        ],
        rows=rows,
        formats=formats,
        caption=f"What comes in from beyond the frame: {words[border]}. Invented: images that show anything from beyond the "
        "picture's end, and the mean share of pixels that do.",
    )
