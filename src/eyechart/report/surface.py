"""Heat maps as hills: meshes in colour, seen from the side, painted from the back to the front."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from eyechart.core.chart import Heatmap, Surface
from eyechart.report.colour_bar import level_bar
from eyechart.report.heatmap import ROOMY
from eyechart.report.lettering import BOLD, LINE, fold
from eyechart.report.numerals import plain
from eyechart.report.palette import Colours
from eyechart.report.panels import BAR, GAP, HEAD, describe
from eyechart.report.plot import Sheet, group, words
from eyechart.report.svg import element, join, path, picture
from eyechart.report.tables import spaced

MESH = 25  # lines of a mesh a side, at most
SIDE = 14.0  # room for numbers beside the corners
DEPTH, HEIGHT = 0.5, 0.5  # of the floor and of the highest hill, as shares of the floor's width
MOST = 300.0  # a floor's width
BELOW = 42.0  # the numbers and names of the axes

Point = tuple[float, float]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Where a mesh stands on the sheet: from shares of the axes and of the height to places."""

    middle: float
    floor: float
    width: float

    def __call__(self, u: float, v: float, height: float = 0.0) -> Point:
        """x to the right and to the front, y to the right and to the back."""
        across, down = (u + v - 1) * self.width / 2, (u - v) * DEPTH * self.width / 2
        return self.middle + across, self.floor + down - height * HEIGHT * self.width

    @property
    def slope(self) -> float:
        """Of the front sides, in degrees."""
        return math.degrees(math.atan(DEPTH))


def draw_surface(chart: Surface, sheet: Sheet, ident: str) -> Markup:
    """Draw ``chart`` on ``sheet``, in as many rows as are needed."""
    colours = Colours.of(chart.panels, chart.z_range)
    most = 3 if sheet.width >= ROOMY else 1
    count = min(most, len(chart.panels))
    each = (sheet.width - GAP * (count - 1)) / count
    parts = [
        words(chart.panels[0].z_label, sheet.width, x=0, y=11, class_="axis-name"),
        level_bar(colours, 0, 18, min(BAR, sheet.width - 8)),
    ]
    top = HEAD
    for first in range(0, len(chart.panels), count):
        row = chart.panels[first : first + count]
        titles = [fold(one.title, each, size=BOLD) for one in row]
        lines = max(map(len, titles))
        width = min(each - 2 * SIDE, MOST)
        floor = top + LINE * lines + (HEIGHT + DEPTH / 2) * width
        for i, one in enumerate(row):
            left = i * (each + GAP)
            said = [
                element("text", t, x=left, y=top + 11 + LINE * k, class_="panel-name") for k, t in enumerate(titles[i])
            ]
            parts.append(group(*said, hint=one.title))
            parts.append(_hills(one, View(left + each / 2, floor, width), colours))
        top = floor + DEPTH / 2 * width + BELOW
    return picture(ident, sheet.width, top, chart.title, describe(chart), *parts)


def _hills(chart: Heatmap, view: View, colours: Colours) -> Markup:
    """The floor, the mesh over it, the origin and the axes."""
    corners = [view(0, 0), view(1, 0), view(1, 1), view(0, 1)]
    floor = element("path", d=path(corners, closed=True), class_="frame")
    mesh = element("g", *_mesh(chart, view, colours), class_="mesh")
    return join(floor, mesh, _origin(chart, view, colours), _axes(chart, view))


def _mesh(chart: Heatmap, view: View, colours: Colours) -> Iterator[Markup]:
    columns, rows = spaced(len(chart.x), MESH), spaced(len(chart.y), MESH)
    z = np.array(chart.z, dtype=float)[np.ix_(rows, columns)]
    shares, palette = _shares(z, colours), colours.palette
    u, v = [_share(chart.x, i) for i in columns], [_share(chart.y, j) for j in rows]  # not quite evenly apart
    squares = [(i, j) for i in range(len(columns) - 1) for j in range(len(rows) - 1)]
    for i, j in sorted(squares, key=lambda square: u[square[0]] - v[square[1]]):  # those behind first
        around = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
        heights = [shares[n, m] for m, n in around]
        if not np.isfinite(heights).all():
            continue
        entry = colours.entries(np.array([np.mean([z[n, m] for m, n in around])]))[0]
        points = [view(u[m], v[n], h) for (m, n), h in zip(around, heights, strict=True)]
        yield element("path", d=path(points, closed=True), fill="#{:02x}{:02x}{:02x}".format(*palette[entry]))


def _shares(z: Array, colours: Colours) -> Array:
    """Heights from 0 to 1, cut off where the colours end."""
    reach = colours.high - colours.low
    return np.asarray(np.clip((z - colours.low) / reach, 0, 1) if reach > 0 else 0.0 * z)


def _origin(chart: Heatmap, view: View, colours: Colours) -> Markup:
    """A ring at (0, 0), where that is a cell."""
    if 0 not in chart.x or 0 not in chart.y:
        return Markup("")
    i, j = list(chart.x).index(0), list(chart.y).index(0)
    height = _shares(np.array([chart.z[j][i]], dtype=float), colours)[0]
    if not np.isfinite(height):
        return Markup("")
    x, y = view(_share(chart.x, i), _share(chart.y, j), height)
    rings = (element("circle", cx=x, cy=y, r=3.5, class_=kind) for kind in ("origin casing", "origin"))
    return group(*rings, hint="(0, 0)")


def _share(places: Sequence[float], index: int) -> float:
    last = len(places) - 1
    return index / last if last else 0.5


def _axes(chart: Heatmap, view: View) -> Markup:
    """Numbers at the corners in front, and names along both sides."""
    room = 0.46 * view.width * math.hypot(1, DEPTH)
    parts = []
    for places, name, u, v, turn in (
        (chart.x, chart.x_label, (0, 1), (0, 0), 1),
        (chart.y, chart.y_label, (1, 1), (0, 1), -1),
    ):
        for k, place in enumerate((places[0], places[-1])):
            x, y = view(u[k], v[k])
            x += -10 * turn if u[k] > v[k] else 0  # two numbers share the foremost corner
            parts.append(element("text", plain(place), x=x, y=y + 16, class_="tick", text_anchor="middle"))
        x, y = view(sum(u) / 2, sum(v) / 2)
        x, y = x - turn * 18, y + 24
        rotate = f"rotate({turn * view.slope:.1f} {x:.1f} {y:.1f})"
        parts.append(words(name, room, x=x, y=y, class_="axis-name", text_anchor="middle", transform=rotate))
    return join(*parts)
