"""Rows as Parquet: one wide row an image, arrays as fixed-size lists, nulls where an image was not examined."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Array = np.ndarray[Any, Any]
HEAD = ("position", "id", "status", "reason")


def to_table(
    head: Mapping[str, Any], targets: Mapping[str, Array], rows: Mapping[str, Array], examined: Array
) -> pa.Table:
    """A table of all images of a piece.

    Args:
        head: the HEAD columns, one entry an image.
        targets: column -> (n,), stored as ``target_<name>``; ``label`` keeps its name.
        rows: an exam's columns over the examined images only.
        examined: (n,) bool; the others get nulls.
    """
    columns: dict[str, Any] = {"position": pa.array(head["position"], pa.int64())}
    columns |= {name: pa.array([_storable(text) for text in head[name]], pa.string()) for name in HEAD[1:]}
    for name, values in targets.items():
        columns[name if name == "label" else f"target_{name}"] = _target(values)
    where = pa.array(np.where(examined, np.cumsum(examined) - 1, 0), mask=~examined)
    columns |= {name: _column(values).take(where) for name, values in rows.items()}
    return pa.table(columns)


def to_bytes(table: pa.Table) -> bytes:
    """Parquet, zstd."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def from_bytes(data: bytes) -> pa.Table:
    """The inverse of ``to_bytes``.

    In this thread alone (``read_table`` always uses others): a thread of pyarrow that lets go of a Python object aborts a
    process that is about to end.
    """
    with pq.ParquetFile(pa.BufferReader(data)) as parquet:
        return parquet.read(use_threads=False)


def with_like_lists(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """Tables that can stand below one another: arrays of different lengths (of models with other frames or layers) as lists."""
    types: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for field in table.schema:
            if pa.types.is_fixed_size_list(field.type):
                types.setdefault(field.name, set()).add(field.type)
    uneven = [name for name, found in types.items() if len({kind.list_size for kind in found}) > 1]
    return [_with_lists(table, [name for name in uneven if name in table.column_names]) for table in tables]


def _with_lists(table: pa.Table, names: Sequence[str]) -> pa.Table:
    for name in names:
        column = table[name]
        if pa.types.is_fixed_size_list(column.type):  # else of a model that examined nothing
            at = table.column_names.index(name)
            table = table.set_column(at, name, column.cast(pa.list_(column.type.value_type)))
    return table


def exam_columns(table: pa.Table) -> dict[str, Array]:
    """The exam's own columns over the examined images, as numpy arrays."""
    taken = table.filter(pc.is_in(table["status"], pa.array(["ok", "converted"])))
    own = [c for c in table.column_names if c not in (*HEAD, "model", "label") and not c.startswith("target_")]
    return {name: to_numpy(taken[name]) for name in own}


def examined_labels(table: pa.Table) -> Array:
    """Labels of the examined images (-1 = none)."""
    taken = table.filter(pc.is_in(table["status"], pa.array(["ok", "converted"])))
    if "label" not in taken.column_names:
        return np.full(taken.num_rows, -1, np.int64)
    return np.asarray(taken["label"].to_numpy(), np.int64)


def to_numpy(column: pa.ChunkedArray) -> Array:
    """(n,) or (n, k) array of a column without nulls."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        chunks = [
            np.asarray(c.flatten().to_numpy(zero_copy_only=False)).reshape(-1, kind.list_size) for c in column.chunks
        ]
        return np.concatenate(chunks) if chunks else np.zeros((0, kind.list_size), kind.value_type.to_pandas_dtype())
    if pa.types.is_list(kind):
        return np.zeros((len(column), 0), kind.value_type.to_pandas_dtype())
    return np.asarray(column.to_numpy())


def _column(values: Array) -> pa.Array:
    values = np.ascontiguousarray(values)
    if values.ndim == 1:
        return pa.array(values)
    if not np.prod(values.shape[1:]):  # of a model without the layers that an exam looks for
        return pa.array([[]] * len(values), pa.list_(pa.from_numpy_dtype(values.dtype)))
    flat = pa.array(values.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(values.shape[1:])))


def _target(values: Array) -> pa.Array:
    if values.dtype.kind in "OUS":
        return pa.array([None if v is None else _storable(str(v)) for v in values], pa.string())
    return _column(values)


def _storable(text: str) -> str:
    """File names may hold bytes that are no text; those are shown as \\udcXX escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
