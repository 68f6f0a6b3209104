"""Several models on the images that all of them get right, so that the better model is not the stabler for that alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Exam, Subject
from eyechart.core.tally import Tally
from eyechart.store.rows import exam_columns, examined_labels

Array = np.ndarray[Any, Any]
GIVEN = {"given": "all_models_correct"}
NONE: Mapping[str, Any] = {
    "value": None,
    "low": None,
    "high": None,
    "n": 0,
    "reason": "no image is right by all models",
}


def on_common_ground(exam: Exam, tables: Sequence[pa.Table], subjects: Sequence[Subject]) -> list[Estimates]:
    """For each model, what the exam estimates at {given: correct}, on the images that all models get right.

    Undefined, with the reason, where there is no such image.

    Args:
        exam: with a ``right_by``; else there is nothing to tell.
        tables: its rows, a table a model, of the same images.
        subjects: of the models.
    """
    if not exam.right_by or len(tables) < 2 or any(exam.right_by not in table.column_names for table in tables):
        return [Estimates() for _ in tables]
    common = set.intersection(*(set(_right(table, exam.right_by)) for table in tables))
    return [Estimates(_estimates(exam, *pair, common)) for pair in zip(tables, subjects, strict=True)]


def _right(table: pa.Table, column: str) -> Array:
    """Positions of the images that a model gets right."""
    labels = examined_labels(table)
    return np.asarray(_positions(table)[(exam_columns(table)[column] == labels) & (labels >= 0)])


def _estimates(exam: Exam, table: pa.Table, subject: Subject, common: set[int]) -> Iterator[Estimate]:
    rows, labels = exam_columns(table), examined_labels(table)
    if common:
        chosen = np.isin(_positions(table), sorted(common))
        rows, labels = {name: column[chosen] for name, column in rows.items()}, labels[chosen]
    for e in exam.estimates(Tally(rows), labels, subject):
        if e.at.get("given") == "correct":
            yield replace(e, at={**e.at, **GIVEN}, **({} if common else NONE))


def _positions(table: pa.Table) -> Array:
    taken = table.filter(pc.is_in(table["status"], pa.array(["ok", "converted"])))
    return np.asarray(taken["position"].to_numpy(), np.int64)
