"""The report page: everything it shows, as plain data, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from eyechart.report.budget import fair_share
from eyechart.report.cases import KeptCase, Picture
from eyechart.report.contents import HEADINGS, PROVED, PageSection, Part, digests, galleries, parts, verdicts
from eyechart.report.policy import policy, printable

__all__ = ["BadImage", "Counts", "KeptCase", "ModelCard", "Page", "PageSection", "Picture", "render_page"]

MOST_BYTES = 5_000_000
SPARE = 20_000  # for what only the final page says, such as how many cases were left out
MOST_BAD = 50
NO_EXAMS = {"proof", "prescription"}  # sections that weigh what exams found


@dataclass(frozen=True)
class ModelCard:
    """A model that was examined: its name, and lines of (label, value) about it."""

    name: str
    lines: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class BadImage:
    """An image that could not be examined, and why."""

    id: str
    status: str
    reason: str


@dataclass(frozen=True)
class Counts:
    """How the images fared. ``converted`` counts those changed on reading (such as grey to colour)."""

    examined: int
    converted: int = 0
    bad: int = 0
    bad_rows: tuple[BadImage, ...] = ()


@dataclass(frozen=True)
class Page:
    """What the report says.

    Attributes:
        title: of the page.
        created: when, in ISO form.
        models: what was examined.
        images: lines of (label, value) about the images.
        counts: how the images fared.
        sections: the exams, in order.
        kept: model -> its kept cases.
        skipped: (exam, reason).
        provenance: nested plain data on how the figures came to be.
        preview: words of a banner if not all images were used.
        few: words of a banner if so few images were examined that hardly anything can be told.
        incomplete: words of a banner if the run is not finished.
        proof: whether a proof comes first, and alone speaks in the summary.
    """

    title: str
    created: str
    models: tuple[ModelCard, ...]
    images: tuple[tuple[str, str], ...]
    counts: Counts
    sections: tuple[PageSection, ...]
    kept: Mapping[str, Sequence[KeptCase]] = field(default_factory=dict)
    skipped: tuple[tuple[str, str], ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    preview: str | None = None
    few: str | None = None
    incomplete: str | None = None
    proof: bool = False


def render_page(page: Page, *, most_bytes: int = MOST_BYTES) -> str:
    """The whole page as one HTML document that needs nothing else.

    Galleries are cut, fairly and best cases first, to keep the document within ``most_bytes``; nothing else is.
    """
    named = len(page.models) > 1
    body = parts(page.sections, page.kept, named=named)
    lists = galleries(body)
    costs = [[_size(_macro("case", case)) for case in one.cases] for one in lists]
    bare = _size(_write(page, body, [0] * len(lists)))
    return _write(page, body, fair_share(costs, most_bytes - bare - SPARE))


def _write(page: Page, body: Sequence[Part], shown: Sequence[int]) -> str:
    style, script = _asset("report.css"), _asset("report.js")
    first = digests(body[:1] if page.proof else body)
    text = _template("report.html.j2").render(
        page=page,
        created=_readable(page.created),
        parts=body,
        shown=shown,
        digests=first,
        verdicts=verdicts(first, PROVED if page.proof else HEADINGS),
        advised={finding.sentence for of_model in first for finding, _ in of_model.told if finding.advice},
        named=len(page.models) > 1,
        exams=len({section.exam for section in page.sections} - NO_EXAMS),
        bad_rows=page.counts.bad_rows[:MOST_BAD],
        policy=policy(style, script),
        style=Markup(style),  # our own files, hashed in the policy
        script=Markup(script),
    )
    return printable(text)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("eyechart.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _asset(name: str) -> str:
    return files("eyechart.report").joinpath("templates", name).read_text("utf-8").strip()


def _macro(name: str, *arguments: object) -> str:
    return str(getattr(_template("gallery.html.j2").module, name)(*arguments))


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _readable(created: str) -> str:
    """``2026-11-22T10:04:00+00:00`` as ``22 November 2026, 10:04 UTC``; anything else as it is."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    zone = f" {moment.tzname()}" if moment.tzinfo else ""
    return f"{moment.day} {moment:%B %Y, %H:%M}{zone}"
