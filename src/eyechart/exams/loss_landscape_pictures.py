"""Figures and plain words of the loss landscape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from eyechart.core.chart import AxisScale, Chart, Circle, Finding, Heatmap, Lines, Mark, Panels, Series, Surface
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array

FITS_LITTLE = 0.8  # of the loss of guessing
LITTLE = 0.01  # nats: a place lower by less is no better minimum
SHARE_SHOWN = 60  # percent of the points lie within the colours: a few far out would leave the rest one colour
DECADES = 30.0  # losses further apart than this are drawn on a logarithmic axis
MOST_LINES = 7
ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)


def charts(estimates: Estimates, *, settled: bool) -> Sequence[Chart]:
    """Maps, hills and rings of the plane; the way between checkpoints."""
    found: list[Chart] = []
    if estimates.of("loss"):
        maps = [_map(estimates, shown) for shown in _shown(estimates)]
        bounds = _bounds(maps)
        maps = [_lined(one, bounds) for one in maps]
        found += [
            Panels("The loss around the weights", maps, _caption(estimates, settled), bounds),
            Surface("The same as a landscape", maps, HILLS, bounds),
            _rings(estimates),
        ]
    return [*found, _way(estimates)] if estimates.of("path_loss") else found


def findings(estimates: Estimates) -> Sequence[Finding]:
    """Minima, steepness, barrier, holes."""
    if not any(e.n for e in estimates):
        return [Finding("note", "No image with a label could be examined.")]
    found = [
        *_guessing(estimates),
        *_minima(estimates),
        *_steepness(estimates),
        *_barriers(estimates),
        *_holes(estimates),
    ]
    return found or [Finding("note", "The loss around the weights is not finite: nothing can be said of it.")]


HILLS = (
    "The maps above seen from the side, on the same scale: each hill is cut off where the colours end. The ring marks the "
    "weights as they are."
)


def _caption(estimates: Estimates, settled: bool) -> str:
    e = estimates.of("centre_loss")[0]
    norm = "taken anew at every point" if settled else "those of the found weights everywhere"
    return (
        f"The middle is the net as it is; at 1 each filter is moved by its own norm. Both random directions, the colours and "
        f"the lines are the same for all three. Mean loss in nats over {e.n:,} images; BatchNorm's statistics are {norm}. The "
        "circle is the distance at which the rise is told. Other directions may look different: set another seed."
    )


def _shown(estimates: Estimates) -> list[str]:
    return [str(e.at["shown"]) for e in estimates.of("centre_loss")]


def _name(e: Estimate) -> str:
    """What the images show."""
    shown = e.at["shown"]
    if shown == "full":
        return "whole images"
    return f"coarse shapes (up to {_cycles(e)})" if shown == "low" else f"fine detail (beyond {_cycles(e)})"


def _cycles(e: Estimate) -> str:
    return f"{e.at['radius']:g} cycles per image"


def _map(estimates: Estimates, shown: str) -> Heatmap:
    found = estimates.of("loss", shown=shown)
    at = sorted({float(e.at["a"]) for e in found})
    rows = [found[k : k + len(at)] for k in range(0, len(found), len(at))]
    rise = estimates.one("rise", shown=shown)
    return Heatmap(
        title=_name(found[0]).capitalize(),
        x_label="direction 1",
        y_label="direction 2",
        z_label="loss (nats)",
        x=at,
        y=at,
        z=[[_short(e.value) for e in row] for row in rows],
        circles=() if rise is None else (Circle(rise.at["distance"], f"distance {rise.at['distance']:g}"),),
    )


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")


def _cells(maps: Sequence[Heatmap]) -> Array:
    return np.array([value for one in maps for row in one.z for value in row if value is not None])


def _bounds(maps: Sequence[Heatmap]) -> tuple[float, float] | None:
    """One scale for all: from the lowest loss to one that few lie beyond."""
    cells = _cells(maps)
    return (float(cells.min()), float(np.percentile(cells, SHARE_SHOWN))) if cells.size else None


def _lined(one: Heatmap, bounds: tuple[float, float] | None) -> Heatmap:
    """With isolines at round heights within the colours."""
    if bounds is None:
        return one
    low, high = bounds
    heights = [m * 10.0**k for k in range(-4, 5) for m in ROUND]
    within = [float(f"{h:.6g}") for h in heights if low < h < high]
    return Heatmap(
        one.title, one.x_label, one.y_label, one.z_label, one.x, one.y, one.z,
        contours=tuple(within[:: -(-len(within) // MOST_LINES) or 1]), circles=one.circles,
    )  # fmt: skip


def _scale(values: Sequence[float | None]) -> AxisScale:
    known = [value for value in values if value is not None]
    return "log" if known and min(known) > 0 and max(known) > DECADES * min(known) else "linear"


def _curves(estimates: Estimates, measure: str) -> list[Series]:
    found = []
    for shown in dict.fromkeys(str(e.at["shown"]) for e in estimates.of(measure)):
        line = estimates.of(measure, shown=shown)
        found.append(Series(_name(line[0]), *([getattr(e, end) for e in line] for end in ("value", "low", "high"))))
    return found


def _rings(estimates: Estimates) -> Lines:
    series = _curves(estimates, "ring_loss")
    return Lines(
        title="From the weights outwards",
        x_label="distance (1 = each filter by its own norm)",
        y_label="loss (nats)",
        x=[float(e.at["distance"]) for e in estimates.of("ring_loss", shown=_shown(estimates)[0])],
        series=series,
        caption=(
            "Mean loss over all points of the grid at this distance from the found weights. Bands are 95% intervals over "
            "images, not over directions."
        ),
        format="number",
        y_scale=_scale([value for one in series for value in one.y]),
    )


def _way(estimates: Estimates) -> Lines:
    series = _curves(estimates, "path_loss")
    return Lines(
        title="On the straight way to the other checkpoint",
        x_label="t (0 = this checkpoint, 1 = the other)",
        y_label="loss (nats)",
        x=[float(e.at["t"]) for e in estimates.of("path_loss", shown=estimates.of("path_loss")[0].at["shown"])],
        series=series,
        caption=(
            "All weights, and BatchNorm's statistics, are mixed in these shares. A hill between 0 and 1 means that the two "
            "nets cannot be averaged. Gaps: the loss is not finite. Bands are 95% intervals over images."
        ),
        format="number",
        y_scale=_scale([value for one in series for value in one.y]),
        marks=(Mark(0.0, "this"), Mark(1.0, "the other")),
    )


def _nats(e: Estimate) -> str:
    if e.value is None:
        return f"undefined ({e.reason})"
    ends = "" if e.low is None else f" (95% interval {e.low:.3g} to {e.high:.3g})"
    return f"{e.value:.3g}{ends}"


def _guessing(estimates: Estimates) -> Iterator[Finding]:
    """Weights that fit nothing have no basin to speak of."""
    centre, guessing = estimates.one("centre_loss", shown="full"), estimates.one("guessing_loss")
    if (
        centre
        and guessing
        and centre.value is not None
        and guessing.value
        and centre.value > FITS_LITTLE * guessing.value
    ):
        yield Finding(
            "note",
            f"On whole images the loss is {_nats(centre)} nats, where even shares for all classes have {guessing.value:.3g}: "
            "these weights hardly fit the images, so flat ground around them is no sign of robustness.",
            "Check the labels and the preprocessing (accuracy in the exam clean), or examine a trained network.",
        )


def _minima(estimates: Estimates) -> Iterator[Finding]:
    for gap in estimates.of("minimum_gap"):
        shown = gap.at["shown"]
        centre, rise = estimates.one("centre_loss", shown=shown), estimates.one("rise", shown=shown)
        if gap.value is None or centre is None or rise is None:
            continue
        told = f"On {_name(gap)} the loss is {_nats(centre)} nats"
        if (gap.low or 0.0) > LITTLE:
            yield Finding(
                "note",
                f"{told}, and this is no minimum: at ({gap.at['a']:.3g}, {gap.at['b']:.3g}) of this plane it is lower by "
                f"{_nats(gap)}, on {gap.n:,} images that had no part in choosing the place.",
                NO_MINIMUM["full" if shown == "full" else "band"],
            )
        else:
            further = "" if rise.value is None else f"; at a distance of {rise.at['distance']:g} it {_risen(rise)}"
            few = f"{gap.n:,} image{' is' if gap.n == 1 else 's are'} too few to tell whether a place in this plane is lower"
            yield Finding("note", f"{told}; {few if gap.low is None else NONE_LOWER}{further}.")


NONE_LOWER = "no place in this plane is shown to be clearly lower"


def _risen(e: Estimate) -> str:
    """``has risen by 0.3 (95% interval 0.2 to 0.4)``; fallen, or neither, as the interval says."""
    if e.value is not None and e.low is not None and e.high is not None and e.low <= 0 <= e.high:
        return f"has not clearly changed ({_nats(e)})"
    if e.value is not None and e.value < 0:
        ends = "" if e.low is None or e.high is None else f" (95% interval {-e.high:.3g} to {-e.low:.3g})"
        return f"has fallen by {-e.value:.3g}{ends}"
    return f"has risen by {_nats(e)}"


NO_MINIMUM = {
    "full": (
        "Weights close by do better on these images: training may have stopped early, or these images may differ from the "
        "training images."
    ),
    "band": (
        "Training did not fit this kind of detail on its own, so read its flatness with care: a loss near that of guessing is "
        "flat, too. The exam bands tells how often it is right here."
    ),
}


def _steepness(estimates: Estimates) -> Iterator[Finding]:
    e = estimates.one("rise_difference")
    if e is None or e.value is None or e.low is None or e.high is None:
        return
    where = f"At a distance of {e.at['distance']:g} from the weights"
    if e.low > 0:
        yield Finding(
            "note", f"{where} the loss has risen more on fine detail than on coarse shapes, by {_nats(e)} nats."
        )
    elif e.high < 0:
        less = f"{-e.value:.3g} (95% interval {-e.high:.3g} to {-e.low:.3g}) nats"
        yield Finding("note", f"{where} the loss has risen more on coarse shapes than on fine detail, by {less}.")
    else:
        yield Finding(
            "note", f"{where} no difference between fine detail and coarse shapes is shown: rises differ by {_nats(e)}."
        )


def _barriers(estimates: Estimates) -> Iterator[Finding]:
    advice = "Do not average these two nets; settle BatchNorm's statistics anew (batchnorm) before judging a mix."
    for e in estimates.of("barrier"):
        if e.value is None:
            yield Finding("note", f"On {_name(e)} the barrier to the other checkpoint is {_nats(e)}.")
        elif (e.low or 0.0) > LITTLE:
            told = f"On {_name(e)} a barrier of {_nats(e)} nats lies on the straight way to the other checkpoint"
            yield Finding("note", f"{told}, at t = {e.at['t']:g}.", advice)
            advice = ""  # once is enough
        else:
            told = f"On {_name(e)} no barrier to the other checkpoint is shown"
            yield Finding("note", f"{told} (the loss {_risen(e)} nats).")


def _holes(estimates: Estimates) -> Iterator[Finding]:
    for measure, where, advice in HOLES:
        count = sum(int(e.value or 0) for e in estimates.of(measure))
        if count:
            told = (
                f"{count:,} losses of single images {where} are not finite; points where this happens are left blank."
            )
            yield Finding("note", told, advice)


HOLES = (
    ("holes", "in the plane", "Take a smaller reach, or settle BatchNorm's statistics anew (batchnorm)."),
    (
        "path_holes",
        "on the way",
        "Beyond 0 and 1 variances may turn negative: ask between them (steps), or settle.",
    ),
)
