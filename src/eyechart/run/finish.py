"""When all shards stand: rows, estimates, kept pictures and the words of the report."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from PIL import Image

from eyechart.core.chart import Section
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Exam, Subject
from eyechart.core.query import Query
from eyechart.core.tally import Kept, Tally
from eyechart.core.view import Pixels, split_stages
from eyechart.errors import BadImagesError
from eyechart.run.draw import draw
from eyechart.run.engine import Engine
from eyechart.run.merge import parts
from eyechart.run.plan import Work, source_views
from eyechart.run.render import show, unit
from eyechart.run.training import beside
from eyechart.store.folder import Folder
from eyechart.store.rows import HEAD, examined_labels, to_bytes, to_table, with_like_lists

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Finished:
    """What one exam says of one model.

    Attributes:
        estimates: with the model's name filled in.
        section: for the report; None if no image could be examined.
        table: the exam's rows; none of them where no image was shown.
        training: likewise of training images; None where there are none.
        training_examined: whether one of them could be examined.
        cases: kept cases with pictures, as plain data (pictures as lossless WebP bytes).
    """

    model: str
    exam: Exam
    estimates: Estimates
    section: Section | None
    table: pa.Table
    cases: list[dict[str, Any]]
    training: pa.Table | None = None
    training_examined: bool = False


def finish(engine: Engine, exam: Exam, works: Sequence[Work], training: Training | None = None) -> Finished:
    """Read the last stage's shards and compute; ``training``: the engine of the training images, and what it did."""
    name, (table, tally, found) = engine.model.name, _measured(engine, exam, works)
    if tally is None:
        return Finished(name, exam, Estimates(), None, table, [])
    other, seen, fitted = _measured(training[0], exam, training[1]) if training else (None, None, Estimates())
    more = beside(exam, found, fitted)
    if seen is not None:
        together = exam.estimates_beside(tally, examined_labels(table), seen, engine.subject)
        more = Estimates((*more, *_named(engine, together)))
    section = _section(exam, found, tally, engine.subject, more)
    cases = [_pictured(engine, exam, case) for case in tally.kept]
    return Finished(name, exam, Estimates((*found, *more)), section, table, cases, other, seen is not None)


Training = tuple[Engine, Sequence[Work]]


def _measured(engine: Engine, exam: Exam, works: Sequence[Work]) -> tuple[pa.Table, Tally | None, Estimates]:
    """All rows of an exam, and, if an image could be examined, its tally and estimates."""
    tables, labels = [], []

    def tallies() -> Iterator[Tally]:
        for table, tally in parts(works[-1].shelf, engine.n):
            tables.append(table)
            labels.append(examined_labels(table))
            if tally.rows or tally.sums or tally.kept:
                yield tally

    merged = Tally.merge(tallies())
    whole = pa.concat_tables(tables, promote_options="default")
    if not (merged.rows or merged.sums or merged.kept):
        return whole, None, Estimates()
    return whole, merged, _estimates(engine, exam, merged, np.concatenate(labels))


def _estimates(engine: Engine, exam: Exam, tally: Tally, labels: Array) -> Estimates:
    """What the exam makes of its tally, under the model's name."""
    return _named(engine, exam.estimates(tally, labels, engine.subject))


def _named(engine: Engine, found: Estimates) -> Estimates:
    return Estimates(replace(e, model=engine.model.name) for e in found)


def finish_without_images(engine: Engine, exam: Exam) -> Finished:
    """What an exam of weights alone says."""
    found = _estimates(engine, exam, Tally(), np.empty(0, np.int64))
    section = _section(exam, found, Tally(), engine.subject, Estimates())
    nothing = to_table({name: [] for name in HEAD}, {}, {}, np.empty(0, bool))
    return Finished(engine.model.name, exam, found, section, nothing, [])


def _section(exam: Exam, found: Estimates, tally: Tally, subject: Subject, training: Estimates) -> Section:
    charts = (*exam.charts(found), *exam.plates(tally, subject))
    findings = tuple(exam.findings(found))
    if training:
        charts = (*charts, *exam.charts_beside(found, training))
        findings = (*findings, *exam.findings_beside(training))
    return Section(exam.name, exam.title, exam.explanation, findings, charts, exam.headline)


def write_rows(folder: Folder, finished: Sequence[Finished]) -> None:
    """``rows/<exam>.parquet``: the models' rows of one exam below one another, in the seeded order.

    Those of training images lie in ``rows/<exam>.training.parquet``.
    """
    name = finished[0].exam.name
    _write_table(folder, name, [(found.model, found.table) for found in finished])
    _write_table(folder, f"{name}.training", [(found.model, found.training) for found in finished])


