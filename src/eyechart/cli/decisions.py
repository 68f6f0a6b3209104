"""``eyechart decisions``: compare what people and networks answered, from tables and without a model."""

from __future__ import annotations

import json as json_
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from eyechart.cli.console import stderr, stdout

if TYPE_CHECKING:
    from eyechart.core.estimate import Estimates
    from eyechart.images.decisions import DecisionTable
    from eyechart.images.observers import Observed


def decisions(
    *files: Annotated[
        str,
        Parameter(
            help="CSV tables of one data set, in the format of Geirhos et al.; people are called subject-01, subject-02."
        ),
    ],
    against: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, negative="", help="Tables of those to compare with.")
    ] = (),
    from_: Annotated[
        tuple[str, ...],
        Parameter(name="--from", consume_multiple=True, negative="", help="Runs whose models' answers are added."),
    ] = (),
    categories: Annotated[
        str | None, Parameter(help="Names of the categories, separated by commas; default: the 16 of Geirhos et al.")
    ] = None,
    exclude: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, negative="", help="Conditions to leave out, in any spelling.")
    ] = (),
    people: Annotated[
        tuple[str, ...],
        Parameter(
            consume_multiple=True,
            negative="",
            help="Observers who are people, by name or pattern ('human_*'), beside those called subject-01.",
        ),
    ] = (),
    resample_people: Annotated[
        bool, Parameter(negative="", help="Intervals of means over people allow for other people, too.")
    ] = False,
    out: Annotated[str | None, Parameter(help="Folder or URL for report.html, results.json, decisions.csv.")] = None,
    json: Annotated[bool, Parameter(name="--json", negative="", help="As JSON on stdout, and nothing else.")] = False,
) -> None:
    """Compare decisions: accuracy, missing answers, and whether two observers err on the same images.

    A table has the columns subj, session, trial, rt, object_response, category, condition and imagename. Observers called
    subject- and a number (subject-01) are people, and those that --people names; all others are networks, in --against, too.
    Answers are matched by image and condition. Of each two observers: the squared difference of their
    accuracies, observed consistency (both right or both wrong) and error consistency (kappa: that beyond chance), with what
    their accuracies allow, a permutation test against chance, and 95 % intervals over images. Kappa is undefined, and left
    out of means, where one of the two is always right or always wrong. Differences of means are over the images that all
    compared saw. Geirhos, Meding & Wichmann (NeurIPS 2020, arXiv 2006.16736); Klein et al. (2025, arXiv 2507.06645).

    --from takes answers from runs of shape_bias, or of human_likeness with a table; --out writes all as one table, too.

    Example: eyechart decisions my-model.csv --against subject-01.csv subject-02.csv --out agreement
    """
    from eyechart.cli.decisions_measures import measured
    from eyechart.cli.decisions_runs import decisions_of
    from eyechart.core.estimate import Estimates
    from eyechart.images.decisions import CATEGORIES, joined
    from eyechart.images.decisions_csv import read_decisions
    from eyechart.images.observers import observed

    names = _names(categories)
    tables = [read_decisions([*files, *against], **names)] if files or against else []
    tables += [decisions_of(run, names.get("categories", CATEGORIES)) for run in from_]
    table = joined(tables).without(exclude).naming_people(people)
    others = read_decisions(against, setting="--against", **names).observers if against else ()
    seen = observed(table)
    found = Estimates(measured(table, seen, others, people_too=resample_people))
    if out is not None:
        _write(out, found, table, seen, _facts((*files, *against), from_))
    if json:
        print(json_.dumps({**_about(table, seen), "estimates": [e.to_dict() for e in found], **_confusions(table)}))
        return
    _tell(found, seen, out)


def _names(categories: str | None) -> dict[str, Any]:
    return {} if categories is None else {"categories": tuple(name.strip().lower() for name in categories.split(","))}


def _about(table: DecisionTable, seen: Observed) -> dict[str, Any]:
    return {
        "decisions": len(table),
        "images": seen.count,
        "observers": list(seen.observers),
        "conditions": list(seen.conditions),
    }


def _confusions(table: DecisionTable) -> dict[str, Any]:
    from eyechart.cli.decisions_measures import confusion

    return {"confusion": {name: confusion(table.of(name)) for name in table.observers}}


def _write(out: str, found: Estimates, table: DecisionTable, seen: Observed, facts: Mapping[str, Any]) -> None:
    from eyechart.cli.decisions_page import page_of
    from eyechart.images.decisions_csv import csv_of
    from eyechart.report.page import render_page
    from eyechart.store.folder import Folder

    people = len(seen.people)
    lines = [
        ("Decisions", f"{len(table):,}"),
        ("People", f"{people:,}"),
        ("Networks", f"{len(seen.observers) - people:,}"),
        ("Conditions", ", ".join(seen.conditions[:20])),
    ]
    document = {**_about(table, seen), "estimates": [e.to_dict() for e in found], **_confusions(table)}
    folder = Folder(out)
    folder.write("decisions.csv", csv_of(table).encode())
    folder.write("results.json", json_.dumps({**document, "provenance": facts}, indent=1).encode())
    folder.write("report.html", render_page(page_of(found, seen, lines, facts)).encode("utf-8"))


def _facts(files: Sequence[str], runs: Sequence[str]) -> Mapping[str, Any]:
    """When, from what and with what: without torch."""
    import platform
    from datetime import UTC, datetime
    from hashlib import blake2b
    from pathlib import Path

    import numpy as np

    from eyechart import __version__

    names = [Path(file).name for file in files]
    called = [file if names.count(name) > 1 else name for file, name in zip(files, names, strict=True)]
    marks = {
        name: blake2b(Path(file).read_bytes(), digest_size=16).hexdigest()
        for name, file in zip(called, files, strict=True)
    }
    versions = {"eyechart": __version__, "numpy": np.__version__, "python": platform.python_version()}
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "packages": versions,
        "files (BLAKE2b)": marks,
        "runs": [*runs],
    }


def _tell(found: Estimates, seen: Observed, out: str | None) -> None:
    """Findings on stderr, the figures as a table on stdout."""
    from rich.markup import escape

    from eyechart.cli.decisions_page import findings

    marks = {"strong": "[green]strong[/]", "weak": "[red]weak[/]", "note": "note"}
    for finding in findings(found, seen.persons):
        stderr.print(f"  {marks[finding.verdict]:>6}  {escape(finding.sentence)}")
    for line in _lines(found):
        stdout.print(line, markup=False, highlight=False, soft_wrap=True)
    if out is not None:
        stderr.print(f"Report: [bold]{escape(out.rstrip('/'))}/report.html[/]")


def _lines(found: Estimates) -> list[str]:
    cells = [("measure", "of", "value", "95% interval", "n")]
    for e in found:
        if "condition" in e.at:  # all of them are on the page and in the JSON
            continue
        between = "" if e.low is None or e.high is None else f"{e.low:.3f} to {e.high:.3f}"
        value = (
            "undefined"
            if e.value is None
            else "< .001"
            if e.unit == "probability" and e.value < 0.001
            else f"{e.value:.3f}"
        )
        cells.append((e.measure.replace("_", " "), ", ".join(map(str, e.at.values())), value, between, f"{e.n:,}"))
    widths = [max(len(row[k]) for row in cells) for k in range(5)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]
