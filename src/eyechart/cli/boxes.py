"""``eyechart boxes``: where objects lie in annotated images, and how large they are."""

from __future__ import annotations

import json as json_
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from eyechart.cli.console import stdout

if TYPE_CHECKING:
    from eyechart.images.annotated import Boxes
    from eyechart.stats.placement import Figure

NAMES = {
    "cx": "centre across",
    "cy": "centre down",
    "area": "area",
    "log2_area": "log2 of area",
    "aspect": "width by height",
    "distance": "distance from the middle",
    "touching_border": "touching the border",
    "uniform": "divergence from uniform",
    "feasible": "divergence from feasible",
}
MEASURES = {"mean": ", mean", "sd": ", standard deviation", "skew": ", skewness"}
SHADES = " .:-=+*#%@"


def boxes(
    annotations: Annotated[str, Parameter(help="COCO JSON file, or Pascal VOC XML file or folder.")],
    *,
    json: Annotated[bool, Parameter(name="--json", negative="", help="As JSON on stdout, and nothing else.")] = False,
) -> None:
    """Measure the photographer's bias of an annotated set: position and size of its objects against chance.

    All lengths are shares of the image's sides, (0.5, 0.5) is the middle. Chance is uniform (the centre lies anywhere) or
    feasible (each object keeps its size and lies anywhere within its image: a large one is near the middle whatever happens).
    The divergence of the centres' histogram of 16 x 16 cells from either is in nats, less that of as many boxes strewn so at
    random: 0 is chance, where objects lie independently; objects of one image that lie alike raise it. With many boxes, 5.5 is
    all in one cell. "Width by height" is in pixels, "touching" within less than a pixel. Intervals are over images.

    Example: eyechart boxes annotations/instances_val2017.json
    """
    from eyechart.images.boxes import read_boxes
    from eyechart.stats.placement import feasible_histogram, figures, histogram

    found = read_boxes(annotations)
    told = list(figures(found.corners, found.pixel, found.image))
    own = histogram(found.corners)
    if json:
        maps = {"histogram": own, "feasible_histogram": feasible_histogram(found.corners)}
        document = {"source": annotations, **_counts(found), "figures": [_plain(one) for one in told]}
        print(json_.dumps({**document, **{name: values.round(8).tolist() for name, values in maps.items()}}))
        return
    for line in (*_head(annotations, found), "", *_table(told), "", *_map(own.tolist())):
        stdout.print(line, markup=False, highlight=False, soft_wrap=True)


def _counts(found: Boxes) -> dict[str, Any]:
    counts = {"images": found.images, "boxes": len(found.corners), "clipped": found.clipped}
    return {**counts, "left_out": dict(found.left_out)}


def _plain(one: Figure) -> dict[str, Any]:
    interval = one.interval
    ends = {"value": interval.value, "low": interval.low, "high": interval.high}
    about = {"n": interval.n, "over": "images", "method": interval.method, "unit": one.unit}
    return {"measure": one.measure, "of": one.of, **ends, **about, "uniform": one.uniform, "feasible": one.feasible}


def _head(source: str, found: Boxes) -> list[str]:
    lines = [f"{len(found.corners):,} boxes in {found.images:,} images of {source}."]
    if found.clipped:
        lines.append(f"{found.clipped:,} reached over the edge of their image and were cut there.")
    lines += [f"Left out: {count:,} {reason}." for reason, count in found.left_out.most_common()]
    return lines


def _table(told: Sequence[Figure]) -> list[str]:
    """Columns: the figure, its interval, and what chance gives."""
    cells = [("", "value", "95% interval", "uniform", "feasible")]
    for one in told:
        ends = (one.interval.low, one.interval.high)
        between = "" if None in ends else " to ".join(_number(end) for end in ends)
        name = f"{NAMES[one.of]}{MEASURES.get(one.measure, '')}"
        cells.append((name, _number(one.interval.value), between, _number(one.uniform), _number(one.feasible)))
    widths = [max(len(row[k]) for row in cells) for k in range(5)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value + 0.0:.3f}"


def _map(cells: Sequence[Sequence[float]]) -> list[str]:
    """The histogram in letters, the fullest cell darkest."""
    most = max(max(row) for row in cells)
    steps = len(SHADES) - 1
    drawn = ["".join(2 * SHADES[round(steps * share / most)] for share in row) for row in cells]
    lines = ["Where the centres lie (the frame is the image; @ is the fullest of 16 x 16 cells):"]
    return [*lines, f"+{'-' * 2 * len(cells)}+", *(f"|{row}|" for row in drawn), f"+{'-' * 2 * len(cells)}+"]
