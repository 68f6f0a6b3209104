"""Figures of the adversarial exam."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Bars, Chart, Format, Gallery, Lines, Mark, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates, ends
from eyechart.exams.adversarial_checks import CHECKS, STATUSES
from eyechart.exams.adversarial_layout import EACH, LEVELS, told
from eyechart.views.attacks.ball import Norm

TITLES = {
    "noise": "random noise",
    "fgsm": "one step (FGSM)",
    "pgd": "PGD",
    "margin": "PGD, other loss",
    "short": "AutoAttack-like",
    "square": "Square (no gradient)",
    "standard": "AutoAttack standard",
    "full": "AutoAttack-like, at full length",
    "transfer": "made on the other model",
    "direct": "PGD from the image itself",
    "low": "the same, coarse waves only",
    "high": "the same, fine waves only",
    "all": "all together",
}


def charts(estimates: Estimates, norm: Norm) -> Sequence[Chart]:
    """Accuracy by size, at the size that checks are about, by distance; cases; what changes are made of; the checks."""
    if not estimates.of("clean_accuracy"):
        return ()
    return (
        *_by_size(estimates, norm),
        *_at_one_size(estimates, norm),
        *_curve(estimates, norm),
        *_gallery(estimates, norm),
        *_rings(estimates, norm),
        *_parts(estimates, norm),
        _checks(estimates),
    )


def scaled(eps: float, norm: Norm) -> float:
    """A size as a place on an axis."""
    return round(eps * LEVELS, 4) if norm == "linf" else eps


AXES: dict[Norm, str] = {
    "linf": "largest change of a value, in steps of 255",
    "l2": "root of the sum of squared changes, values from 0 to 1",
}


def _by_size(estimates: Estimates, norm: Norm) -> Iterator[Lines]:
    clean = estimates.one("clean_accuracy")
    sizes = [e.at["eps"] for e in estimates.of("robust_accuracy", attack="all")]
    series = []
    for attack, title in TITLES.items():
        found = estimates.of("robust_accuracy", attack=attack)
        if [e.at["eps"] for e in found] == sizes and (attack == "all" or attack in EACH):
            series.append(Series(title, *ends([clean, *found])))
    yield Lines(
        title="Right answers by size of the change",
        x_label=AXES[norm],
        y_label="share of all images",
        x=[0.0, *(scaled(eps, norm) for eps in sizes)],
        series=series,
        y_range=(0.0, 1.0),
        caption=(
            "Random noise of the same size is the control: the gap to it is what an adversary's choice of direction does. "
            "All together counts an image as lost if anything tried within that size, or a smaller one, misled the model."
        ),
    )


def _at_one_size(estimates: Estimates, norm: Norm) -> Iterator[Bars]:
    eps = estimates.of("flags_failed")[0].at["eps"]
    found = [(title, estimates.one("robust_accuracy", attack=attack, eps=eps)) for attack, title in TITLES.items()]
    shown = [(title, e) for title, e in found if e is not None]
    clean = estimates.one("clean_accuracy")
    yield Bars(
        title=f"Right answers by attack, changes of {told(eps, norm)}",
        x_label="share of all images",
        categories=[title for title, _ in shown],
        series=[Series("right", *ends([e for _, e in shown]))],
        rules=[Rule(clean.value, "as they are")] if clean and clean.value is not None else [],
        x_range=(0.0, 1.0),
        caption=(
            "An honest attack with more to go by leaves less: noise more than one step, one step more than many. A search "
            "without gradients that leaves less than those with them betrays gradients that lead nowhere."
        ),
    )


def _curve(estimates: Estimates, norm: Norm) -> Iterator[Lines]:
    found = estimates.of("minimal_curve")
    if not found:
        return
    median = estimates.one("median_distance")
    yield Lines(
        title="Right answers by the smallest change that was found",
        x_label=AXES[norm],
        y_label="share of all images",
        x=[scaled(e.at["eps"], norm) for e in found],
        series=[Series("no change found so far", *ends(found))],
        x_scale="log",
        marks=[Mark(scaled(median.value, norm), "half are lost")] if median and median.value is not None else [],
        y_range=(0.0, 1.0),
        caption=(
            "For each image the size was searched at which an attack begins to succeed: the curve falls where images are lost. "
            "Half of the images that are right as they are have been lost at the dashed line."
        ),
    )


def _gallery(estimates: Estimates, norm: Norm) -> Iterator[Gallery]:
    if not (estimates.of("median_distance") and any(e.value for e in estimates.of("robust_accuracy"))):
        return
    yield Gallery(
        "The smallest changes that cost an answer",
        "adversarial/",
        [("image", "as it is"), ("attacked", "changed"), ("change", "the change, enlarged"), ("spectrum", "its waves")],
        ["{before}, {p_before:.0%}", "{after}, {p_after:.0%}", "at most {size}", "coarse in the middle"],
        "The images that fell to the least, and what the model says before and after. The change is drawn out until it shows, "
        "grey where there is none; in the last picture each point is a wave, brighter where the change holds more of it, "
        "the coarsest in the middle, the finest at the corners.",
        flicker=True,
    )


def _rings(estimates: Estimates, norm: Norm) -> Iterator[Lines]:
    found = [e for e in estimates.of("ring_energy") if e.at["ring"]]  # brightness as a whole is no wave
    if not found:
        return
    sizes = dict.fromkeys(e.at["eps"] for e in found)
    series = [Series(f"changes of {told(eps, norm)}", *ends([e for e in found if e.at["eps"] == eps])) for eps in sizes]
    first = [e for e in found if e.at["eps"] == next(iter(sizes))]
    nyquist = first[-1].at["radius"] / first[-1].at["radius_nyquist"]
    yield Lines(
        title="Of which waves the changes are made",
        x_label="radius (waves across the image)",
        y_label="energy of a wave, by that of an even spectrum",
        x=[e.at["radius"] for e in first],
        series=series,
        rules=[Rule(1.0, "as in white noise")],
        marks=[Mark(nyquist, "n/2")],
        y_scale="log",
        format="number",
        caption=(
            "Mean energy of a wave at each radius, in changes that cost an answer; 1 = as much as in noise that has all waves "
            "alike. Photographs hold most of theirs on the very left."
        ),
    )


def _parts(estimates: Estimates, norm: Norm) -> Iterator[Bars]:
    sizes = [e.at["eps"] for e in estimates.of("repaired") if e.value is not None]
    if not sizes:
        return
    radius = estimates.of("repaired")[0].at["radius"]
    rows = {
        f"coarse part alone (up to {radius:g} waves)": [
            estimates.one("part_success", part="low", eps=s) for s in sizes
        ],
        "fine part alone": [estimates.one("part_success", part="high", eps=s) for s in sizes],
        "right again after a low-pass": [estimates.one("repaired", eps=s) for s in sizes],
    }
    yield Bars(
        title="The changes taken apart",
        x_label="share of the images that were lost",
        categories=[f"changes of {told(s, norm)}" for s in sizes],
        series=[Series(name, *ends(found)) for name, found in rows.items()],
        x_range=(0.0, 1.0),
        caption=(
            "Of the images that fell: how many fall to the coarse or the fine part of the same change alone, and how many are "
            "right again when the fine part of the changed picture is removed. This is no defence: whoever knows of the filter "
            "attacks through it."
        ),
    )


def _checks(estimates: Estimates) -> Table:
    rows = []
    for e in estimates.of("flag"):
        check = CHECKS[e.at["flag"]]
        rows.append(
            [
                check.asks,
                STATUSES[e.at["status"]],
                _cell(e, check.format),
                _number(e.at["threshold"], check.format),
                e.n,
            ]
        )
    formats: list[Format | None] = [None, None, None, None, "integer"]
    return Table(
        title="Can these figures be believed?",
        columns=["what is looked at", "verdict", "found", "threshold", "n"],
        rows=rows,
        formats=formats,
        caption=(
            "Checks of the model and of the attacks. One that fails says that accuracy under attack is too high to be true, "
            "or that its figures mean something else."
        ),
    )


def _cell(e: Estimate, form: Format) -> str:
    if e.value is None:
        return f"({e.reason})"
    if e.low is None or e.high is None:
        return _number(e.value, form)
    return f"{_number(e.value, form)} ({_number(e.low, form)} to {_number(e.high, form)})"


def _number(value: float, form: Format) -> str:
    return f"{100 * value:.1f}%" if form == "percent" else f"{value:.3g}"
