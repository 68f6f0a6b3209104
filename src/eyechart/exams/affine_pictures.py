"""Figures and plain words of the affine exam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from eyechart.core.chart import Bars, Chart, Finding, Format, Gallery, Lines, Series, Table
from eyechart.core.estimate import Estimate, Estimates, ends
from eyechart.core.findings import called_out, guessed, idle, judged
from eyechart.core.words import percent, points

AXES: Mapping[str, tuple[str, str]] = {
    "rotate": ("Turned about the centre", "degrees"),
    "scale": ("Made larger or smaller", "percent"),
    "shear": ("Sheared: rows slide", "degrees"),
    "stretch": ("Stretched along one axis", "percent"),
    "perspective": ("Tilted in perspective", "percent larger at one edge"),
}
BLURS: Mapping[str, str] = {
    "in_place": "has the blur of the change",
    "there_and_back": "has the blur of the change twice, there and back, so that it may lie above the change itself",
}
STEADY = 0.05  # of answers changed: more than that is no praise, whatever blur alone does
ALONE: Mapping[str, str] = {"in_place": "their blur", "there_and_back": "their blur twice over"}
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
    """The smallest changes, all together; their blur; mirrors; whether stability is an illusion."""
    found: list[Finding] = []
    usual, blur = estimates.one("commonest_answer_share"), estimates.one("least_control_change", given="all")
    excess, plain = estimates.one("least_excess", given="all"), estimates.one("accuracy", family="none")
    if excess and excess.value is not None:
        found.append(_verdict(excess, estimates, control, praise=not idle(usual, plain)))
    if blur and (blur.low or 0.0) > 0.05:
        sentence = (
            f"The blur of interpolation alone, with nothing moved, changes {percent(blur)} of its answers: it lives on the "
            "finest grain, too."
        )
        found.append(Finding("note", sentence))
    flip = estimates.one("p_top1_change", family="flip", given="all")
    if flip and flip.value is not None:
        found.append(Finding("note", f"Mirrored left to right, images get another answer {percent(flip)} of the time."))
    weak = any(finding.verdict == "weak" for finding in found)
    found += called_out(usual, "little can change")
    if not weak:
        found += guessed(plain, "that it is stable says little")
    return found or [Finding("note", "No image was changed.")]


def _verdict(excess: Estimate, estimates: Estimates, control: str, *, praise: bool) -> Finding:
    change, blurred = (estimates.one(m, **excess.at) for m in ("least_change", "least_control_change"))
    moved = [e for e in estimates.of("p_top1_change", **excess.at) if e.at["family"] != "flip"]
    least = {e.at["family"]: said(e) for e in reversed(moved)}  # the smallest amount comes first
    sentence = (
        f"Images {', '.join(reversed(least.values()))}, each by itself, get another answer "
        f"{percent(change) if change else ''} of the time"
    )
    if (excess.value or 0.0) > 0:
        sentence += f", {points(excess)} more than by {ALONE[control]} alone."
    else:
        sentence += (
            f"; {ALONE[control]}, with nothing moved, does so no less often: {percent(blurred) if blurred else ''}."
        )
    advice = "Train with small turns and scalings, or average its answers over a few of them."
    steady = change is not None and change.high is not None and change.high < STEADY
    return judged(sentence, excess, 0.03, 0.02, advice, praise=praise and steady)


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
        yield Series(name, *ends(shown))
    right = estimates.of("p_top1_change", family=family, given="correct")
    if right:
        yield Series("moved; images it gets right", *ends(right))


def _bars(estimates: Estimates, changes: Sequence[Estimate]) -> Bars:
    series = []
    for measure, name in SERIES.items():
        series.append(Series(name, *ends([estimates.one(measure, **e.at) for e in changes])))
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
