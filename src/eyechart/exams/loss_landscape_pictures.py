"""Figures of the loss landscape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eyechart.core.chart import AxisScale, Chart, Circle, Heatmap, Lines, Mark, Panels, Series, Surface
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array
from eyechart.exams.loss_landscape_words import shown_name

SHARE_SHOWN = 60  # percent of the points lie within the colours: a few far out would leave the rest one colour
FAR_APART = 30.0  # ratio of losses from which they are drawn on a logarithmic axis
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
    return [*found, _way(estimates, settled)] if estimates.of("path_loss") else found


HILLS = (
    "The maps above seen from the side, on the same scale: each hill is cut off where the colours end. The ring marks the "
    "weights as they are."
)


def _caption(estimates: Estimates, settled: bool) -> str:
    e = estimates.of("centre_loss")[0]
    norm = "taken anew at every point" if settled else "those of the found weights everywhere"
    return (
        "The middle is the net as it is; at 1 each filter is moved by its own norm. Both random directions, the colours and "
        f"the lines are the same for all three. Mean loss in nats over {e.n:,} images; BatchNorm's statistics, if any, are "
        f"{norm}. The circle is the distance at which the rise is told. Other directions may look different: set another seed."
    )


def _shown(estimates: Estimates) -> list[str]:
    return [str(e.at["shown"]) for e in estimates.of("centre_loss")]


def _map(estimates: Estimates, shown: str) -> Heatmap:
    found = estimates.of("loss", shown=shown)
    at = sorted({float(e.at["a"]) for e in found})
    rows = [found[k : k + len(at)] for k in range(0, len(found), len(at))]
    rise = estimates.one("rise", shown=shown)
    return Heatmap(
        title=shown_name(found[0]).capitalize(),
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
    return "log" if known and min(known) > 0 and max(known) > FAR_APART * min(known) else "linear"


def _curves(estimates: Estimates, measure: str) -> list[Series]:
    found = []
    for shown in dict.fromkeys(str(e.at["shown"]) for e in estimates.of(measure)):
        line = estimates.of(measure, shown=shown)
        found.append(
            Series(shown_name(line[0]), *([getattr(e, end) for e in line] for end in ("value", "low", "high")))
        )
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


def _way(estimates: Estimates, settled: bool) -> Lines:
    mixed = "All weights are mixed in these shares, and BatchNorm's statistics, if any, taken anew at every point."
    if not settled:
        mixed = "All weights, and BatchNorm's statistics, if any, are mixed in these shares."
    series = _curves(estimates, "path_loss")
    return Lines(
        title="On the straight way to the other checkpoint",
        x_label="t (0 = this checkpoint, 1 = the other)",
        y_label="loss (nats)",
        x=[float(e.at["t"]) for e in estimates.of("path_loss", shown=estimates.of("path_loss")[0].at["shown"])],
        series=series,
        caption=(
            f"{mixed} A hill between 0 and 1 means that the two nets cannot be averaged. "
            "Gaps: the loss is not finite. Bands are 95% intervals over images."
        ),
        format="number",
        y_scale=_scale([value for one in series for value in one.y]),
        marks=(Mark(0.0, "this"), Mark(1.0, "the other")),
    )
