"""A finished (or unfinished) run, as its reader sees it. Needs neither torch nor the model."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from eyechart.core.estimate import Estimate, Estimates
from eyechart.errors import RunFolderError, UnknownNameError
from eyechart.store.folder import Folder
from eyechart.store.rows import from_bytes

FEW_IMAGES = 100


@dataclass(frozen=True)
class KeptCase:
    """A kept case with its pictures (name -> lossless WebP)."""

    key: str
    score: float
    id: str
    facts: Mapping[str, Any]
    pictures: Mapping[str, bytes]


class Run:
    """A run folder.

    ``run.estimates`` are typed; ``run.rows("bands")`` is an Arrow table with one row an image; a notebook shows the run as a
    table of its estimates.
    """

    def __init__(self, root: str | Path) -> None:
        self.folder = Folder(root)
        if not self.record:
            raise RunFolderError(
                "There is no run here.",
                setting="RUN",
                value=root,
                way_out="Name the folder that eyechart exam wrote with --out.",
            )

    @property
    def path(self) -> str:
        """Where the run lies."""
        return self.folder.root

    @cached_property
    def record(self) -> dict[str, Any]:
        """``run.json``: identity, settings, provenance."""
        return self.folder.read_json("run.json") or {}

    @cached_property
    def results(self) -> dict[str, Any]:
        """``results.json`` as plain data."""
        found = self.folder.read_json("results.json")
        if found is None:
            raise RunFolderError(
                "The run is not finished: it has no results.json yet.",
                setting="RUN",
                value=self.path,
                way_out="Give its command again: it goes on where it stopped.",
            )
        return dict(found)

    @cached_property
    def estimates(self) -> Estimates:
        """All figures."""
        return Estimates(Estimate(**e) for e in self.results["estimates"])

    @property
    def complete(self) -> bool:
        """Whether no more images were unusable than were allowed, and something was measured."""
        return bool(self.results["complete"])

    @cached_property
    def page(self) -> dict[str, Any]:
        """Sections (texts, findings, chart specs) and image counts of the report, as plain data."""
        found = self.folder.read_json("page.json")
        if found is None:
            raise self._lost("page.json")
        return dict(found)

    @property
    def exams(self) -> tuple[str, ...]:
        """Names of the exams that were run."""
        return tuple(self.record.get("exams", {}))

    @property
    def few_images(self) -> str:
        """A warning if so few images were examined that hardly anything can be told; else empty."""
        fates = self.page["fates"]
        n = fates["images"] - fates["bad"]
        if not 0 < n < FEW_IMAGES:  # exams of weights alone examine none
            return ""
        return (
            f"only {n} image{'s were' if n > 1 else ' was'} examined: every figure is rough, and most differences cannot show. "
            "Examine some hundreds before you draw conclusions."
        )

    @property
    def lacking(self) -> str:
        """What an incomplete run lacks; empty if it is complete."""
        if self.complete:
            return ""
        if not self.page["sections"]:
            return "nothing was measured: every exam that was asked for was skipped, for the reasons under Images."
        return f"{self.page['fates']['bad']:,} images could not be examined, more than were allowed."

    def rows(self, exam: str) -> pa.Table:
        """One row an image (and model): see the exam's docstring for its columns."""
        data = self.folder.read(f"rows/{exam}.parquet")
        if data is None and exam not in self.exams:
            raise UnknownNameError.of(exam, self.exams, setting="exam")
        try:
            return from_bytes(data or b"")
        except pa.ArrowInvalid as error:
            raise self._lost(f"rows/{exam}.parquet") from error

    def kept(self, slot: str, exam: str) -> list[KeptCase]:
        """Kept cases of an exam, best first within a key. ``slot`` names the model's part of the folder."""
        data = self.folder.read(f"kept/{slot}-{exam}.parquet")
        cases: dict[tuple[str, str], dict[str, Any]] = {}
        for row in from_bytes(data).to_pylist() if data else []:
            case = cases.setdefault((row["key"], row["id"]), {**row, "pictures": {}})
            if row["name"]:
                case["pictures"][row["name"]] = row["webp"]
        fields = ("key", "score", "id", "pictures")
        return [KeptCase(**{f: c[f] for f in fields}, facts=json.loads(c["facts"])) for c in cases.values()]

    def table(self) -> pa.Table:
        """All estimates as an Arrow table; ``at`` and ``chosen`` as text columns."""
        told = [{**e.to_dict(), "at": _at(e.at), "chosen": ", ".join(e.chosen)} for e in self.estimates]
        return pa.Table.from_pylist(told)

    def _lost(self, name: str) -> RunFolderError:
        way_out = "Give the run's command again: what is finished is kept, and the file is written anew."
        return RunFolderError(f"{name} is missing or damaged.", setting="RUN", value=self.path, way_out=way_out)

    def _repr_html_(self) -> str:
        """The estimates as an HTML table, for notebooks."""
        head = ("exam", "measure", "at", "value", "low", "high", "n", "unit", "model")
        lines = ["<tr>" + "".join(f"<th>{name}</th>" for name in head) + "</tr>"]
        for row in self.table().select(list(head)).to_pylist():
            cells = (f"{v:.4g}" if isinstance(v, float) else "" if v is None else str(v) for v in row.values())
            lines.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
        return f"<table>{''.join(lines)}</table>"

    def __repr__(self) -> str:
        if self.folder.read("results.json") is None:
            return f"Run({self.path!r}, not finished)"
        state = "complete" if self.complete else "incomplete"
        return f"Run({self.path!r}, {len(self.estimates)} estimates, {state})"


def _at(at: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in at.items())
