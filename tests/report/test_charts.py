"""Chart specs: read back from JSON, drawn completely, and told in numbers."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from eyechart.core.chart import Bars, Chart, Dots, Gallery, Lines, Mark, Rule, Series, Table
from eyechart.errors import SettingError, UnknownNameError
from eyechart.report.captions import caption
from eyechart.report.charts import Drawn, figures, from_dict
from eyechart.report.lettering import width
from eyechart.report.lines import draw_lines
from eyechart.report.numerals import plain
from eyechart.report.plot import COLOURS, COMPACT, REGULAR, WIDE, Sheet, colour, dash, marker
from eyechart.report.policy import printable
from eyechart.report.tables import Grid
from report.hostile_page import charts as hostile_charts
from report.sample_page import sample, spectrum

EVERY: list[Chart] = [chart for section in sample().sections for chart in section.charts] + list(hostile_charts())
DRAWN: list[Drawn] = [chart for chart in EVERY if not isinstance(chart, Table | Gallery)]
NUMBERED = [chart for chart in DRAWN if isinstance(chart, Lines | Bars | Dots)]
GAP = Lines("t", "x", "y", (1, 2, 3, 4, 5), (Series("a", (0.1, 0.2, None, 0.4, 0.5)),), y_range=(0, 1))


@pytest.mark.parametrize("chart", EVERY, ids=lambda chart: chart.kind)
def test_specs_survive_json(chart: Chart) -> None:
    text = json.dumps(asdict(chart), allow_nan=False)
    once = from_dict(json.loads(text))
    assert type(once) is type(chart)
    assert json.dumps(asdict(once)) == text


@pytest.mark.parametrize(("count", "shade"), [(3, "band"), (4, "band faint")])
def test_shades_of_many_lines_are_faint(count: int, shade: str) -> None:
    series = [Series(f"line {i}", (0.1, 0.2), (0.0, 0.1), (0.2, 0.3)) for i in range(count)]
    drawing = str(draw_lines(Lines("t", "x", "y", (1, 2), series), WIDE, "f"))
    assert [f'class="{shade} {colour(i)}"' in drawing for i in range(count)] == [True] * count


def test_unknown_kind_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean lines"):
        from_dict({"kind": "line"})


@pytest.mark.parametrize("chart", DRAWN, ids=lambda chart: chart.kind)
def test_drawings_are_well_formed_named_and_on_the_sheet(chart: Drawn) -> None:
    figure = figures([chart], "f")[0]
    for name, drawing in figure.drawings:
        root = ElementTree.fromstring(printable(drawing))
        wide, tall = (float(n) for n in root.attrib["viewBox"].split()[2:])
        assert root.attrib["role"] == "img"
        assert [child.tag for child in root][:2] == ["title", "desc"]
        assert root.attrib["aria-labelledby"] == f"f-1-{name}-title f-1-{name}-desc"
        for node in root.iter():
            assert "style" not in node.attrib
            assert -1 <= float(node.attrib.get("x", 0)) <= wide + 1
            assert -1 <= float(node.attrib.get("y", 0)) <= tall + 1


@pytest.mark.parametrize("chart", NUMBERED, ids=lambda chart: chart.kind)
def test_every_number_is_in_the_table(chart: Lines | Bars | Dots) -> None:
    grid: Grid = figures([chart], "f")[0].grids[0]
    places = [plain(x) for x in chart.x] if isinstance(chart, Lines) else list(chart.categories)
    told = [places.index(row[0].text) for row in grid.rows]
    assert (told == list(range(len(places)))) != bool(grid.note)
    for column, series in enumerate(chart.series, start=1):
        values = [series.y[i] for i in told]
        assert [row[column].text == "undefined" for row in grid.rows] == [v is None for v in values]
        for row, value in zip(grid.rows, values, strict=True):
            if value is not None and chart.format == "percent":
                said = float(row[column].text.rstrip("%").replace("−", "-").replace(",", ""))
                assert said == pytest.approx(100 * value, abs=0.0501)
        bounded = [bool(row[column].interval) for row in grid.rows]
        assert bounded == [series.low[i] is not None for i in told if series.low] or not any(bounded)


def test_joined_lines_pass_over_what_is_undefined() -> None:
    told = [len(re.findall(r'class="line ', str(draw_lines(c, WIDE, "f")))) for c in (GAP, replace(GAP, joined=True))]
    assert told == [2, 1]
    joined = str(draw_lines(replace(GAP, joined=True), WIDE, "f"))
    assert joined.count('class="mark') == 4


def test_undefined_points_leave_gaps() -> None:
    drawing = str(draw_lines(GAP, REGULAR, "f"))
    strokes = re.findall(r'<path d="([^"]*)" class="line', drawing)
    assert [stroke.count("L") for stroke in strokes] == [1, 1]  # two pieces of two points each
    assert drawing.count('class="mark') == 4


def test_lines_given_out_of_order_are_drawn_from_left_to_right() -> None:
    chart = Lines("t", "x", "y", (3, 1, 2), (Series("a", (0.3, 0.1, 0.2)),))
    stroke = re.search(r'<path d="M([^"]*)" class="line', str(draw_lines(chart, REGULAR, "f")))
    assert stroke
    places = [float(point.split()[0]) for point in stroke[1].split("L")]
    assert places == sorted(places)


@pytest.mark.parametrize("sheet", [COMPACT, REGULAR, WIDE], ids=lambda sheet: sheet.name)
def test_names_at_line_ends_do_not_touch(sheet: object) -> None:
    series = [Series(f"eye {i}", (0.5, 0.5 + i / 1000)) for i in range(6)]
    root = ElementTree.fromstring(draw_lines(Lines("t", "x", "y", (1, 2), series), sheet, "f"))  # type: ignore[arg-type]
    labels = [node for node in root.iter("text") if "label" in node.attrib["class"]]
    heights = sorted(float(node.attrib["y"]) for node in labels)
    assert len(heights) == 6
    assert all(b - a >= 13.8 for a, b in pairwise(heights))


def test_data_outside_the_asked_range_stays_visible() -> None:
    chart = Lines("t", "x", "y", (1, 2), (Series("a", (0.2, 1.4)),), y_range=(0, 1))
    root = ElementTree.fromstring(draw_lines(chart, REGULAR, "f"))
    assert all(float(c.attrib["cy"]) > 20 for c in root.iter("circle"))


def centres(drawing: str) -> list[tuple[float, float]]:
    marks = re.findall(r'<circle cx="([^"]*)" cy="([^"]*)"[^>]*class="mark', drawing)
    return [(float(x), float(y)) for x, y in marks]


def test_equal_ratios_lie_equally_far_apart_on_log_axes() -> None:
    series = Series("a", (0.02, 0.2, 2, 20, 200))
    chart = Lines("t", "x", "y", (1, 4, 16, 64, 256), (series,), x_scale="log", y_scale="log", format="number")
    places = centres(str(draw_lines(chart, WIDE, "f")))
    assert len(places) == 5
    for steps in zip(*((b[0] - a[0], a[1] - b[1]) for a, b in pairwise(places)), strict=True):
        assert min(steps) > 0
        assert max(steps) - min(steps) <= 0.3  # drawings are rounded to tenths


def test_what_a_log_axis_cannot_show_is_a_gap() -> None:
    low, high = (0.5, -1, -3, 0.2, 0.5), (2, 2, 1, 4, 2)
    series = Series("a", (1, 1, -2, 1, 1), low, high)
    chart = Lines(
        "t", "x", "y", (0, 1, 10, 100, 1000), (series,), rules=(Rule(-1, "below"), Rule(2, "above")),
        x_scale="log", y_scale="log", marks=(Mark(0, "nought"), Mark(50, "fifty")), format="number",
    )  # fmt: skip
    drawing = str(draw_lines(chart, REGULAR, "f"))
    assert len(centres(drawing)) == 3
    assert "fifty" in drawing
    assert "above" in drawing
    assert "nought" not in drawing
    assert "below" not in drawing
    root = ElementTree.fromstring(drawing)
    floor = max(float(node.attrib["y1"]) for node in root.iter("line") if node.attrib["class"] == "grid zero")
    whisker = next(node for node in root.iter("path") if node.attrib["class"].startswith("whisker"))
    ends = [float(part.split()[1]) for part in whisker.attrib["d"][1:].split("L")]
    assert max(ends) <= floor  # the interval from -1 ends at the axis


def test_many_points_are_a_line_without_marks_and_a_thinned_table() -> None:
    x = range(150)
    chart = Lines("t", "x", "y", x, (Series("a", [None if i in (70, 72) else i / 150 for i in x]),))
    figure = figures([chart], "f")[0]
    drawing = str(figure.drawings[0][1])
    assert drawing.count('class="mark') == 1  # place 71 alone among gaps
    assert 'class="hit' not in drawing
    grid = figure.grids[0]
    assert len(grid.rows) == 40
    assert [grid.rows[0][0].text, grid.rows[-1][0].text] == ["0", "149"]
    assert "40 of 150" in grid.note


@pytest.mark.parametrize("sheet", [COMPACT, REGULAR, WIDE], ids=lambda sheet: sheet.name)
def test_words_over_marks_neither_touch_nor_leave_the_sheet(sheet: Sheet) -> None:
    marks = tuple(Mark(x, f"a mark at {x} of some length") for x in (1, 1.5, 2, 30, 31, 99, 100, 140))
    chart = Lines("t", "x", "share", (1, 10, 100), (Series("a", (0.1, 0.2, 0.3)),), x_scale="log", marks=marks)
    root = ElementTree.fromstring(draw_lines(chart, sheet, "f"))
    words = [node for node in root.iter("text") if node.attrib["class"] == "rule-name"]
    assert len(words) == len(marks)
    boxes = [(float(w.attrib["x"]), float(w.attrib["y"]), width(w.text or "") / 2) for w in words]
    assert all(half - 0.1 <= x <= sheet.width - half + 0.1 and y > 22 for x, y, half in boxes)
    for i, (x, y, half) in enumerate(boxes):
        assert all(abs(y - v) >= 13 or abs(x - u) >= half + other for u, v, other in boxes[i + 1 :])
    lines = [node for node in root.iter("line") if node.attrib["class"] == "rule"]
    assert max(float(node.attrib["x1"]) for node in lines) <= sheet.width - 14  # the axis reaches to the last mark


def test_a_spectrum_says_that_its_axes_are_logarithmic() -> None:
    said = str(draw_lines(spectrum(), WIDE, "f"))
    assert "The x axis is logarithmic. The y axis is logarithmic." in said
    assert "Marked: Nyquist at 112." in said


def test_series_differ_without_colour() -> None:
    looks = {(dash(i), re.sub(r"s\d", "", str(marker(i, 0, 0)))) for i in range(30)}
    assert len(looks) == 30
    assert len({colour(i) for i in range(COLOURS)}) == COLOURS


def test_degenerate_charts_are_drawn() -> None:
    for chart in (
        Lines("t", "x", "y", (), ()),
        Lines("t", "x", "y", (4,), (Series("a", (0.5,), (0.4,), (0.6,)),)),
        Lines("t", "x", "y", (1, 2), (Series("a", (None, None)),), rules=(Rule(0.5, "half"),)),
        Lines("t", "x", "y", (0, -1), (Series("a", (-1, 0)),), x_scale="log", y_scale="log"),
        Lines("t", "x", "y", (3,), (Series("a", (3,)),), x_scale="log", y_scale="log", format="number"),
        Lines("t", "x", "y", tuple(range(1, 40)), (Series("a", [0.0] * 39),), format="number"),
        Bars("t", "x", (), ()),
        Bars("t", "x", ("a",), (Series("s", (None,)),)),
        Dots("t", "x", (), ()),
        Dots("t", "x", ("a",), (Series("s", (None,)),), pooled=(None,)),
    ):
        assert figures([chart], "f")[0].drawings


def test_neighbours_share_a_row_and_long_ones_do_not() -> None:
    many = Bars("t", "x", [str(i) for i in range(20)], (Series("s", [0.1] * 20),))
    assert [f.wide for f in figures([GAP, GAP, GAP], "f")] == [False, False, True]
    assert [f.wide for f in figures([GAP, many, GAP, Table("t", ("a",), ())], "f")] == [True] * 4


def test_captions_say_facts_and_nothing_else() -> None:
    assert caption("{a}: {b:.0%} {{x}}", {"a": "cat", "b": 0.5}) == "cat: 50% {x}"
    assert caption("{gone} {b:.0%} {c:.2f}", {"b": None, "c": "text"}) == "– – –"
    assert caption("{a:99999999d}", {"a": 1}) == "–"
    for template in ("{a.__class__}", "{a[0]}", "{a!r}", "{a:{b}}", "{}", "{0}", "{a"):
        with pytest.raises(SettingError):
            caption(template, {"a": "cat", "b": ">9"})


def test_gallery_spec_has_one_line_a_picture() -> None:
    assert all(len(c.lines) == len(c.pictures) for c in EVERY if isinstance(c, Gallery))
