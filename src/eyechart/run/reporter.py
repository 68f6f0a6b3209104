"""Who is told how a run goes."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Told what happens; never printed to by the engine itself."""

    def say(self, text: str) -> None:
        """One sentence for the user."""

    def begin(self, what: str, total: int) -> None:
        """``total`` forwards of ``what`` are about to be run."""

    def advance(self, forwards: int) -> None:
        """That many are done."""

    def end(self) -> None:
        """What was begun is over, done or not."""


class Silent:
    """Keeps what is said, shows nothing."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """Remember it."""
        self.said.append(text)

    def begin(self, what: str, total: int) -> None:
        """Show nothing."""

    def advance(self, forwards: int) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""
