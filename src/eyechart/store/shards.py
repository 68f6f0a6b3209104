"""Finished shards: parts under content names first, a small manifest last. A shard exists if its manifest verifies."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from eyechart.core.ranked import from_arrays
from eyechart.core.tally import Kept, Tally
from eyechart.store import rows
from eyechart.store.folder import Folder

SCHEMA = 1
Range = tuple[int, int]


@dataclass(frozen=True)
class Piece:
    """One exam's finished work on positions ``start`` to ``stop`` (exclusive) of the seeded order."""

    start: int
    stop: int
    parts: dict[str, dict[str, Any]]
    images: int
    bad: int
    seconds: float
    limit: int = 0


class Shelf:
    """The shards of one exam (one key) of one model.

    Args:
        folder: of the run.
        under: subfolder, named by model, exam and key.
        say: told about shards that do not verify; they are done again.
    """

    def __init__(self, folder: Folder, under: str, say: Callable[[str], None] = lambda _: None) -> None:
        self.folder, self.under, self._say = folder, under, say
        self._verified: dict[str, Piece] = {}

    def commit(self, span: Range, table: pa.Table, tally: Tally, *, images: int, bad: int, seconds: float) -> None:
        """Write parts, then the manifest."""
        contents = {"rows": (rows.to_bytes(table), "parquet")}
        if tally.sums:
            contents["sums"] = (_npz(tally.sums), "npz")
        if tally.kept:
            contents["kept"] = (json.dumps([asdict(case) for case in tally.kept]).encode(), "json")
        if tally.ranked:
            contents["ranked"] = (
                _npz({k: v for name, one in tally.ranked.items() for k, v in one.arrays(name).items()}),
                "npz",
            )
        parts = {}
        for kind, (data, ending) in contents.items():
            digest = _digest(data)
            name = f"{span[0]:09d}-{span[1]:09d}-{kind}-{digest[:12]}.{ending}"
            self.folder.write(f"{self.under}/{name}", data)
            parts[kind] = {"name": name, "size": len(data), "blake2b": digest}
        piece = Piece(*span, parts, images, bad, seconds, tally.limit)
        self.folder.write_json(f"{self.under}/{_manifest(span)}", {"schema": SCHEMA, **asdict(piece)})

    def pieces(self, n: int) -> list[Piece]:
        """Verified pieces that lie within the first ``n`` positions and do not overlap, in order."""
        names = [n for n in self.folder.names(self.under) if n.endswith(".manifest.json") and not n.startswith(".")]
        found = [piece for name in names if (piece := self._verify(name)) is not None]
        chosen: list[Piece] = []
        for piece in sorted(found, key=lambda p: (p.start, -p.stop)):
            if piece.stop <= n and (not chosen or piece.start >= chosen[-1].stop):
                chosen.append(piece)
        return chosen

    def table(self, piece: Piece) -> pa.Table:
        """The rows of a piece."""
        return rows.from_bytes(self._part(piece, "rows"))

    def tally(self, piece: Piece, table: pa.Table) -> Tally:
        """The tally of a piece, its rows taken from ``table``."""
        sums, ranked = self._arrays(piece, "sums"), from_arrays(self._arrays(piece, "ranked"))
        cases = json.loads(self._part(piece, "kept")) if "kept" in piece.parts else []
        return Tally(rows.exam_columns(table), sums, tuple(Kept(**case) for case in cases), piece.limit, ranked)

    def _arrays(self, piece: Piece, kind: str) -> dict[str, Any]:
        if kind not in piece.parts:
            return {}
        with np.load(io.BytesIO(self._part(piece, kind)), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}

    def _part(self, piece: Piece, kind: str) -> bytes:
        data = self.folder.read(f"{self.under}/{piece.parts[kind]['name']}")
        return data if data is not None else b""

    def _verify(self, name: str) -> Piece | None:
        """A piece whose parts are all there and whole; checked once a process."""
        if name in self._verified:
            return self._verified[name]
        try:
            stored = json.loads(self.folder.read(f"{self.under}/{name}") or b"null")
            if stored.pop("schema") != SCHEMA:
                raise ValueError("another schema")
            piece = Piece(**stored)
            if _manifest((piece.start, piece.stop)) != name or "rows" not in piece.parts:
                raise ValueError("it does not say what its name says")
            for kind, part in piece.parts.items():
                data = self._part(piece, kind)
                if len(data) != part["size"] or _digest(data) != part["blake2b"]:
                    raise ValueError(f"{part['name']} is not what was written")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._say(f"Shard {self.under}/{name} does not verify ({error}): it is done again.")
            self.folder.remove(f"{self.under}/{name}")
            return None
        self._verified[name] = piece
        return piece


def missing(done: Iterable[Range], stop: int) -> list[Range]:
    """The parts of 0 to ``stop`` that no range of ``done`` covers.

    >>> missing([(0, 4), (6, 8)], 10)
    [(4, 6), (8, 10)]
    """
    gaps, at = [], 0
    for start, end in sorted(done):
        if start > at:
            gaps.append((at, min(start, stop)))
        at = max(at, end)
    if at < stop:
        gaps.append((at, stop))
    return [(a, b) for a, b in gaps if a < b]


def cut(gaps: Sequence[Range], size: int) -> list[Range]:
    """Cut ranges at the multiples of ``size``, so that differently sized pieces nest.

    >>> cut([(3, 10)], 4)
    [(3, 4), (4, 8), (8, 10)]
    """
    found = []
    for start, stop in gaps:
        at = start
        while at < stop:
            end = min(stop, (at // size + 1) * size)
            found.append((at, end))
            at = end
    return found


def _manifest(span: Range) -> str:
    return f"{span[0]:09d}-{span[1]:09d}.manifest.json"


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def _npz(arrays: Any) -> bytes:
    sink = io.BytesIO()
    np.savez_compressed(sink, **arrays)  # sums by class are mostly 0
    return sink.getvalue()
