"""``parquet:GLOB``: images in Parquet files, as Hugging Face data sets are stored."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eyechart.errors import ImagesError
from eyechart.images.fingerprint import Fingerprint
from eyechart.images.ids import PathIds, printable
from eyechart.images.image_set import ImageSet, Source
from eyechart.images.row_groups import RowGroups
from eyechart.images.sources import BytesSource, RefusedSource
from eyechart.images.table_columns import Features, features_of, label_column, read_targets

_IMAGES = ("image", "img", "jpg", "png", "webp", "bytes")
_BROKEN = (OSError, pa.ArrowException, ValueError, KeyError)


@dataclass(frozen=True, eq=False, kw_only=True)
class ParquetSet(ImageSet):
    """Images in the rows of Parquet files; row groups are read as they are needed.

    Attributes:
        files: in the order of their names.
        starts: place of the first image of every row group, and the number of images.
        groups: (file, number of the row group in it) for every row group.
        rows: reads single pictures.
    """

    files: tuple[str, ...]
    starts: np.ndarray[Any, np.dtype[np.int64]]
    groups: tuple[tuple[int, int], ...]
    rows: RowGroups = field(repr=False)

    def source(self, index: int) -> Source:
        """The encoded picture of one row."""
        place = range(len(self))[index]
        at = int(np.searchsorted(self.starts, place, side="right")) - 1
        file, group = self.groups[at]
        try:
            encoded = self.rows.value(self.files[file], group, place - int(self.starts[at]))
        except _BROKEN as error:
            return RefusedSource("unreadable", f"The row cannot be read: {str(error)[:200]}.")
        return RefusedSource("missing", "The row holds no picture.") if encoded is None else BytesSource(encoded)


def open_parquet(pattern: str, *, budget: int = 256 << 20) -> ParquetSet:
    """Open the Parquet files that fit ``pattern``.

    Pictures: the column ``image`` (or the first of type Image), a struct with ``bytes``, or binary. Labels: ``label``
    (or the first of type ClassLabel), whole numbers with the class names of the Hugging Face metadata, or strings;
    null and negative are no label. Other columns of numbers, truth values or strings become targets.

    Args:
        pattern: path of a file, or a glob pattern.
        budget: bytes of row groups kept in memory.

    Raises:
        ImagesError: where there are no such files, or they cannot be read or do not fit together.
    """
    files = tuple(sorted(glob.glob(pattern, recursive=True))) or ((pattern,) if os.path.isfile(pattern) else ())
    if not files:
        raise _wrong("No file fits the pattern.", pattern, "Give the path of a Parquet file, or a pattern in quotes.")
    try:
        return _opened(pattern, files, budget)
    except _BROKEN as error:
        way_out = "Give Parquet files with one schema and a column 'image'."
        raise _wrong(f"The Parquet files cannot be read: {str(error)[:300]}.", pattern, way_out) from error


def _opened(pattern: str, files: tuple[str, ...], budget: int) -> ParquetSet:
    with pq.ParquetFile(files[0]) as first:
        schema = first.schema_arrow
    features = features_of(schema)
    image = _image_column(schema, features, pattern)
    mark = Fingerprint("parquet")
    groups, sizes, counts = [], [], []
    for number, file in enumerate(files):
        with pq.ParquetFile(file) as parquet:
            if not parquet.schema_arrow.equals(schema):
                raise _wrong(f"The schema of {os.path.basename(file)} differs.", pattern, "Give files of one data set.")
            groups += [(number, group) for group in range(parquet.num_row_groups)]
            sizes += [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]
            counts.append(parquet.metadata.num_rows)
        mark.raw(_footer(file))
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.array(sizes, dtype=np.int64))])
    if not starts[-1]:
        raise _wrong("The Parquet files hold no rows.", pattern, "Give files with images.")
    label = label_column(schema, features, image)
    targets, class_names = read_targets(files, schema, features, image, label)
    mark.targets(targets, class_names)
    return ParquetSet(
        name=f"parquet:{pattern}",
        ids=_ids(files, counts),
        targets=targets,
        class_names=class_names,
        fingerprint=mark.hex(),
        remarks=() if label else ("The Parquet files have no column of labels.",),
        files=files,
        starts=starts,
        groups=tuple(groups),
        rows=RowGroups(image, budget),
    )


def _image_column(schema: Any, features: Features, pattern: str) -> str:
    announced = [name for name, kind in features.items() if kind.get("_type") == "Image"]
    for name in (*_IMAGES, *announced):
        if name in schema.names and _holds_pictures(schema.field(name).type):
            return name
    holders = [name for name in schema.names if _holds_pictures(schema.field(name).type)]
    if len(holders) != 1:
        columns = ", ".join(schema.names)[:200]
        raise _wrong(f"No column holds the images (there are {columns}).", pattern, "Name the column 'image'.")
    return str(holders[0])


def _holds_pictures(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _holds_pictures(kind.field(place).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _ids(files: tuple[str, ...], counts: list[int]) -> PathIds:
    """File, relative to the folder that holds all, and number of the row."""
    folder = os.path.commonpath([os.path.dirname(os.path.abspath(file)) for file in files])
    stems = [os.path.relpath(os.path.abspath(file), folder).replace(os.sep, "/") for file in files]
    return PathIds(f"{stem}/{row:06d}" for stem, count in zip(stems, counts, strict=True) for row in range(count))


def _footer(file: str) -> bytes:
    """Size of the file, and its last part, which describes all others (positions, sizes, least and greatest values)."""
    with open(file, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 8))
        length = int.from_bytes(stream.read(4), "little")
        stream.seek(max(0, size - 8 - length))
        return size.to_bytes(8, "little") + stream.read(length + 8)


def _wrong(problem: str, pattern: str, way_out: str) -> ImagesError:
    return ImagesError(problem, setting="--images", value=printable(f"parquet:{pattern}"), way_out=way_out)
