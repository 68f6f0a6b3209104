"""Several models on the same images: on those that all get right, so that the better is not the stabler for that alone, and
one less another, with intervals that resample the same images for both."""

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


def side_by_side(
    exam: Exam, tables: Sequence[pa.Table], subjects: Sequence[Subject], names: Sequence[str]
) -> list[Estimates]:
    """For each model: see ``on_common_ground``, and what it has more than each of those after it (``estimates_against``).

    Args:
        exam, tables, subjects: see there.
        names: of the models.
    """
    common = on_common_ground(exam, tables, subjects)
    if type(exam).estimates_against is Exam.estimates_against:
        return common
    models = list(zip(tables, subjects, names, strict=True))
    return [
        Estimates((*found, *(e for other in models[k + 1 :] for e in _against(exam, models[k], other))))
        for k, found in enumerate(common)
    ]


def _against(
    exam: Exam, own: tuple[pa.Table, Subject, str], other: tuple[pa.Table, Subject, str]
) -> Iterator[Estimate]:
    shared = np.intersect1d(_positions(own[0]), _positions(other[0]), assume_unique=True)
    if not len(shared) or own[0].column_names != other[0].column_names:
        return
    for e in exam.estimates_against(_in_order(own[0], shared), _in_order(other[0], shared), own[1], other[1]):
        yield replace(e, at={**e.at, "less": other[2]})


def _in_order(table: pa.Table, positions: Array) -> Tally:
    """The rows at these positions, which ascend."""
    own = _positions(table)
    order = np.argsort(own)
    chosen = order[np.searchsorted(own[order], positions)]
    return Tally({name: column[chosen] for name, column in exam_columns(table).items()})


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
