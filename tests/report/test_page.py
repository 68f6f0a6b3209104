"""The page as text: whole, self-contained, inert and within its budget."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

import eyechart.report
from eyechart.core.chart import Finding, Gallery
from eyechart.report.budget import fair_share
from eyechart.report.cases import case_lists
from eyechart.report.digest import digest
from eyechart.report.page import Counts, KeptCase, Page, PageSection, Picture, render_page
from report.hostile_page import NAMES, hostile
from report.sample_page import picture, sample

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Outline(HTMLParser):
    """Collects elements and complains about tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module", params=["sample", "hostile"])
def outline(request: pytest.FixtureRequest) -> Outline:
    return Outline(render_page(sample() if request.param == "sample" else hostile()))


def test_nothing_is_loaded(outline: Outline) -> None:
    for tag, attributes in outline.elements:
        assert tag not in {"iframe", "object", "embed", "base", "form", "audio", "video", "use"}
        for name, value in attributes.items():
            if name in {"src", "href", "srcset", "xlink:href", "action", "data", "poster"}:
                assert value is not None
                assert value.startswith(("#", "data:image/"))


def test_nothing_is_styled_or_scripted_in_place(outline: Outline) -> None:
    names = {name for _, attributes in outline.elements for name in attributes}
    assert "style" not in names
    assert not [name for name in names if name.startswith("on")]
    assert [tag for tag, _ in outline.elements].count("script") == 1
    assert [tag for tag, _ in outline.elements].count("style") == 1


def test_ids_are_unique_and_anchors_lead_somewhere(outline: Outline) -> None:
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    links = [str(a["href"])[1:] for tag, a in outline.elements if tag == "a"]
    assert set(links) <= set(ids)
    referred = [i for _, a in outline.elements for i in str(a.get("aria-labelledby") or "").split()]
    assert set(referred) <= set(ids)


def test_every_picture_is_described(outline: Outline) -> None:
    pictures = [attributes for tag, attributes in outline.elements if tag == "img"]
    assert pictures
    assert all(attributes["alt"] and attributes["width"] and attributes["height"] for attributes in pictures)


def test_names_are_told_as_they_are() -> None:
    text = "".join(Outline(render_page(hostile())).text)
    for name in NAMES:
        assert re.sub("[\x00\u202e\udcff]", "\N{REPLACEMENT CHARACTER}", name) in text


def test_findings_lead_with_their_advice() -> None:
    page = sample()
    text = "".join(Outline(render_page(page)).text)
    summary = text[: text.index("architecture")]
    found = [finding for section in page.sections for finding in section.findings]
    for finding in found:
        assert text.count(finding.advice) >= 1
        assert (finding.sentence in summary) == (finding != found[-2])  # the second praise of the third exam
    assert summary.index("Weak") < summary.index("Worth knowing") < summary.index("Strong")


def test_the_summary_of_many_exams_is_a_handful_and_names_the_rest() -> None:
    def section(number: int, *verdicts: Literal["weak", "note", "strong"]) -> PageSection:
        findings = tuple(Finding(v, f"{v} {k} of {number}.", "Do this.") for k, v in enumerate(verdicts))
        return PageSection(f"exam{number}", f"Exam {number}", "", findings, (), "net")

    many = [section(k, "strong", "note") for k in range(4)] + [section(k, "weak", "weak") for k in range(4, 9)]
    first = digest(many)
    assert [finding.sentence for finding, _ in first.told] == [
        *(f"weak 0 of {k}." for k in range(4, 9)),
        "note 1 of 0.",
    ]
    assert [finding.advice for finding, _ in first.told] == ["Do this.", "", "", "", "", ""]
    assert [words for words, _ in first.rest] == ["And 3 more exams found nothing weak:"]
    two = digest([*many, section(9, "weak"), section(10, "weak")])
    assert [part.title for part in two.also_weak] == ["Exam 10"]
    assert [finding.verdict for finding, _ in digest(many[:4]).told] == ["note"] * 4 + ["strong"] * 2
    text = "".join(Outline(render_page(replace(sample(), sections=tuple(many), kept={}))).text)
    summary = " ".join(text[: text.index("architecture")].split())
    assert "And 3 more exams found nothing weak: Exam 1, Exam 2, Exam 3." in summary
    assert text.count("Do this.") == 9  # once in the summary, and once in the part of each other exam


