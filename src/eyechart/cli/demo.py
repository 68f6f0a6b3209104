"""``eyechart demo``: the embedded model and images."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter


def demo(
    *,
    out: Annotated[str | None, Parameter(help="Run folder; a new one in the current folder if not given.")] = None,
    json: Annotated[bool, Parameter(name="--json", negative="", help="Print the summary as JSON on stdout.")] = False,
) -> None:
    """Examine the embedded CIFAR-10 network on 1,000 embedded test images and write a report; about a minute."""
    from eyechart.cli.exam import ExamOptions, examine_and_tell

    examine_and_tell(("demo",), ExamOptions(images="demo", out=out), as_json=json, dry_run=False)
