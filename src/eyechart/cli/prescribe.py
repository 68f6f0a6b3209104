"""``eyechart prescribe``: which remedies fit the weak spots of a run."""

from __future__ import annotations

import json as json_
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.markup import escape

from eyechart.cli.console import stdout
from eyechart.errors import SettingError

if TYPE_CHECKING:
    from eyechart.report.prescription import Prescribed


def prescribe(
    run: Annotated[str, Parameter(help="Run folder or URL.")],
    *,
    json: Annotated[bool, Parameter(name="--json", negative="", help="As JSON on stdout.")] = False,
) -> None:
    """Name remedies for what a run found weak, what each rests on, what it costs, and the command to try it.

    Needs no model. A figure whose interval lies across its limit is not called weak. Example: eyechart prescribe run
    """
    from eyechart.report.commands import known_words
    from eyechart.report.prescription import as_data, patients, unasked
    from eyechart.report.prescription import prescribe as prescribed
    from eyechart.store.run_folder import Run

    if not (Path(run) / "run.json").exists() and (Path(run) / "proof" / "run.json").exists():
        way_out = f"Its proof is one: eyechart prescribe {Path(run) / 'proof'}."
        raise SettingError("A training is no run.", setting="RUN", value=run, way_out=way_out)
    opened = Run(run)
    missing, chosen = unasked(opened.estimates), patients(opened)
    own = [e for e in opened.estimates if e.model in chosen]
    found = prescribed(own, known_words(opened.record))
    if json:
        print(json_.dumps({"run": opened.path, "prescribed": as_data(found), "not_examined": missing}))
        return
    if few := opened.few_images:
        stdout.print(escape(f"Careful: {few}"))
    if len(chosen) < len({e.model for e in opened.estimates}):
        stdout.print("This is a proof: nothing is prescribed for the models that its net is compared with.")
    for model in dict.fromkeys(one.estimate.model for one in found):
        _tell(model, [one for one in found if one.estimate.model == model])
    if not found:
        stdout.print("No figure that a rule looks at was measured, so nothing is prescribed.")
    if missing:
        stdout.print(f"Not looked at, as the run has no such exam: {', '.join(missing)}.")


def _tell(model: str, found: Sequence[Prescribed]) -> None:
    from eyechart.report.prescription import told

    stdout.print(f"[bold]{escape(model)}[/]")
    weak = [one for one in found if one.state == "weak"]
    if not weak:
        stdout.print("  No weak spot was shown, so nothing is prescribed.")
    for one in weak:
        stdout.print(f"  [red]weak[/]  {escape(told(one))}")
        for choice in one.rule.remedy:
            stdout.print(f"    [bold]{escape(choice.name)}[/]: {escape(choice.why)}")
            stdout.print(f"      {escape(choice.evidence)} ({escape(choice.source)})")
            stdout.print(f"      Cost: {escape(choice.cost)}")
            stdout.print(f"      Try: {escape(one.command(choice))}")
    for one in found:
        if one.state != "weak":
            word = "fine" if one.state == "fine" else "not shown either way"
            stdout.print(f"  {word}: {escape(told(one))}")
    if weak:
        stdout.print("  None of this is a promise for this model: each command ends with a proof.")
