"""Exporting stimuli: decode workers draw, a batch is painted, pictures and rows are written while the next is made."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from eyechart.core.view import Plain, SourceView
from eyechart.errors import BadImagesError
from eyechart.images.image_set import ImageSet
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.batches import Artist
from eyechart.run.draw import Drawn, Job
from eyechart.run.reporter import Reporter
from eyechart.run.spread import Rank
from eyechart.stimuli.names import Names
from eyechart.stimuli.painter import Format, Painter, encoded
from eyechart.stimuli.pairing import Pairing
from eyechart.stimuli.record import TABLE, Record, Row

OPEN = 2  # batches whose pictures are being written while the next is made
FEW = 64  # images for which no decode workers are started

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Unit:
    """One picture to be made: the place of its content in the set, and which of the content's pictures it is."""

    content: int
    number: int


@dataclass(frozen=True)
class Stimuli:
    """What was made.

    Attributes:
        path: the folder: class folders, ``targets.csv`` and ``stimuli.json``.
        pictures: how many there are.
        bad: how many could not be made.
        complete: False while other processes are still at work.
    """

    path: str
    pictures: int
    bad: int
    complete: bool

    @property
    def table(self) -> str:
        """The table of targets: file, label, shape, texture, content, style, settings; readable by ``labels=``."""
        return f"{self.path.rstrip('/')}/{TABLE}"


class Export:
    """One call's work. Arguments as in ``make_stimuli``."""

    def __init__(
        self,
        painter: Painter,
        images: ImageSet,
        pairing: Pairing | None,
        record: Record,
        format: Format,
        seed: int,
        per_image: int,
    ) -> None:
        self._painter, self._images, self._pairing, self._record = painter, images, pairing, record
        self._format, self._seed, self._each = format, seed, per_image
        self._names = Names(images, pairing.styles if pairing else None)
        self._shared: Row = {"kind": painter.recipe.name, "settings": painter.recipe.settings, "seed": seed}

    def run(self, units: Sequence[Unit], workers: int | Literal["auto"], max_bad: int, reporter: Reporter) -> Stimuli:
        """Make what is missing; whoever finds that nothing is missing writes the table. See ``make_stimuli``."""
        rank = Rank.from_environment()
        done = self._record.finished()
        todo = [unit for unit in units[rank.number :: rank.of] if self._key(unit) not in done]
        reporter.begin("stimuli", len(todo))
        count = _workers(len(todo), self._images) if workers == "auto" else workers
        cores = os.cpu_count() or 1
        try:
            with Artist(count) as artist, ThreadPoolExecutor(cores) as writers:
                waiting: deque[tuple[list[Row], list[Future[None]]]] = deque()
                for rows, pictures in self._batches(todo, artist):
                    waiting.append((rows, [writers.submit(self._write, *picture) for picture in pictures]))
                    while len(waiting) > OPEN:
                        reporter.advance(self._settle(*waiting.popleft()))
                while waiting:
                    reporter.advance(self._settle(*waiting.popleft()))
        finally:
            reporter.end()
        return self._closed(units, max_bad)

    def _closed(self, units: Sequence[Unit], max_bad: int) -> Stimuli:
        done = self._record.finished()
        bad = sum(not row["file"] for row in done.values())
        complete = all(self._key(unit) in done for unit in units)
        if complete:
            self._record.close(done.values())
        if complete and bad > max_bad:
            some = next(row for row in done.values() if not row["file"])
            raise BadImagesError(
                f"{bad:,} of {len(done):,} pictures could not be made, "
                f"the first of {some['content']}: {some['status']}, {some['reason']}",
                setting="--max-bad",
                value=max_bad,
                way_out=f"All others are there; {TABLE} lists what is wrong. Allow as many with --max-bad, or mend the images "
                "and choose another folder with --out.",
            )
        return Stimuli(self._record.folder.root, len(done) - bad, bad, complete)

    def _key(self, unit: Unit) -> tuple[str, int]:
        return self._images.ids[unit.content], unit.number

    def _write(self, file: str, picture: Array) -> None:
        self._record.folder.write(file, encoded(picture, self._format))

    def _settle(self, rows: list[Row], writing: list[Future[None]]) -> int:
        for future in writing:
            future.result()
        self._record.add(rows)
        return len(rows)

    def _batches(self, todo: Sequence[Unit], artist: Artist) -> Iterator[tuple[list[Row], list[tuple[str, Array]]]]:
        """Rows, and (file, picture) of those that could be made."""
        ahead: deque[tuple[list[Unit], _Chosen | None]] = deque()
        drawn = artist.drawn(self._jobs(todo, ahead))
        for _, contents in drawn:
            batch, chosen = ahead.popleft()
            if chosen is not None:
                chosen.put(range(len(batch)), next(drawn)[1])
                self._again(chosen, artist)
            yield self._made(batch, contents, chosen)

    def _jobs(self, todo: Sequence[Unit], ahead: deque[tuple[list[Unit], _Chosen | None]]) -> Iterator[Job]:
        """Of each batch a job for the contents and, with styles, one for these; what they are for goes to ``ahead``."""
        for start in range(0, len(todo), self._painter.together):
            batch = list(todo[start : start + self._painter.together])
            chosen = None
            if self._pairing is not None:
                chosen = _Chosen([self._pairing.of(u.content, u.number, self._each) for u in batch])
            ahead.append((batch, chosen))
            places = [unit.content for unit in batch]
            yield self._job(self._images, places, self._painter.source, self._painter.content)
            if chosen is not None:
                yield self._style_job(chosen.places)

    def _style_job(self, places: Sequence[int | None]) -> Job:
        """Where there is no style left, any is drawn, and the picture is not made."""
        images = self._images if self._pairing is None else self._pairing.styles
        return self._job(images, [place or 0 for place in places], Plain(), self._painter.style)

    def _job(self, images: ImageSet, places: Sequence[int], view: SourceView, frame: Preprocessing) -> Job:
        sources = tuple(images.source(place) for place in places)
        return Job(tuple(images.ids[place] for place in places), sources, (view,), frame, self._seed)

    def _again(self, styles: _Chosen, artist: Artist) -> None:
        """Styles that cannot be decoded give way to the image's next candidate, until none is left."""
        while pending := styles.undecoded:
            styles.move_on(pending)
            ((_, drawn),) = artist.drawn([self._style_job([styles.places[i] for i in pending])])
            styles.put(pending, drawn)

    def _made(
        self, batch: Sequence[Unit], contents: Drawn, styles: _Chosen | None
    ) -> tuple[list[Row], list[tuple[str, Array]]]:
        fine = contents.examined & contents.valid[0]
        if styles is not None:
            fine &= styles.usable
        rows = [self._row(unit, styles.places[i] if styles else None) for i, unit in enumerate(batch)]
        for row, ok, status, reason in zip(rows, fine, contents.status, contents.reason, strict=True):
            bad = (status, reason) if status not in ("ok", "converted") else _NOT_SHOWN
            row.update(dict(zip(("status", "reason"), ("ok", "") if ok else bad, strict=True)))
        kept = np.flatnonzero(fine)
        if not len(kept):
            return [_without_file(row) for row in rows], []
        ids = tuple(self._images.ids[batch[int(i)].content] for i in kept)
        notes = {name: column[kept] for name, column in contents.notes[0].items()}
        content = self._painter.pixels(contents.frames[0][kept], ids, self._seed, notes)
        style = None if styles is None else self._painter.pixels(styles.frames(kept), ids, self._seed, {})
        pictures, found, valid = self._painter.paint(content, style)
        for k, i in enumerate(kept):
            values = {name: float(f"{column[k]:.6g}") for name, column in found.items()}
            rows[i]["clipped_share"] = values.pop("clipped_share")
            rows[i]["notes"] = {name: value if np.isfinite(value) else None for name, value in values.items()}
            if not valid[k]:
                rows[i].update(dict(zip(("status", "reason"), _NOT_SHOWN, strict=True)))
        written = [(rows[i]["file"], pictures[k]) for k, i in enumerate(kept) if valid[k]]
        return [row if row["status"] == "ok" else _without_file(row) for row in rows], written

    def _row(self, unit: Unit, style: int | None) -> Row:
        kind = self._painter.recipe.kind
        label = Pairing.class_of(self._images, unit.content)
        other = label if self._pairing is None else ""
        if self._pairing is not None and style is not None:
            other = Pairing.class_of(self._pairing.styles, style)
        return {
            "file": f"{self._names.path(unit.content, style, unit.number, self._each > 1)}.{self._format}",
            "label": label,
            "shape": label if kind.shape else "",
            "texture": other if kind.texture else "",
            "content": self._images.ids[unit.content],
            "style": "" if self._pairing is None or style is None else self._pairing.styles.ids[style],
            "number": unit.number,
            **self._shared,
            "clipped_share": None,
            "notes": {},
            "status": "",
            "reason": "",
        }


