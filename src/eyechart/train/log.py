"""The log of a training: one line an epoch, as CSV and as TensorBoard reads it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from eyechart.store.folder import Folder
from eyechart.train import events

NAME = "log.csv"


class Log:
    """Lines so far, written whole after each: a few hundred lines cost nothing, and no line is ever half there.

    Args:
        folder: of the training.
        epochs: lines to keep of an earlier log, of the epochs up to this one.
    """

    def __init__(self, folder: Folder, epochs: int) -> None:
        self._folder = folder
        self.lines: list[dict[str, Any]] = [line for line in read(folder) if int(line["epoch"]) <= epochs]

    @property
    def watched(self) -> bool:
        """Whether exams were sat: their columns have a dot."""
        return any("." in name for line in self.lines for name in line)

    def forget(self, epochs: int) -> None:
        """Remove what an earlier training in this folder has left beyond these epochs."""
        events.forget(self._folder, epochs)

    def add(self, line: Mapping[str, Any]) -> None:
        """Put a line behind the others."""
        self.lines.append(dict(line))
        self._folder.write(NAME, _as_csv(self.lines).encode())
        events.write(self._folder, line)


def read(folder: Folder) -> list[dict[str, Any]]:
    """All lines, their values as text; none where there is no log."""
    data = folder.read(NAME)
    return [] if data is None else list(csv.DictReader(io.StringIO(data.decode())))


def _as_csv(lines: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for line in lines for name in line))
    sink = io.StringIO()
    writer = csv.DictWriter(sink, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return sink.getvalue()
