"""Rows of dots: where marks, intervals and upright lines lie; and several models over one another."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from eyechart.core.chart import Bars, Chart, Dots, Rule, Series
from eyechart.report.comparison import with_comparisons
from eyechart.report.contents import PageSection
from eyechart.report.dots import draw_dots
from eyechart.report.dots_overlay import OWN, joined_dots
from eyechart.report.plot import WIDE

ALONE = Dots(
    "t",
    "share",
    ("cat", "dog", "owl"),
    [Series(OWN, (0.0, 0.5, None), (0.0, 0.25, None), (0.2, 1.0, None))],
    pooled=[0.5],
)


def nodes(chart: Dots, name: str, style: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(draw_dots(chart, WIDE, "d"))
    return [node for node in root.iter(name) if re.match(rf"{style}\b", node.attrib.get("class", ""))]


def test_marks_intervals_and_the_pooled_line_share_one_scale() -> None:
    chart = replace(ALONE, x_range=(0.0, 1.0), rules=[Rule(1.0, "published")])
    left, middle = (float(node.attrib["cx"]) for node in nodes(chart, "circle", "mark"))
    (right,) = {float(node.attrib["x1"]) for node in nodes(chart, "line", "rule")} - {middle}
    assert middle == pytest.approx((left + right) / 2, abs=0.2)
    (pooled,) = nodes(chart, "line", "line")
    assert float(pooled.attrib["x1"]) == pytest.approx(middle, abs=0.1)
    spans = [re.findall(r"[MH]([\d.]+)", node.attrib["d"]) for node in nodes(chart, "path", "whisker")]
    quarter = left + (right - left) / 4
    assert [float(x) for x in spans[1]] == pytest.approx([quarter, right], abs=0.2)
    assert "← texture" in draw_dots(replace(chart, ends=("texture", "")), WIDE, "d")


def test_rows_stand_below_one_another_and_what_is_undefined_has_no_mark() -> None:
    heights = [float(node.attrib["y"]) for node in nodes(ALONE, "text", "category")]
    assert heights == sorted(heights)
    assert len(heights) == 3
    marks = [float(node.attrib["cy"]) for node in nodes(ALONE, "circle", "mark")]
    assert [y - h for y, h in zip(marks, heights, strict=False)] == pytest.approx([-4, -4], abs=0.2)


def test_specs_that_do_not_agree_are_refused() -> None:
    with pytest.raises(ValueError, match="each of 2 categories"):
        replace(ALONE, categories=("cat", "dog"))
    with pytest.raises(ValueError, match="2 pooled values for 1 series"):
        replace(ALONE, pooled=[0.5, 0.5])


def section(model: str, *charts: Chart) -> PageSection:
    return PageSection("shape_bias", "Texture or shape", "", (), charts, model)


def test_models_share_a_figure() -> None:
    other = Dots(
        "t", "share", ("owl", "cat"), [Series(OWN, (0.7, 0.1), (0.6, 0.0), (0.8, 0.2))], rules=[Rule(0.9, "people")]
    )
    sections = [section("a", ALONE, Bars("b", "x", (), ())), section("b", other)]
    (joined,) = joined_dots(sections)
    assert tuple(joined.categories) == ("cat", "dog", "owl")
    assert [one.name for one in joined.series] == ["a", "b"]
    assert [tuple(one.y) for one in joined.series] == [(0.0, 0.5, None), (0.1, None, 0.7)]
    assert tuple(joined.series[1].low) == (0.0, None, 0.6)
    assert list(joined.pooled) == [0.5, None]
    assert [rule.label for rule in joined.rules] == ["people"]
    beside, *rest = with_comparisons(sections, (), {})
    assert beside.charts == (joined,)
    assert rest == sections
    drawn = nodes(joined, "circle", "mark")  # the second model's marks are squares
    assert len(drawn) == 2 + 1  # one in the legend
    assert len(nodes(joined, "rect", "mark")) == 2 + 1


def test_one_model_alone_shares_nothing() -> None:
    assert joined_dots([section("a", ALONE), section("b")]) == ()
    assert with_comparisons([section("a", ALONE)], (), {}) == (section("a", ALONE),)
