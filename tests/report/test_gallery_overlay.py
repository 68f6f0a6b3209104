"""Galleries that several models share: each picture once, with a line of each model's."""

from __future__ import annotations

from dataclasses import replace

from eyechart.core.chart import Chart, Gallery
from eyechart.report.cases import KeptCase, Picture, case_lists
from eyechart.report.comparison import with_comparisons
from eyechart.report.contents import PageSection, galleries, parts
from eyechart.report.gallery_overlay import joined_galleries
from report.hostile_page import picture

FAMOUS = Gallery("Famous", "cues/famous", [("whole", "shape {shape}")], ["answers {answer}"], shared=True, most=2)
OWN = Gallery("Own", "cues/own", [("whole", "")], ["answers {answer}"])


def case(image: str, answer: str, key: str = "cues/famous/0", shown: Picture | None = None) -> KeptCase:
    return KeptCase(key, 0.0, image, {"shape": "cat", "answer": answer}, {"whole": shown or picture(0, 8)})


def section(model: str, *charts: Chart) -> PageSection:
    return PageSection("cues", "Cues", "", (), charts or (FAMOUS, OWN), model)


def test_a_picture_is_shown_once_with_what_each_model_says() -> None:
    kept = {
        "a": [case("1.png", "cat"), case("2.png", "dog", "cues/famous/1"), case("3.png", "owl", "cues/own")],
        "b": [case("2.png", "{x}\nowl", "cues/famous/1"), case("1.png", "elephant")],
    }
    beside, *own = with_comparisons([section("a"), section("b")], (), {}, kept)
    (joined,) = beside.charts
    assert isinstance(joined, Gallery)
    first, second = (found.cases[0].shots[0] for found in case_lists(joined, beside.cases))
    assert first.heading == "shape cat"
    assert first.lines == ["a: answers cat", "b: answers elephant"]
    assert second.lines == [
        "a: answers dog",
        "b: answers {x} owl",
    ]  # a name is no template, and makes no line of its own
    assert first.picture == picture(0, 8)
    assert [one.charts for one in own] == [(OWN,), (OWN,)]
    body = parts([beside, *own], kept, named=True)
    assert [[view.id for view in found.cases] for found in galleries(body)] == [["1.png"], ["2.png"], ["3.png"]]


def test_what_models_do_not_share_stays_their_own() -> None:
    same = [case("1.png", "cat")]
    others = {
        "another image": [case("2.png", "cat")],
        "another picture": [case("1.png", "cat", shown=picture(1, 8))],
        "nothing": [],
    }
    for cases in others.values():
        assert joined_galleries([section("a"), section("b")], {"a": same, "b": cases}) == ((), ())
    sections = [section("a", OWN), section("b", OWN)]
    assert joined_galleries(sections, {"a": same, "b": same}) == ((), ())
    assert joined_galleries([section("a"), section("b", OWN)], {"a": same, "b": same}) == ((), ())
    assert with_comparisons([section("a")], (), {}, {"a": same}) == (section("a"),)


def test_at_most_so_many_of_each_list() -> None:
    kept = [case(f"{i}.png", "cat", f"cues/famous/{i % 2}") for i in range(8)]
    assert [[view.id for view in found.cases] for found in case_lists(FAMOUS, kept)] == [
        ["0.png", "2.png"],
        ["1.png", "3.png"],
    ]
    assert [len(found.cases) for found in case_lists(replace(FAMOUS, most=None), kept)] == [4, 4]