def _write_table(folder: Folder, name: str, tables: Sequence[tuple[str, pa.Table | None]]) -> None:
    named = []
    for model, table in tables:
        if table is not None:
            names = pa.array([model] * table.num_rows).dictionary_encode()
            named.append(table.add_column(len(HEAD), "model", names))
    if not named:
        folder.remove(f"rows/{name}.parquet")  # of an earlier command
        return
    # A model that could examine nothing lacks the exam's columns: nulls.
    whole = pa.concat_tables(with_like_lists(named), promote_options="default")
    folder.write(f"rows/{name}.parquet", to_bytes(whole))


def write_kept(folder: Folder, slot: str, finished: Finished) -> None:
    """``kept/<model>-<exam>.parquet``: one row a picture of a kept case."""
    name = f"kept/{slot}-{finished.exam.name}.parquet"
    rows = [
        {
            **{k: case[k] for k in ("key", "score", "id")},
            "facts": json.dumps(case["facts"]),
            "name": picture,
            "webp": data,
        }
        for case in finished.cases
        for picture, data in (case["pictures"] or {"": b""}).items()  # a case that cannot be drawn stays a case
    ]
    if rows:
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), sink)
        folder.write(name, sink.getvalue())
    else:
        folder.remove(name)  # of the same exam with other settings


class Fates:
    """How each image fared over all exams and models: its worst status counts, once."""

    def __init__(self) -> None:
        self.images = 0
        self._odd: dict[str, tuple[str, str]] = {}

    def add(self, table: pa.Table) -> None:
        """Take note of the rows of an exam on a model."""
        self.images = max(self.images, table.num_rows)
        odd = table.filter(pc.not_equal(table["status"], "ok")).select(["id", "status", "reason"])
        for row in odd.to_pylist():
            if row["id"] not in self._odd or self._odd[row["id"]][0] == "converted":
                self._odd[row["id"]] = (row["status"], row["reason"])

    @property
    def bad(self) -> int:
        """Number of images that some exam could not examine."""
        return sum(status != "converted" for status, _ in self._odd.values())

    def too_many(self, allowed: int, where: str) -> BadImagesError:
        """What is said where more images than are allowed could not be examined."""
        first, (_, reason) = next((i, o) for i, o in sorted(self._odd.items()) if o[0] != "converted")
        unfit = sum(found == "not_finite" for found, _ in self._odd.values())
        ways = ["mend or remove the images (eyechart doctor lists them)"] if self.bad > unfit else []
        ways += ["check the model's weights and preprocessing"] if unfit else []
        counted = f"{self.bad} of {self.images} images could not be examined by all exams"
        counted += f" ({unfit} of them since the model answered NaN or infinity)" if 0 < unfit < self.bad else ""
        others = (
            "Exams leave out what they could not examine, and the results are"
            if self.bad < self.images
            else "What was tried is"
        )
        return BadImagesError(
            f"{counted}; the first is {first}: {reason.rstrip('.')}. {others} in {where}.",
            setting="--max-bad",
            value=allowed,
            way_out=f"{', or '.join(ways).capitalize()}; or allow them with --max-bad {self.bad}.",
        )

    def to_dict(self) -> dict[str, Any]:
        """Counts by status, and the images that were not simply ok, by id."""
        counts = {"ok": self.images - len(self._odd)}
        for status, _ in self._odd.values():
            counts[status] = counts.get(status, 0) + 1
        odd = [{"id": i, "status": s, "reason": r} for i, (s, r) in sorted(self._odd.items())]
        return {"images": self.images, "bad": self.bad, "counts": counts, "odd": odd}


def _pictured(engine: Engine, exam: Exam, case: Kept) -> dict[str, Any]:
    """Draw the views of a kept case."""
    views = exam.pictures(case)
    told = {"key": case.key, "score": case.score, "id": case.id, "facts": dict(case.facts)}
    if not views:  # there may be thousands
        return {**told, "pictures": {}}
    sources = source_views([Query(view) for view in views.values()])
    position = engine.jobs.position_of(case.id)
    job = engine.jobs.of([position], sources)
    drawn = draw(job)
    pictures = {}
    if drawn.examined.all():
        frames = [unit(torch.from_numpy(f).permute(0, 3, 1, 2).to(engine.model.device)) for f in drawn.frames]
        shown = {s: Pixels(f, job.ids, job.seed, n) for s, f, n in zip(sources, frames, drawn.notes, strict=True)}
        attacked = engine.attacked([position])
        first = {s: Pixels(p.tensor, p.ids, p.seed, p.notes, shown, attacked=attacked) for s, p in shown.items()}
        for name, view in views.items():
            pictures[name] = _webp(show(view, first[split_stages(view)[0]])[0][0])
    return {**told, "pictures": pictures}


def _webp(pixels: torch.Tensor) -> bytes:
    """Lossless WebP of (c, h, w) values in [0, 1], clipped. Method 0: twenty times faster, 8 % larger than the default."""
    shown = pixels.mul(255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    sink = io.BytesIO()
    Image.fromarray(shown if shown.shape[2] == 3 else np.repeat(shown, 3, axis=2)).save(
        sink, "WEBP", lossless=True, method=0
    )
    return sink.getvalue()
