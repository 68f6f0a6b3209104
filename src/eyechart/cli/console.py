"""What the user sees while a command runs: everything on stderr, so that stdout carries results alone."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from eyechart.errors import EyechartError

# no emoji: a model may be called :two:
stderr = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
stdout = Console(highlight=False, soft_wrap=True, emoji=False)


def complain(error: EyechartError) -> None:
    """One paragraph: what went wrong, the setting and its value, the way out."""
    stderr.print(f"[bold red]Error:[/] {escape(str(error))}")


class Teller:
    """Shows how a run goes: sentences, and a bar with the time left. ``unit``: of what the bar counts."""

    def __init__(self, unit: str = "forwards") -> None:
        self._unit = unit
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def say(self, text: str) -> None:
        """Print one sentence."""
        stderr.print(escape(text))

    def begin(self, what: str, total: int) -> None:
        """Start the bar."""
        if not total:
            return
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(self._unit),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=stderr,
            transient=True,
        )
        self._task = self._bar.add_task(what, total=total)
        self._bar.start()

    def advance(self, forwards: int) -> None:
        """Move the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, forwards)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
