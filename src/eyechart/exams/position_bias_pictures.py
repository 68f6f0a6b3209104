"""Figures and plain words of the position bias."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Bars, Chart, Finding, Format, Heatmap, Panels, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.findings import called_out, guessed, idle, much_to_lose
from eyechart.core.words import percent, points
from eyechart.exams.position_bias_figures import CROPS

TELLING, LITTLE = 0.05, 0.02  # of accuracy: verdicts
HALF = 0.5  # of the images
MAPS = {
    "accuracy": ("How often it is right, by place", "right"),
    "answer_change_rate": ("How often the answer differs from that in the middle", "answer differs"),
}


def charts(estimates: Estimates, sizes: Sequence[int]) -> Sequence[Chart]:
    """Maps over the frame, bars of the five crops, a table of gaps."""
    maps = [_map(estimates, measure, sizes) for measure in MAPS if estimates.of(measure)]
    return [*maps, *_crops(estimates), _table(estimates, sizes)]


def findings(estimates: Estimates, sizes: Sequence[int]) -> Sequence[Finding]:
    """The gap between the middle and the corners, how many images are alike everywhere, the five crops."""
    found = [one for size in sizes for one in _of_size(estimates, size)]
    return [*found, *_five(estimates)] or [Finding("note", "No image could be placed.")]


def _of_size(estimates: Estimates, size: int) -> Iterator[Finding]:
    alike = estimates.one("alike_everywhere", short_side=size, given="all")
    if alike is None or alike.value is None:
        return
    said = f"Shown a picture of {size} pixels (at 224) on an empty canvas"
    usual, clean = estimates.one("commonest_answer_share", short_side=size), estimates.one("clean_accuracy")
    middle = estimates.one("accuracy", short_side=size, row=0.5, column=0.5)
    able = not idle(usual, clean, middle) and much_to_lose(middle, LITTLE)
    yield from _gap(estimates.one("centre_gap", short_side=size), said, able)
    sentence = f"{said}, its answer is the same at every place for {percent(alike)} of the images."
    if alike.high is not None and alike.high < HALF:
        yield Finding(
            "weak", sentence, "Average its answers over a few places, or train with small pictures at all places."
        )
        return
    yield Finding("note", sentence)
    yield from called_out(usual, "little can differ", f"{said}, it")
    yield from guessed(clean, "that it is even says little", middle, f"{said}, in the middle, it")


def _gap(gap: Estimate | None, said: str, able: bool) -> Iterator[Finding]:
    """The middle against the corners. ``able``: there is something to be even about."""
    if gap is None or gap.value is None:
        return
    sentence = f"{said}, its accuracy in the middle less that in the corners is {points(gap)}."
    if (gap.low or 0.0) > TELLING:
        advice = "Train with objects at all places: random crops with padding, or translations."
        yield Finding("weak", sentence, advice)
    else:
        even = gap.low is not None and gap.high is not None and gap.low > -LITTLE and gap.high < LITTLE
        yield Finding("strong" if even and able else "note", sentence)


def _five(estimates: Estimates) -> Iterator[Finding]:
    for gap in estimates.of("five_crop_gap"):
        if gap.value is not None:
            yield Finding(
                "note",
                f"Its accuracy on the centre crop less that on the four corner crops ({gap.at['margin']} pixels apart) is "
                f"{points(gap)}.",
            )


def _map(estimates: Estimates, measure: str, sizes: Sequence[int]) -> Chart:
    title, label = MAPS[measure]
    maps = [_of(estimates.of(measure, short_side=size), title, label, size) for size in sizes]
    if len(maps) == 1:
        return maps[0]
    caption = f"Short side of the picture: {', '.join(map(str, sizes))} pixels (at 224)."
    return Panels(title, [_titled(one, size) for one, size in zip(maps, sizes, strict=True)], caption)


def _titled(one: Heatmap, size: int) -> Heatmap:
    return Heatmap(f"short side {size}", one.x_label, one.y_label, one.z_label, one.x, one.y, one.z, format="percent")


def _of(found: Sequence[Estimate], title: str, label: str, size: int) -> Heatmap:
    """The figures as a picture of the frame: row 0 on top."""
    values = {(e.at["row"], e.at["column"]): e.value for e in found}
    rows, columns = (sorted({at[axis] for at in values}) for axis in (0, 1))
    return Heatmap(
        title=title,
        x_label="place across (share of the free way)",
        y_label="place upwards",
        z_label=label,
        x=columns,
        y=[1 - row for row in reversed(rows)],
        z=[[values[row, column] for column in columns] for row in reversed(rows)],
        caption=f"The same picture, its short side {size} pixels at an input of 224, at every place of an empty canvas "
        f"({found[0].n:,} images). A model that ignores position has an even map.",
        format="percent",
    )


def _crops(estimates: Estimates) -> Iterator[Bars]:
    found = [estimates.one("crop_accuracy", crop=crop) for crop in CROPS]
    if any(found):
        values, lows, highs = ([getattr(e, f) if e else None for e in found] for f in ("value", "low", "high"))
        yield Bars(
            title="Five crops",
            x_label="share of images",
            categories=[crop.replace("_", " ") for crop in CROPS],
            series=[Series("right", values, lows, highs)],
            caption="Windows of the input's size out of the picture resized with a margin. Corners also lose what lies at the "
            "other side.",
            format="percent",
        )


def _table(estimates: Estimates, sizes: Sequence[int]) -> Table:
    measures = ("centre_gap", "alike_everywhere", "right_everywhere", "right_somewhere")
    rows: list[list[object]] = []
    for size in sizes:
        found = [estimates.one(measure, short_side=size) for measure in measures]
        cells = [(e.value, e.low, e.high) if e and e.value is not None else None for e in found]
        capped = estimates.one("capped_images", short_side=size)
        rows.append([str(size), *cells, capped.value if capped else None])
    formats: list[Format | None] = [None, "percent", "percent", "percent", "percent", "integer"]
    return Table(
        title="The middle against the corners",
        columns=[
            "size at 224",
            "middle less corners",
            "same answer everywhere",
            "right everywhere",
            "right somewhere",
            "made to fit",
        ],
        rows=rows,
        formats=formats,
        caption="Gaps are of accuracy, paired by image. Needing no label: the share of images with one answer at every place.",
    )
