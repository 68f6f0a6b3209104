"""The columns of a Hugging Face table beside the pictures: labels and further targets."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eyechart.images.labels import index_classes, strings

LABELS = ("label", "labels", "fine_label", "cls", "class")

Column = np.ndarray[Any, Any]
Features = dict[str, dict[str, Any]]


def features_of(schema: Any) -> Features:
    """The Hugging Face description of the columns, or nothing."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: kind for name, kind in features.items() if isinstance(kind, dict)}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def label_column(schema: Any, features: Features, image: str) -> str | None:
    """Name of the column of labels: a usual name, or the first of type ClassLabel; whole numbers or strings."""
    announced = [name for name, kind in features.items() if kind.get("_type") == "ClassLabel"]
    for name in (*LABELS, *announced):
        if name in schema.names and name != image:
            kind = schema.field(name).type
            if pa.types.is_integer(kind) or _is_text(kind):
                return name
    return None


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def read_targets(
    files: tuple[str, ...], schema: Any, features: Features, image: str, label: str | None
) -> tuple[dict[str, Column], tuple[str, ...]]:
    """All columns of numbers, truth values or strings, and the class names of the label."""
    targets: dict[str, Column] = {}
    class_names: tuple[str, ...] = ()
    for name in schema.names:
        kind = schema.field(name).type
        scalar = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or _is_text(kind)
        if name == image or not scalar:
            continue
        names = _class_names(features.get(name, {}))
        values = _column(files, name)
        if name == label:
            targets["label"], class_names = _labels(values, names)
            continue
        targets["label_column" if name == "label" else name] = _values(values, names)
    return targets, class_names


def _values(values: Any, names: tuple[str, ...]) -> Column:
    if names and pa.types.is_integer(values.type):
        places = values.fill_null(-1).to_numpy().tolist()
        return strings([names[place] if 0 <= place < len(names) else "" for place in places])
    if _is_text(values.type):
        return strings([text or "" for text in values.to_pylist()])
    numbers: Column = values.to_numpy()  # nulls make a column of whole numbers one of floats with NaN
    return numbers


def _column(files: tuple[str, ...], name: str) -> Any:
    chunks = []
    for file in files:
        with pq.ParquetFile(file) as parquet:
            chunks += parquet.read(columns=[name], use_threads=False).column(0).chunks
    return pa.chunked_array(chunks)


def _class_names(feature: dict[str, Any]) -> tuple[str, ...]:
    names = feature.get("names")
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def _labels(values: Any, names: tuple[str, ...]) -> tuple[Column, tuple[str, ...]]:
    if not pa.types.is_integer(values.type):
        return index_classes([text or "" for text in values.to_pylist()])
    labels = np.maximum(values.cast(pa.int64()).fill_null(-1).to_numpy(), -1)
    most = int(labels.max()) + 1
    if names and len(set(names)) == len(names) >= most:
        return labels, names
    if most > 1_000_000 or names:
        raise ValueError(f"the greatest label is {most - 1}, and there are {len(names)} different class names")
    return labels, tuple(f"{number:0{len(str(most - 1))}d}" for number in range(most))
