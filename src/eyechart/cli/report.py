"""``eyechart report``: the report of a finished run, again."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter


def report(run: Annotated[str, Parameter(help="Run folder or URL.")]) -> None:
    """Write RUN/report.html from the run folder alone: no model, no images, no torch."""
    from eyechart.report.run_page import write_report

    print(write_report(run))