def test_banners_are_shown() -> None:
    text = render_page(replace(sample(), preview="PREVIEW: 500 of 9,979 images", incomplete="Two shards are missing."))
    assert "PREVIEW: 500 of 9,979 images" in text
    assert "Two shards are missing." in text


def test_an_empty_page_is_a_page() -> None:
    text = render_page(Page("Nothing", "whenever", (), (), Counts(0), ()))
    assert "No findings were drawn" in text
    Outline(text)


def test_pictures_are_embedded_exactly_as_given() -> None:
    page = sample()
    text = render_page(page)
    for case in page.kept["resnet20"]:
        for one in case.pictures.values():
            assert one.source in text


def noise(cases: int, keys: tuple[str, ...]) -> Iterator[KeptCase]:
    data = np.random.default_rng(0).bytes(30_000)
    for key in keys:
        for i in range(cases):
            yield KeptCase(key, -i, f"{key}-{i:03d}", {}, {"original": Picture(data, "image/png", (96, 96))})


def test_budget_is_kept_and_shared() -> None:
    page = sample()
    kept = tuple(noise(100, ("bands.high/a", "bands.high/b")))
    most = 1_000_000
    text = render_page(replace(page, kept={"resnet20": kept}), most_bytes=most)
    assert most * 0.9 < len(text.encode()) <= most
    shown = [len(re.findall(f"<bdi>bands.high/{key}-", text)) for key in "ab"]
    assert abs(shown[0] - shown[1]) <= 1
    assert [f"{100 - n} more cases are in the run folder" in text for n in shown] == [True, True]
    assert "<bdi>bands.high/a-000</bdi>" in text
    assert "<bdi>bands.high/a-099</bdi>" not in text


def test_default_budget_is_five_megabytes() -> None:
    kept = tuple(noise(300, ("bands.high/a", "shift/b")))
    assert len(render_page(replace(sample(), kept={"resnet20": kept})).encode()) <= 5_000_000


def test_fair_share_closes_a_list_that_no_longer_fits() -> None:
    assert fair_share([[1, 9, 1], [1, 1, 1]], 6) == [1, 3]
    assert fair_share([[5]], -1) == [0]


def test_galleries_take_the_cases_of_their_key_best_first() -> None:
    kept = [KeptCase("k/b", 1, "low"), KeptCase("k/b", 2, "high", {"group": "B"}), KeptCase("other", 9, "no")]
    lists = case_lists(Gallery("t", "k/", (("a", "A"),), ("",)), kept)
    assert [(one.heading, [case.id for case in one.cases]) for one in lists] == [("B", ["high", "low"])]


def test_lists_are_ordered_by_the_numbers_in_their_keys() -> None:
    kept = [KeptCase(key, 1, key) for key in ("r/16", "r/4", "r/8", "r/²")]
    lists = case_lists(Gallery("t", "r/", (("a", "A"),), ("",)), kept)
    assert [one.cases[0].id for one in lists] == ["r/4", "r/8", "r/16", "r/²"]


def test_pictures_grow_by_whole_pixels() -> None:
    for size in (8, 16, 28, 32, 48, 64):
        shown = picture(0, size).shown[0]
        assert shown % size == 0
        assert 64 < shown <= 128
    assert Picture(b"", "image/webp", (224, 224)).shown == (224, 224)
    with pytest.raises(ValueError, match="type text/html"):
        Picture(b"", "text/html", (1, 1))


def test_the_report_stays_on_its_floor() -> None:
    allowed = ("eyechart.core.chart", "eyechart.core.estimate", "eyechart.errors", "eyechart.report", "eyechart.store")
    for path in Path(eyechart.report.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert all(name.startswith(allowed) for name in names if name.startswith("eyechart"))
            assert not [name for name in names if name.startswith("torch")]
