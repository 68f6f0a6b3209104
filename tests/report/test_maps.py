"""Heat maps, panels and tiles: every cell has its colour and place, and isolines run where they should."""

from __future__ import annotations

import io
import json
import math
import re
from base64 import b64decode
from collections import Counter
from dataclasses import asdict, replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from eyechart.core.chart import Circle, Heatmap, Panels, Surface, Tiles
from eyechart.core.chart_numbers import plain_numbers
from eyechart.report.charts import figures
from eyechart.report.contours import isolines
from eyechart.report.heatmap import draw_heatmap
from eyechart.report.palette import RISING, TWO_SIDED, shades
from eyechart.report.panels import draw_panels
from eyechart.report.plot import COMPACT, REGULAR, WIDE, Sheet
from eyechart.report.surface import MESH, View, draw_surface
from eyechart.report.tables import spaced
from eyechart.report.tiles import draw_tiles
from report.sample_page import kernels, landscape, plane

SHEETS = pytest.mark.parametrize("sheet", [COMPACT, REGULAR, WIDE], ids=lambda sheet: sheet.name)
SMALL = Heatmap("t", "across", "up", "height", (-1, 0, 1), (5, 6), ((0, 1, 2), (3, None, 10)))


def pixels(drawing: str) -> list[NDArray[np.uint8]]:
    """The pictures of a drawing, (h, w, 4) each; colour bars are among them."""
    found = re.findall(r'href="data:image/png;base64,([^"]*)"', drawing)
    return [np.array(Image.open(io.BytesIO(b64decode(one))).convert("RGBA")) for one in found]


