"""What ``treat`` and ``train`` say when they have proved what they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from eyechart.cli.console import stderr

if TYPE_CHECKING:
    from eyechart.run.session import Session


def tell_proof(session: Session, pairs: Sequence[tuple[str, str]], roles: Mapping[str, str]) -> None:
    """Compare the models of a finished session, keep the comparison for the report, and say its findings."""
    from eyechart.proving import FILE, prove
    from eyechart.report.proof_section import proof_section

    prove(session, pairs, roles)
    marks = {"strong": "[green]gained[/]", "weak": "[red]lost[/]", "note": "note"}
    for section in proof_section(session.folder.read_json(FILE)):
        for finding in section.findings:
            stderr.print(f"  {marks[finding.verdict]:>6}  {escape(finding.sentence)}")
