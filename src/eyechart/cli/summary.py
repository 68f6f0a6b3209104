"""What a command says when it is done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.markup import escape
from rich.table import Table

from eyechart.cli.console import stderr, stdout
from eyechart.core.catalogue import exam_class, exam_table
from eyechart.core.chart import Finding
from eyechart.core.estimate import Estimate
from eyechart.report.digest import digest
from eyechart.store.run_folder import Run

MOST_ROWS, FEWEST_ROWS, ALL_ROWS = 24, 4, 72  # of an exam and model; of all of them, about


@dataclass(frozen=True)
class _Heard:
    """An exam's findings on a model."""

    model: str
    title: str
    findings: Sequence[Finding]


def print_summary(run: Run, *, as_json: bool) -> None:
    """Findings and headline figures: all as JSON on stdout, or those to begin with for people on stderr."""
    report = f"{run.path.rstrip('/')}/report.html"
    if as_json:
        summary = {"run": run.path, "report": report, **run.results}
        summary["findings"] = [
            {"exam": s["exam"], "model": s["model"], **f} for s in run.page["sections"] for f in s["findings"]
        ]
        print(json.dumps(summary))
        return
    if not run.page["sections"]:  # the error that follows says why
        stderr.print(f"Nothing was measured. Report: [bold]{escape(report)}[/]")
        return
    if run.results.get("preview"):
        stderr.print(f"[bold]PREVIEW[/]: {run.results['images']:,} of {run.results['of']:,} images.")
    if few := run.few_images:
        stderr.print(f"[bold]Careful[/]: {few}")
    marks = {"strong": "[green]strong[/]", "weak": "[red]weak[/]", "note": "note"}
    several = len(run.record["models"]) > 1
    sections = [_Heard(s["model"], s["title"], [Finding(**f) for f in s["findings"]]) for s in run.page["sections"]]
    for model in dict.fromkeys(section.model for section in sections):
        who = f"{model}: " if several else ""
        first = digest([section for section in sections if section.model == model])
        for finding, _ in first.told:
            stderr.print(f"  {marks[finding.verdict]:>6}  {escape(who + finding.sentence)}")
        for words, rest in first.rest:
            names = ", ".join(section.title for section in rest)
            stderr.print(f"          {escape(f'{who}{words} {names}.')}")
    stdout.print(_table(run))
    stderr.print(f"Report: [bold]{escape(report)}[/]")


def print_plan(plan: dict[str, Any], *, as_json: bool) -> None:
    """What a run would do."""
    if as_json:
        print(json.dumps(plan))
        return
    stdout.print(f"Images: {plan['images']:,} of {plan['of']:,}")
    for model in plan["models"]:
        asked = ", ".join(f"{exam} {n}" for exam, n in model["exams"].items())
        who = f"{model['model']} on {model['images']}"
        stdout.print(f"{escape(who)}: queries an image: {asked}; {model['queries_distinct']} distinct")
        stdout.print(
            f"  left: {model['forwards_left']:,} forwards in {model['shards_left']} shards, about {model['seconds_left']:,} s"
        )


def _table(run: Run) -> Table:
    table = Table("exam", "measure", "value", "95 % interval", "n", box=None, pad_edge=False)
    several = len(run.record["models"]) > 1
    groups = [(*key, list(found)) for key, found in groupby(run.estimates, lambda e: (e.exam, e.model))]
    most = min(MOST_ROWS, max(FEWEST_ROWS, ALL_ROWS // max(len(groups), 1)))
    for exam, model, found in groups:
        name = escape(f"{model}: {exam}" if several else exam)
        told = [e for e in found if e.value is not None]
        shown = [e for e in told if e.measure in _headline(exam)] or told
        for e in shown[:most]:
            ends = f"{e.low:.4f} to {e.high:.4f}" if e.low is not None and e.high is not None else ""
            table.add_row(name, escape(_address(e)), f"{e.value:.4f}", ends, f"{e.n:,}")
        if len(shown) > most:
            table.add_row(name, f"... and {len(shown) - most} more in results.json", "", "", "")
    return table


def _address(e: Estimate) -> str:
    """The measure with its coordinates."""
    at = ", ".join(
        f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in e.at.items() if k != "radius_nyquist"
    )
    return f"{e.measure} ({at})" if at else e.measure


def _headline(exam: str) -> tuple[str, ...]:
    """The measures that an exam wants printed; an exam that is no longer installed: all."""
    return exam_class(exam).headline if exam in exam_table() else ()