def cells(drawing: str, shape: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """The pictures of that shape."""
    return [one for one in pixels(drawing) if one.shape[:2] == shape]


def of_kind(root: ElementTree.Element, tag: str, kind: str) -> list[dict[str, float]]:
    """Numbers among the attributes of elements of a class."""
    nodes = [node.attrib for node in root.iter(tag) if kind in node.attrib.get("class", "").split()]
    return [{k: float(v) for k, v in one.items() if re.fullmatch(r"-?[\d.]+", v)} for one in nodes]


@SHEETS
def test_every_cell_has_the_colour_of_its_number_and_holes_none(sheet: Sheet) -> None:
    (picture,) = cells(draw_heatmap(SMALL, sheet, "f"), (2, 3))
    assert picture[..., 3].tolist() == [[255, 0, 255], [255, 255, 255]]  # the first row of z is the lowest
    palette = shades(RISING).astype(int)
    for row, values in zip(picture[::-1], SMALL.z, strict=True):
        for cell, value in zip(row, values, strict=True):
            if value is not None:
                np.testing.assert_array_equal(cell[:3], palette[round(value / 10 * 254)])


def test_a_two_sided_map_is_neutral_in_the_middle() -> None:
    chart = replace(SMALL, diverging=1.0, z_range=(-2, 4))
    (picture,) = cells(draw_heatmap(chart, REGULAR, "f"), (2, 3))
    np.testing.assert_array_equal(picture[1, 1, :3], shades(TWO_SIDED)[127])
    np.testing.assert_array_equal(picture[0, 2, :3], shades(TWO_SIDED)[254])  # 10 lies beyond the scale


@SHEETS
@pytest.mark.parametrize("chart", [plane(32), plane(63), landscape(2)], ids=["32", "63", "landscape"])
def test_cells_are_square_and_circles_true(chart: Heatmap, sheet: Sheet) -> None:
    root = ElementTree.fromstring(draw_heatmap(chart, sheet, "f"))
    frame = max(of_kind(root, "rect", "frame"), key=lambda box: box["width"] * box["height"])
    assert frame["width"] / len(chart.x) == pytest.approx(frame["height"] / len(chart.y), rel=0.01)
    unit = frame["width"] / (chart.x[-1] - chart.x[0]) * (len(chart.x) - 1) / len(chart.x)
    drawn = of_kind(root, "ellipse", "circle")
    for ring, circle in zip(drawn, chart.circles, strict=True):
        assert ring["rx"] == pytest.approx(unit * circle.radius, abs=0.2)
        assert ring["ry"] == pytest.approx(unit * circle.radius, abs=0.2)
        middle = frame["x"] + (0.5 + len(chart.x) // 2) * frame["width"] / len(chart.x)
        assert ring["cx"] == pytest.approx(middle, abs=0.2)


@SHEETS
def test_words_over_a_map_stay_within_it_and_apart(sheet: Sheet) -> None:
    chart = replace(landscape(2), circles=tuple(Circle(r / 10, f"radius {r}") for r in range(2, 12, 2)))
    root = ElementTree.fromstring(draw_heatmap(chart, sheet, "f"))
    frame = max(of_kind(root, "rect", "frame"), key=lambda box: box["width"] * box["height"])
    words = of_kind(root, "text", "over-word")
    assert len(words) >= 7
    assert all(frame["x"] < word["x"] < frame["x"] + frame["width"] for word in words)
    assert all(frame["y"] < word["y"] < frame["y"] + frame["height"] for word in words)
    assert all(abs(a["x"] - b["x"]) > 8 or abs(a["y"] - b["y"]) > 12 for a in words for b in words if a is not b)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_never_reaches_a_spec(bad: float) -> None:
    with pytest.raises(ValueError, match="write None for a hole"):
        replace(SMALL, z=((0, 1, 2), (3, bad, 10)))
    for change in ({"contours": (bad,)}, {"diverging": bad}, {"z_range": (0, bad)}, {"circles": (Circle(bad, "r"),)}):
        with pytest.raises(ValueError, match="finite"):
            replace(SMALL, **change)
    with pytest.raises(ValueError, match="0 to 1"):
        Tiles("t", [[[[bad, 0, 0]]]])
    z = plain_numbers([[0, bad, 2], [3, 4, 123456]])
    assert z == ((0, None, 2), (3, 4, 123500))
    json.dumps(asdict(replace(SMALL, z=z)), allow_nan=False)


def test_specs_that_do_not_fit_are_refused() -> None:
    for change in (
        {"z": ((0, 1, 2),)},
        {"z": ((0, 1), (2, 3))},
        {"x": (-1, 0, 2)},
        {"x": (1, 0, -1)},
        {"y": (5, 5)},
        {"z_range": (2, 1)},
        {"circles": (Circle(-1, "r"),)},
        {"x": (), "y": (), "z": ()},
    ):
        with pytest.raises(ValueError, match=r"^(x|y|z|circles)"):
            replace(SMALL, **change)
    with pytest.raises(ValueError, match="share"):
        Panels("t", (SMALL, replace(SMALL, z_label="other")))
    with pytest.raises(ValueError, match="share"):
        Panels("t", ())
    for tiles, labels in (
        (np.zeros((257, 1, 1, 3)), ()),
        (np.zeros((2, 3, 3)), ()),
        (np.zeros((0, 3, 3, 3)), ()),
        (np.zeros((2, 3, 3, 3)), ("a",)),
    ):
        with pytest.raises(ValueError, match="tiles"):
            Tiles("t", tiles.tolist(), labels)


def test_the_table_tells_cells_as_they_lie_and_what_was_left_out() -> None:
    grid = figures([SMALL], "f")[0].grids[0]
    assert [column.text for column in grid.columns] == ["", "−1", "0", "1"]
    assert [[cell.text for cell in row] for row in grid.rows] == [["6", "3", "undefined", "10"], ["5", "0", "1", "2"]]
    for chart in (plane(63), landscape(2), replace(SMALL, x=range(300), z=((1,) * 300, (2,) * 300))):
        grid = figures([chart], "f")[0].grids[0]
        assert len(grid.rows) * (len(grid.columns) - 1) <= 200
        assert f"{len(grid.rows)} of {len(chart.y)} rows" in grid.note
    assert "14 of 63 columns" in figures([plane(63)], "f")[0].grids[0].note
    panels = figures([Panels("t", [landscape(i) for i in range(3)])], "f")[0].grids
    assert [grid.title for grid in panels] == ["low frequencies", "high frequencies", "full frequencies"]
    assert sum(len(grid.rows) * (len(grid.columns) - 1) for grid in panels) <= 200


def test_the_caption_counts_holes_and_what_lies_beyond_the_colours() -> None:
    assert figures([SMALL], "f")[0].caption == "1 of 6 cells is undefined (hatched)."
    chart = replace(SMALL, z_range=(1, 5), caption="Said.")
    assert figures([chart], "f")[0].caption.startswith("Said. 1 of 6 cells is undefined (hatched). 2 of 6 cells lie")
    assert figures([plane(32)], "f")[0].caption == plane(32).caption


def test_those_who_hear_the_map_are_told_its_extremes() -> None:
    said = str(draw_heatmap(SMALL, REGULAR, "f"))
    assert "Least: 0 at (−1, 5). Greatest: 10 at (1, 6)." in said
    assert "No cell is defined." in str(draw_heatmap(replace(SMALL, z=((None,) * 3,) * 2), REGULAR, "f"))


@SHEETS
def test_panels_share_one_scale(sheet: Sheet) -> None:
    other = replace(SMALL, z=((20, 1, 2), (3, 4, 10)))
    drawing = draw_panels(Panels("t", (SMALL, other)), sheet, "f")
    first, second = cells(drawing, (2, 3))
    palette = shades(RISING)
    np.testing.assert_array_equal(first[0, 2, :3], palette[127])  # 10 of 20
    np.testing.assert_array_equal(second[0, 2, :3], palette[127])
    np.testing.assert_array_equal(second[1, 0, :3], palette[254])
    assert len(pixels(drawing)) == 3  # and one colour bar


def test_panels_wrap_on_narrow_sheets() -> None:
    chart = Panels("t", [landscape(i) for i in range(3)])
    for sheet, rows in ((COMPACT, 3), (WIDE, 1)):
        boxes = of_kind(ElementTree.fromstring(draw_panels(chart, sheet, "f")), "rect", "frame")[1:]
        assert len(boxes) == 3
        assert len({box["y"] for box in boxes}) == rows
        assert all(box["x"] + box["width"] <= sheet.width for box in boxes)


def patches(drawing: str) -> list[tuple[str, list[tuple[float, float]]]]:
    """Colour and corners of the mesh's squares, in the order of painting."""
    found = re.findall(r'<path d="M([^"]*)Z" fill="(#[0-9a-f]{6})"', drawing)
    return [(fill, [tuple(map(float, p.split())) for p in d.split("L")]) for d, fill in found]  # type: ignore[misc]


RAMP = Heatmap("t", "a", "b", "height", (-1, 0, 1), (-1, 0, 1), ((0, 1, 2), (1, 2, 3), (2, 3, 4)))


@SHEETS
def test_hills_are_as_high_and_coloured_as_their_numbers(sheet: Sheet) -> None:
    flat = replace(RAMP, z=((1,) * 3,) * 3)
    drawn = patches(draw_surface(Surface("t", (RAMP,), z_range=(0, 4)), sheet, "f"))
    level = patches(draw_surface(Surface("t", (flat,), z_range=(1, 5)), sheet, "f"))  # on the floor
    assert len(drawn) == len(level) == 4
    width = max(x for _, points in level for x, _ in points) - min(x for _, points in level for x, _ in points)
    palette = shades(RISING)
    middles = []
    for (fill, points), (_, floor) in zip(drawn, level, strict=True):
        heights = [(below[1] - above[1]) / (0.5 * width) * 4 for above, below in zip(points, floor, strict=True)]
        assert [above[0] for above in points] == [below[0] for below in floor]
        assert all(abs(h - round(h)) < 0.03 for h in heights)
        assert fill == "#{:02x}{:02x}{:02x}".format(*palette[round(np.mean(heights) / 4 * 254)])
        middles.append(np.mean([y for _, y in floor]))
    assert sorted(round(h) for h in heights) == [1, 2, 2, 3]  # x greatest, y least: the foremost, painted last
    assert middles == sorted(middles)  # from the back to the front


def test_hills_are_cut_off_and_holes_left_out() -> None:
    clipped = replace(RAMP, z=tuple(tuple(min(z, 1.5) for z in row) for row in RAMP.z))
    cut, wanted = (
        patches(draw_surface(Surface("t", (one,), z_range=(0, 1.5)), REGULAR, "f")) for one in (RAMP, clipped)
    )
    assert [points for _, points in cut] == [points for _, points in wanted]
    assert cut != patches(draw_surface(Surface("t", (RAMP,), z_range=(0, 4)), REGULAR, "f"))
    holed = replace(RAMP, z=((0, 1, 2), (1, 2, 3), (2, 3, None)))
    drawing = draw_surface(Surface("t", (holed,)), REGULAR, "f")
    assert len(patches(drawing)) == 3
    assert figures([Surface("t", (holed,))], "f")[0].caption == "1 of 9 cells is undefined (left out)."
    assert "Least: 0 at (−1, −1)" in str(drawing)
    assert drawing.count('class="origin"') == 1
    assert 'class="origin"' not in draw_surface(Surface("t", (replace(RAMP, x=(1, 2, 3)),)), REGULAR, "f")


def test_large_maps_have_a_thinner_mesh_and_hills_share_rows_where_there_is_room() -> None:
    at = np.linspace(-1, 1, 101)
    large = Heatmap("t", "a", "b", "z", plain_numbers(at), plain_numbers(at), plain_numbers(np.add.outer(at, at)))
    assert len(patches(draw_surface(Surface("t", (large,)), WIDE, "f"))) == (MESH - 1) ** 2
    three = Surface("t", [landscape(i) for i in range(3)])
    for sheet, rows in ((COMPACT, 3), (WIDE, 1)):
        root = ElementTree.fromstring(draw_surface(three, sheet, "f"))
        titles = [node.attrib["y"] for node in root.iter("text") if node.attrib.get("class") == "panel-name"]
        assert len(set(titles)) == rows
    assert len(figures([three], "f")[0].grids) == 3
    with pytest.raises(ValueError, match="share"):
        Surface("t", ())


def test_a_thinned_mesh_stands_where_its_cells_lie() -> None:
    count = MESH + 4  # which cannot be thinned evenly
    at = plain_numbers(np.linspace(-1, 1, count))
    flat = Heatmap("t", "a", "b", "z", at, at, ((1,) * count,) * count)
    drawn = np.array([points for _, points in patches(draw_surface(Surface("t", (flat,), z_range=(1, 5)), WIDE, "f"))])
    x, y = drawn[..., 0].ravel(), drawn[..., 1].ravel()
    across, along = 2 * (x - x.min()) / np.ptp(x), 2 * (y - (y.min() + y.max()) / 2) / np.ptp(y)  # u + v, u - v
    for share in ((across + along) / 2, (across - along) / 2):
        cells = share * (count - 1)
        assert abs(cells - cells.round()).max() < 0.05
        assert {*cells.round()} == {float(i) for i in spaced(count, MESH)}


def test_the_sides_of_the_floor() -> None:
    view = View(100.0, 50.0, 80.0)
    assert [view(u, v) for u, v in ((0, 0), (1, 0), (1, 1), (0, 1))] == [(60, 50), (100, 70), (140, 50), (100, 30)]
    assert view(0.5, 0.5, 1.0) == (100.0, 10.0)


@SHEETS
@pytest.mark.parametrize(("count", "size"), [(64, 7), (256, 3), (5, 11), (1, 5), (3, 40)])
def test_tiles_are_drawn_exactly_and_by_whole_factors(count: int, size: int, sheet: Sheet) -> None:
    chart = kernels(count, size)
    drawing = draw_tiles(chart, sheet, "f")
    (sprite,) = pixels(drawing)
    root = ElementTree.fromstring(drawing)
    image = next(node.attrib for node in root.iter("image"))
    scale = float(image["width"]) / sprite.shape[1]
    assert scale == int(scale) >= 1
    assert float(image["height"]) == scale * sprite.shape[0]
    assert float(root.attrib["width"]) <= sheet.width
    boxes = of_kind(root, "rect", "tile")
    assert len(boxes) == count
    for box, tile in zip(boxes, chart.tiles, strict=True):
        top, left = int(box["y"] / scale), int(box["x"] / scale)
        part = sprite[top : top + size, left : left + size]
        np.testing.assert_array_equal(part[..., :3], np.rint(np.array(tile) * 255))
        assert (part[..., 3] == 255).all()
    assert (sprite[..., 3] == 255).sum() == count * size * size  # nothing between them


def test_tiles_larger_than_the_sheet_are_shrunk_to_it() -> None:
    root = ElementTree.fromstring(draw_tiles(kernels(2, 600), COMPACT, "f"))
    assert float(root.attrib["width"]) <= COMPACT.width


def field(z: NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if math.isnan(v) else float(v) for v in row] for row in z]


def test_isolines_of_a_cone_are_circles() -> None:
    v, u = np.mgrid[-20:21, -20:21]
    for radius in (5.0, 12.5):
        (line,) = isolines(field(np.hypot(u, v).astype(float)), radius)
        assert line[0] == line[-1]
        distances = [math.dist(point, (20, 20)) for point in line]
        assert distances == pytest.approx([radius] * len(line), abs=0.02)


def test_isolines_of_a_plane_are_straight_and_open() -> None:
    v, u = np.mgrid[0:6, 0:9].astype(float)
    (line,) = isolines(field(2 * u + v), 7.3)
    assert all(2 * x + y == pytest.approx(7.3) for x, y in line)
    assert {min(line)[1], max(line)[1]} == {0.0, 5.0}
    assert isolines(field(u), 99) == []


GRIDS = arrays(float, st.tuples(st.integers(2, 6), st.integers(2, 6)), elements=st.sampled_from([0, 1, 2, 3, np.nan]))


@given(GRIDS, st.sampled_from([1.0, 2.0, 3.0]))
def test_isolines_at_a_height_of_the_field_are_those_just_below_it(z: NDArray[np.float64], level: float) -> None:
    at, below = isolines(field(z), level), isolines(field(z), level - 1e-9)
    assert [len(line) for line in at] == [len(line) for line in below]
    for one, other in zip(at, below, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-8)


@given(GRIDS, st.sampled_from([0.5, 1.7, 2.5]))  # between the heights: a line at one of them may shrink to a point
def test_isolines_pass_each_crossing_once_and_end_only_where_the_field_does(
    z: NDArray[np.float64], level: float
) -> None:
    rows, columns = z.shape
    squares = {
        (r, c) for r in range(rows - 1) for c in range(columns - 1) if not np.isnan(z[r : r + 2, c : c + 2]).any()
    }
    above = z >= level
    level_sides = {
        ((r, c), (r, c + 1)): [s for s in ((r - 1, c), (r, c)) if s in squares]
        for r in range(rows)
        for c in range(columns - 1)
        if above[r, c] != above[r, c + 1]
    }
    upright_sides = {
        ((r, c), (r + 1, c)): [s for s in ((r, c - 1), (r, c)) if s in squares]
        for r in range(rows - 1)
        for c in range(columns)
        if above[r, c] != above[r + 1, c]
    }
    beside = {side: found for side, found in (level_sides | upright_sides).items() if found}
    lines = isolines(field(z), level)
    loops = [line for line in lines if line[0] == line[-1] and len(line) > 2]
    passed = sum(len(line) for line in lines) - len(loops)
    assert passed == len(beside)
    ends = Counter(len(found) for found in beside.values())[1]
    assert ends >= 2 * (len(lines) - len(loops))
    for line in lines:
        for x, y in line:
            r, c = math.floor(y), math.floor(x)
            near = z[r : r + 2, c : c + 2] if y > r and x > c else z[r : r + 1 + (y > r), c : c + 1 + (x > c)]
            share = (y - r) or (x - c)
            assert near.ravel()[0] * (1 - share) + near.ravel()[-1] * share == pytest.approx(level)
