"""Chart specs: read back from JSON, drawn completely, and told in numbers."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from eyechart.core.chart import Bars, Chart, Gallery, Lines, Rule, Series, Table
from eyechart.errors import SettingError, UnknownNameError
from eyechart.report.captions import caption
from eyechart.report.charts import figures, from_dict
from eyechart.report.lines import draw_lines
from eyechart.report.plot import COLOURS, COMPACT, REGULAR, WIDE, colour, dash, marker
from eyechart.report.policy import printable
from eyechart.report.tables import Grid
from report.hostile_page import charts as hostile_charts
from report.sample_page import sample

EVERY: list[Chart] = [chart for section in sample().sections for chart in section.charts] + list(hostile_charts())
DRAWN = [chart for chart in EVERY if isinstance(chart, Lines | Bars)]
GAP = Lines("t", "x", "y", (1, 2, 3, 4, 5), (Series("a", (0.1, 0.2, None, 0.4, 0.5)),), y_range=(0, 1))


@pytest.mark.parametrize("chart", EVERY, ids=lambda chart: chart.kind)
def test_specs_survive_json(chart: Chart) -> None:
    once = from_dict(json.loads(json.dumps(asdict(chart))))
    assert type(once) is type(chart)
    assert json.dumps(asdict(once)) == json.dumps(asdict(chart))


def test_unknown_kind_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean lines"):
        from_dict({"kind": "line"})


@pytest.mark.parametrize("chart", DRAWN, ids=lambda chart: chart.kind)
def test_drawings_are_well_formed_named_and_on_the_sheet(chart: Lines | Bars) -> None:
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


@pytest.mark.parametrize("chart", DRAWN, ids=lambda chart: chart.kind)
def test_every_number_is_in_the_table(chart: Lines | Bars) -> None:
    grid: Grid = figures([chart], "f")[0].grid
    for column, series in enumerate(chart.series, start=1):
        assert [row[column].text == "undefined" for row in grid.rows] == [v is None for v in series.y]
        for row, value in zip(grid.rows, series.y, strict=True):
            if value is not None and chart.format == "percent":
                said = float(row[column].text.rstrip("%").replace("−", "-").replace(",", ""))
                assert said == pytest.approx(100 * value, abs=0.0501)
        bounded = [bool(row[column].interval) for row in grid.rows]
        assert bounded == [low is not None for low in series.low] or not any(bounded)


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


def test_series_differ_without_colour() -> None:
    looks = {(dash(i), re.sub(r"s\d", "", str(marker(i, 0, 0)))) for i in range(30)}
    assert len(looks) == 30
    assert len({colour(i) for i in range(COLOURS)}) == COLOURS


def test_degenerate_charts_are_drawn() -> None:
    for chart in (
        Lines("t", "x", "y", (), ()),
        Lines("t", "x", "y", (4,), (Series("a", (0.5,), (0.4,), (0.6,)),)),
        Lines("t", "x", "y", (1, 2), (Series("a", (None, None)),), rules=(Rule(0.5, "half"),)),
        Lines("t", "x", "y", tuple(range(1, 40)), (Series("a", [0.0] * 39),), format="number"),
        Bars("t", "x", (), ()),
        Bars("t", "x", ("a",), (Series("s", (None,)),)),
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
