"""Models side by side, from estimates alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from eyechart.core.chart import Lines, Table
from eyechart.core.estimate import Estimate
from eyechart.exams.loss_landscape import LossLandscape
from eyechart.report.comparison import compare, with_comparisons
from eyechart.report.contents import PageSection
from eyechart.report.tables import table_grid


def figure(model: str, value: float | None, measure: str = "accuracy", unit: str = "share", **at: Any) -> Estimate:
    reason = "" if value is not None else "none"
    low, high = (None, None) if value is None else (value - 0.05, value + 0.05)
    return Estimate("bands", measure, value, 10, low, high, unit, at=at, reason=reason, model=model)


def test_each_model_is_a_row_with_intervals() -> None:
    estimates = [figure(m, v, band=band) for band in ("low", "high") for m, v in (("a", 0.5), ("b", 0.7))]
    (table,) = compare(estimates, ("a", "b"), ("accuracy",))
    assert table.columns == ("model", "low", "high")
    assert table.rows[1] == ("b", (0.7, 0.7 - 0.05, 0.7 + 0.05), (0.7, 0.7 - 0.05, 0.7 + 0.05))
    assert table.formats == (None, "percent", "percent")
    assert "n = 10" in table.caption
    grid = table_grid(table)
    assert (grid.rows[0][1].text, grid.rows[0][1].interval) == ("50.0%", "45.0–55.0%")
    assert [column.bounded for column in grid.columns] == [False, True, True]


def test_what_is_given_has_a_table_of_its_own() -> None:
    estimates = [
        figure(model, value, protocol=protocol, given=given)
        for given, value in (("all", 0.5), ("correct", 0.4), ("all_models_correct", 0.3))
        for protocol in ("crop", "scale")
        for model in ("a", "b")
    ]
    tables = compare(estimates, ("a", "b"), ("accuracy",))
    assert [table.title for table in tables] == [
        "Accuracy, all images",
        "Accuracy, images that the model at hand gets right",
        "Accuracy, images that all models get right",
    ]
    assert {table.columns for table in tables} == {("model", "crop", "scale")}
    assert [table.rows[0][1][0] for table in tables] == [0.5, 0.4, 0.3]


def test_radii_of_frames_of_different_sizes_meet() -> None:
    estimates = [figure("a", 0.5, radius=4.0, radius_nyquist=0.25), figure("b", 0.6, radius=28.0, radius_nyquist=0.25)]
    (table,) = compare(estimates, ("a", "b"), ())
    assert [row[1][0] for row in table.rows] == [0.5, 0.6]
    assert len(table.columns) == 2


def test_places_that_results_chose_do_not_keep_models_apart() -> None:
    exam, n = LossLandscape(), 10
    estimates = [
        replace(
            exam.estimate("minimum_gap", value=gap, n=n, unit="nats", at={"shown": shown, "a": a, "b": -a}), model=model
        )
        for model, gap, a in (("a", 0.5, 0.25), ("b", 0.6, -1.0))
        for shown in ("full", "low")
    ]
    (table,) = compare(estimates, ("a", "b"), ())
    assert table.columns == ("model", "full", "low")
    assert [row[1][0] for row in table.rows] == [0.5, 0.6]
    assert "of its own, chosen by its result (a, b)" in table.caption
    given = [replace(exam.estimate("loss", value=0.5, n=n, at={"a": a, "b": 0.0}), model="a") for a in (0.0, 1.0)]
    (table,) = compare(given, ("a",), ())
    assert len(table.columns) == 3
    assert "chosen" not in table.caption


def test_what_a_model_lacks_is_a_gap() -> None:
    estimates = [figure("a", 0.5, layer=0), figure("a", 0.4, layer=1), figure("b", None, layer=1)]
    (table,) = compare(estimates, ("a", "b"), ())
    assert table.columns == ("model", "layer 0", "layer 1")
    assert table.rows[1] == ("b", None, (None, None, None))
    assert [cell.text for cell in table_grid(table).rows[1]] == ["b", "–", "–"]


def test_only_headline_measures_and_what_columns_share_is_said_once() -> None:
    estimates = [
        figure(model, 0.5, measure, unit, layer=3, kernels=kind)
        for model in "ab"
        for measure, unit in (("roughness", "ratio"), ("share_beyond", "share"), ("other", "share"))
        for kind in ("own", "noise")
    ]
    tables = compare(estimates, ("a", "b"), ("share_beyond", "roughness"))
    assert [table.title for table in tables] == ["Share beyond", "Roughness"]
    assert tables[1].columns == ("model", "own", "noise")
    assert tables[1].formats[1] == "number"
    assert "layer 3" in tables[1].caption


def test_many_columns_are_cut_and_counted() -> None:
    estimates = [figure(model, 0.5, layer=k) for model in "ab" for k in range(11)]
    (table,) = compare(estimates, ("a", "b"), ())
    assert len(table.columns) == 9
    assert "3 more columns are in results.json" in table.caption


def curve(model: str, radii: list[int], half: int = 16, **at: Any) -> list[Estimate]:
    return [figure(model, r / 100, band="low", radius=r, radius_nyquist=r / half, **at) for r in radii]


def test_curves_over_the_radius_are_drawn_with_a_line_a_model() -> None:
    radii = [8, 1, 2, 4, 16]
    others = [figure(model, 0.5, band="whole") for model in "ab"]
    estimates = [*curve("a", radii), *curve("b", [*radii, 12]), *others]
    lines, table = compare(estimates, ("a", "b"), ())
    assert isinstance(lines, Lines)
    assert lines.title == "Accuracy, low"
    assert lines.x == [r / 16 for r in sorted(radii)]
    assert [(s.name, s.y) for s in lines.series] == [(m, [r / 100 for r in sorted(radii)]) for m in "ab"]
    assert lines.series[0].low == [r / 100 - 0.05 for r in sorted(radii)]
    assert "n = 10" in lines.caption
    assert isinstance(table, Table)
    assert table.columns == ("model", "whole", "low, radius nyquist 0.75")  # at that radius stands one model alone
    assert table.rows[0][2] is None


@pytest.mark.parametrize(
    "estimates",
    [
        [e for m in "ab" for e in curve(m, [1, 2, 4, 8])],  # few
        [*curve("a", [1, 2, 4, 8, 16]), *curve("b", [1, 2, 4, 8, 16], half=15)],  # of frames whose radii do not meet
        [e for m in "abcdefghi" for e in curve(m, [1, 2, 4, 8, 16])],  # many models
    ],
    ids=["few", "apart", "many"],
)
def test_what_makes_no_clear_curves_stays_in_the_table(estimates: list[Estimate]) -> None:
    (table,) = compare(estimates, tuple(dict.fromkeys(e.model for e in estimates)), ())
    assert isinstance(table, Table)


@pytest.mark.parametrize("models", [("a",), ("a", "b"), ("a", "b", "c")])
def test_a_comparison_heads_the_sections_of_an_exam_with_several_models(models: tuple[str, ...]) -> None:
    sections = [PageSection("clean", "Clean", "C", model="a")]
    sections += [PageSection("bands", "Bands", "B", model=model) for model in models]
    estimates = [figure(model, 0.5) for model in models]
    found = with_comparisons(sections, estimates, {"bands": ("accuracy",)})
    assert [s for s in found if s in sections] == sections
    more = [s for s in found if s not in sections]
    if len(models) == 1:
        assert more == []
        return
    (comparison,) = more
    assert found.index(comparison) == 1
    assert comparison.model == ""
    (table,) = comparison.charts
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == list(models)
