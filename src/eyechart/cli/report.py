"""``eyechart report``: the report of a finished run, again."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter


def report(run: Annotated[str, Parameter(help="Run folder or URL.")]) -> None:
    """Write RUN/report.html from the run folder alone: no model, no images, no torch."""
    from eyechart.report.page import render_page
    from eyechart.report.run_page import page_of
    from eyechart.store.run_folder import Run

    found = Run(run)
    found.folder.write("report.html", render_page(page_of(found)).encode("utf-8"))
    print(f"{run.rstrip('/')}/report.html")
