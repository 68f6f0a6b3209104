"""A heat map: cells in colour, a colour bar, isolines and circles."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from eyechart.core.chart import Heatmap
from eyechart.report.colour_bar import BEFORE, level_bar, upright_bar, upright_room
from eyechart.report.lettering import width
from eyechart.report.numerals import magnitudes, plain, spoken
from eyechart.report.palette import Colours
from eyechart.report.plane import Plane, aspect, draw_axes, draw_plane, margin
from eyechart.report.plot import Sheet, words
from eyechart.report.svg import join, picture

ROOMY = 460.0  # sheets from this width have the colour bar beside the map, others above it


def draw_heatmap(chart: Heatmap, sheet: Sheet, ident: str) -> Markup:
    """Draw ``chart`` on ``sheet``; the sheet is as tall as the map needs."""
    colours = Colours.of((chart,), chart.z_range)
    beside = sheet.width >= ROOMY
    left = margin(chart)
    right = upright_room(colours) if beside else 8.0
    across, down = fitted(chart, sheet.width - left - right, (0.68 if beside else 0.9) * sheet.width)
    if beside:
        head, top = _heads(chart, sheet, left + across + BEFORE)
        bar = upright_bar(colours, left + across + BEFORE, top, top + down)
    else:
        top = 82.0
        head = join(
            words(chart.z_label, sheet.width - left, x=left, y=11, class_="axis-name"),
            words(chart.y_label, sheet.width, x=0, y=72, class_="axis-name"),
        )
        bar = level_bar(colours, left, 18, left + across)
    plane = Plane.at(chart, left, top, across, down)
    name = x_name(chart.x_label, left, left + across, top + down, sheet.width)
    body = join(head, bar, draw_plane(plane, colours, ident), draw_axes(plane), name)
    return picture(ident, sheet.width, top + down + 42, chart.title, describe(chart), body)


def fitted(chart: Heatmap, across: float, down: float) -> tuple[float, float]:
    """The greatest width and height of the map's shape within ``across`` by ``down``."""
    shape = aspect(chart)
    return min(across, down * shape), min(down, across / shape)


def x_name(text: str, left: float, right: float, bottom: float, edge: float) -> Markup:
    """The name of the x axis below the middle of the map, or as near as the sheet allows."""
    half = min(width(text), edge) / 2
    middle = min(max((left + right) / 2, half), edge - half)
    return words(text, edge, x=middle, y=bottom + 36, class_="axis-name", text_anchor="middle")


def describe(chart: Heatmap) -> str:
    """The map in words, for those who hear it."""
    return " ".join([f"{chart.z_label} over {chart.x_label} and {chart.y_label}.", *extremes(chart), *_over(chart)])


def extremes(chart: Heatmap) -> list[str]:
    """Its least and greatest cells and where they are, in words."""
    cells = [(z, x, y) for y, row in zip(chart.y, chart.z, strict=True) for x, z in zip(chart.x, row, strict=True)]
    known = [(z, x, y) for z, x, y in cells if z is not None]
    if not known:
        return ["No cell is defined."]
    said = []
    for word, (z, x, y) in (("Least", min(known)), ("Greatest", max(known))):
        said.append(f"{word}: {spoken(z, chart.format)} at ({plain(x)}, {plain(y)}).")
    return said


def remarks(maps: Sequence[Heatmap], z_range: tuple[float, float] | None, holes_are: str = "hatched") -> str:
    """What the colours do not say: how many cells are holes, and how many lie beyond the colour bar."""
    cells = [value for one in maps for row in one.z for value in row]
    known = [value for value in cells if value is not None]
    beyond = sum(not z_range[0] <= value <= z_range[1] for value in known) if z_range else 0
    said = []
    if holes := len(cells) - len(known):
        said.append(f"{holes:,} of {len(cells):,} cells {'is' if holes == 1 else 'are'} undefined ({holes_are}).")
    if beyond:
        said.append(f"{beyond:,} of {len(cells):,} cells {'lies' if beyond == 1 else 'lie'} beyond the colour bar.")
    return " ".join(said)


def _heads(chart: Heatmap, sheet: Sheet, bar: float) -> tuple[Markup, float]:
    """The names of the y axis and of the colours, on one line if there is room, and where the map begins."""
    room = sheet.width - width(chart.z_label)
    x, anchor = (bar, "start") if bar <= room else (sheet.width, "end")
    y, top = (11, 24.0) if width(chart.y_label) + 16 <= min(bar, room) else (28, 41.0)
    z_name = words(chart.z_label, sheet.width, x=x, y=11, class_="axis-name", text_anchor=anchor)
    return join(words(chart.y_label, sheet.width, x=0, y=y, class_="axis-name"), z_name), top


def _over(chart: Heatmap) -> list[str]:
    said = [f"Circle of radius {plain(circle.radius)}: {circle.label}." for circle in chart.circles]
    if chart.contours:
        said.append(f"Isolines at {', '.join(magnitudes(chart.contours, chart.format))}.")
    return said
