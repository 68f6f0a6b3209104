"""The page of a training: its curves, what was watched, and the recipe in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from eyechart.core.chart import Lines, Table
from eyechart.report.charts import figures
from eyechart.report.page import _asset, _readable, _template
from eyechart.report.policy import policy, printable


@dataclass(frozen=True)
class TrainingPart:
    """A part of the page: anchor, title, an explanation and charts."""

    anchor: str
    title: str
    explanation: str
    charts: tuple[Lines | Table, ...]


@dataclass(frozen=True)
class TrainingPage:
    """What the page says.

    Attributes:
        title: of the page.
        created: when, in ISO form.
        sentences: what came out, in words.
        recipe: lines of (label, value).
        parts: in order.
        proof, proof_text: address of the report on test images, and what a reader finds there; empty: there is none.
        provenance: nested plain data.
    """

    title: str
    created: str
    sentences: tuple[str, ...]
    recipe: tuple[tuple[str, str], ...]
    parts: tuple[TrainingPart, ...]
    proof: str = ""
    proof_text: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)


def render_training(page: TrainingPage) -> str:
    """The page as one HTML document that needs nothing else."""
    style, script = _asset("report.css"), _asset("report.js")
    text = _template("training.html.j2").render(
        page=page,
        created=_readable(page.created),
        parts=[(part, figures(list(part.charts), part.anchor)) for part in page.parts],
        policy=policy(style, script),
        style=Markup(style),  # our own files, hashed in the policy
        script=Markup(script),
    )
    return printable(text)
