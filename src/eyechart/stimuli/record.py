"""What an export leaves in its folder beside the pictures: what is finished, the table of targets, where it all comes from."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from eyechart.errors import IdentityError, RunFolderError
from eyechart.run.provenance import provenance
from eyechart.store.folder import Folder

TABLE, ABOUT, ROWS = "targets.csv", "stimuli.json", ".rows"  # readers of image folders pass over hidden ones
COLUMNS = (
    "file",
    "label",
    "shape",
    "texture",
    "content",
    "style",
    "number",
    "kind",
    "settings",
    "seed",
    "clipped_share",
    "notes",
    "status",
    "reason",
)
SCHEMA = 1

Row = dict[str, Any]
Key = tuple[str, int]


class Record:
    """The state of an export: files only, so that the same command goes on, and several processes need no messages.

    Args:
        folder: where it goes.
        identity: what makes it the same export; plain data.

    Raises:
        IdentityError: the folder holds another one.
        RunFolderError: it cannot be read or written, or has files in it that are not an export's.
    """

    def __init__(self, folder: Folder, identity: Mapping[str, Any], command: str) -> None:
        self.folder, self._identity, self._command = folder, identity, command
        folder.check_writable()
        others = [name for name in folder.names("") if not name.startswith(".")]  # listed first: ABOUT may just appear
        about = folder.read_json(ABOUT)
        if about is None:
            if others:
                raise self._foreign(others)
            folder.write_json(ABOUT, self._about(complete=False, counts={}))
        else:
            self._compare(about.get("identity", {}) if isinstance(about, dict) else {})

    def finished(self) -> dict[Key, Row]:
        """Rows of what is finished, by content and number. A picture that has gone is not."""
        rows: dict[Key, Row] = {}
        for name in self.folder.names(ROWS):
            rows |= {(row["content"], row["number"]): row for row in self._part(name)}
        there = self._there({_folder(row["file"]) for row in rows.values() if row["file"]})
        return {key: row for key, row in rows.items() if not row["file"] or row["file"] in there}

    def add(self, rows: Sequence[Row]) -> None:
        """Note that pictures are written."""
        keys = "\n".join(f"{row['number']} {row['content']}" for row in rows)
        name = blake2b(keys.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        self.folder.write_json(f"{ROWS}/{name}.json", list(rows))

    def close(self, rows: Iterable[Row]) -> None:
        """Write the table and say that nothing is missing."""
        rows = sorted(rows, key=lambda row: (row["file"] == "", row["file"], row["content"], row["number"]))
        lines = io.StringIO()
        table = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows({**row, "settings": _text(row["settings"]), "notes": _text(row["notes"])} for row in rows)
        self.folder.write(TABLE, lines.getvalue().encode())
        bad = sum(not row["file"] for row in rows)
        self.folder.write_json(ABOUT, self._about(complete=True, counts={"pictures": len(rows) - bad, "bad": bad}))

    def _part(self, name: str) -> list[Row]:
        rows = self.folder.read_json(f"{ROWS}/{name}")
        if isinstance(rows, list) and all(isinstance(row, dict) and set(COLUMNS) == set(row) for row in rows):
            return rows
        raise RunFolderError(
            f"{ROWS}/{name} is damaged.",
            setting="--out",
            value=self.folder.root,
            way_out="Remove it and give the same command again.",
        )

    def _there(self, folders: Iterable[str]) -> set[str]:
        return {f"{folder}/{name}".lstrip("/") for folder in folders for name in self.folder.names(folder)}

    def _about(self, *, complete: bool, counts: Mapping[str, Any]) -> dict[str, Any]:
        state = {"schema": SCHEMA, "complete": complete, **counts, "identity": dict(self._identity)}
        return {**state, "provenance": provenance(self._command)}

    def _foreign(self, names: Sequence[str]) -> RunFolderError:
        some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        return RunFolderError(
            f"The folder holds other files, which pictures might replace: {some}.",
            setting="--out",
            value=self.folder.root,
            way_out="Choose a new or an empty folder.",
        )

    def _compare(self, other: Mapping[str, Any]) -> None:
        for part, value in self._identity.items():
            if other.get(part) != value:
                former, now = (_text(one)[:120] for one in (other.get(part), value))
                raise IdentityError(
                    f"The folder holds other stimuli: {part.replace('_', ' ')} {former}, not {now}.",
                    setting="--out",
                    value=self.folder.root,
                    way_out="Choose another folder, or give the former images and settings; only --limit may change.",
                )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _folder(file: str) -> str:
    return file.rpartition("/")[0]
