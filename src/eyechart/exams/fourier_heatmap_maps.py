"""The maps of the Fourier heat map: errors, changed answers and moved outputs over the plane of frequencies."""

from __future__ import annotations

from collections.abc import Sequence

from eyechart.core.chart import Chart, Circle, Format, Heatmap, Panels
from eyechart.core.chart_numbers import plain_numbers
from eyechart.core.estimate import Estimates
from eyechart.core.words import percent
from eyechart.exams.fourier_heatmap_waves import Array, Chosen, Grid

READ = (
    "The centre is the broadest waves (in its very middle, none at all: only a change of colour), the edge the finest; the "
    "direction from the centre is that in which the waves run across the image. Opposite places are the same wave."
)


def error_map(estimates: Estimates, chosen: Chosen) -> Chart:
    """Share of wrong answers, on one scale for all models."""
    clean = estimates.one("clean_error")
    without = f" Without a wave it is wrong on {percent(clean)}." if clean else ""
    caption = f"Share of images answered wrong under each wave.{without} {READ} {_strength(estimates)}"
    return _map(estimates, chosen, "error_rate", "Errors under each wave", "wrong answers", caption, (0.0, 1.0))


def answer_map(estimates: Estimates, chosen: Chosen) -> Chart:
    """Share of changed answers, for images without labels."""
    caption = f"Share of images whose answer a wave changes. {READ} {_strength(estimates)}"
    title = "Changed answers under each wave"
    return _map(estimates, chosen, "answer_change_rate", title, "changed answers", caption, (0.0, 1.0))


def logit_map(estimates: Estimates, chosen: Chosen) -> Chart:
    """How far the outputs move, on a scale of its own."""
    caption = (
        "How far each wave moves the model's outputs (L2 distance of its logits from those of the clean image), whether or "
        "not the answer changes: sensitivity that errors alone may hide. The scale of logits differs between models."
    )
    return _moved(estimates, chosen, "logit_change", "How far each wave moves the outputs", caption)


def layer_map(estimates: Estimates, chosen: Chosen, layer: str) -> Chart:
    """How far a layer moves, on a scale of its own."""
    caption = (
        f"How far each wave moves what the layer {layer} passes on (L2 distance from what it makes of the clean image): where "
        "on the way the model takes a wave up, or keeps it out."
    )
    return _moved(estimates, chosen, "feature_change", f"How far each wave moves {layer}", caption)


def _moved(estimates: Estimates, chosen: Chosen, measure: str, title: str, caption: str) -> Heatmap | Panels:
    top = plain_numbers(max((e.value or 0.0) for e in estimates.of(measure)))  # rounded as the cells are
    bounds = (0.0, top) if top > 0 else (0.0, 1.0)
    return _map(estimates, chosen, measure, title, "L2 change", caption, bounds)


def _strength(estimates: Estimates) -> str:
    e = estimates.one("norm")
    if e is None or e.value is None:
        return ""
    each = e.value / (e.at["height"] * e.at["width"]) ** 0.5
    return f"All waves are equally strong: norm {e.value:.3g} a colour, {100 * each:.1f}% of the range of a pixel (r.m.s.)."


def _map(
    estimates: Estimates,
    chosen: Chosen,
    measure: str,
    title: str,
    z_label: str,
    caption: str,
    z_range: tuple[float, float],
) -> Heatmap | Panels:
    """The whole plane, mirrors filled in; with several grids, one panel for each."""
    plane = chosen.plane([e.value for e in estimates.of(measure)])
    format: Format = "number" if measure in ("logit_change", "feature_change") else "percent"
    found = []
    for number, grid in enumerate(chosen.grids):
        y, x, z = _cells(plane, grid, chosen)
        heading = title if len(chosen.grids) == 1 else ("whole plane" if not number else f"centre, every {_step(grid)}")
        circles = _circles(chosen, y) if not number else ()
        axes = ("waves across (fx)", "waves up (-fy)", z_label)
        found.append(Heatmap(heading, *axes, x, y, z, caption, format, z_range, circles=circles))
    return found[0] if len(found) == 1 else Panels(title, found, caption, z_range)


def _step(grid: Grid) -> str:
    step = max(grid.steps)
    return "wave" if step == 1 else f"{step}th wave"


def _cells(
    plane: Array, grid: Grid, chosen: Chosen
) -> tuple[list[float], list[float], Sequence[Sequence[float | None]]]:
    """What of the centred plane lies on a grid: y (upward, as the image's rows run down), x, and the cells, top row last."""
    axes = []
    for size, step, reach in zip(chosen.size, grid.steps, grid.reach, strict=True):
        axes.append(
            [f for f in range(-(size // 2), (size + 1) // 2) if f % step == 0 and abs(f) <= _bound(reach, chosen)]
        )
    rows, columns = ([f + size // 2 for f in axis] for axis, size in zip(axes, chosen.size, strict=True))
    cells = plane[rows][:, columns][::-1]
    return [float(-f) for f in reversed(axes[0])], [float(f) for f in axes[1]], plain_numbers(cells)


def _bound(reach: int, chosen: Chosen) -> float:
    return reach if chosen.radius is None else min(reach, chosen.radius)


def _circles(chosen: Chosen, y: Sequence[float]) -> tuple[Circle, ...]:
    """The radius of the finest upright waves, where the map reaches that far and circles are round."""
    n = chosen.size[0]
    return (Circle(n / 2, "n/2"),) if n == chosen.size[1] and max(y) >= 0.9 * n / 2 else ()