class _Chosen:
    """The styles of a batch: places in the set (None: no candidate left); once put, frames and whether they were decoded."""

    def __init__(self, candidates: Sequence[Iterator[int]]) -> None:
        self._candidates = candidates
        self.places = [next(each, None) for each in candidates]
        self._frames: list[Array | None] = [None] * len(candidates)
        self._decoded = np.zeros(len(candidates), bool)

    @property
    def undecoded(self) -> list[int]:
        """Of the batch, those with a style that could not be decoded."""
        return [i for i, place in enumerate(self.places) if place is not None and not self._decoded[i]]

    @property
    def usable(self) -> Array:
        """(n,) bool."""
        return np.asarray(self._decoded & np.array([place is not None for place in self.places], bool))

    def move_on(self, which: Sequence[int]) -> None:
        """Take the next candidates."""
        for i in which:
            self.places[i] = next(self._candidates[i], None)

    def put(self, which: Sequence[int], drawn: Drawn) -> None:
        """What was drawn of the styles in ``places``."""
        for k, i in enumerate(which):
            self._frames[i], self._decoded[i] = drawn.frames[0, k], drawn.examined[k]

    def frames(self, which: Array) -> Array:
        """(n, h, w, 3) uint8."""
        return np.stack([frame for frame in (self._frames[i] for i in which) if frame is not None])


_NOT_SHOWN = (
    "not_shown",
    "The kind cannot be made of this image (see: eyechart list stimuli; silhouettes take a near-white ground or --masks), or "
    "no style that fits can be read.",
)


def _without_file(row: Row) -> Row:
    return {**row, "file": ""} if row["status"] != "ok" else row


def _workers(count: int, images: ImageSet) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 0 if count <= FEW or images.in_memory else min(cores, 8)
