"""Encoded pictures out of Parquet files, in any order, in bounded memory."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Key = tuple[str, int]


class RowGroups:
    """Gives single values of a binary column; at most ``budget`` bytes of row groups stay in memory.

    A row group asked for again after it had to leave is read once more and laid down uncompressed in a temporary
    file, from which single values are then read through a memory map. So no order of asking reads a row group of the
    Parquet file more than twice, and reading in order writes nothing.

    Args:
        column: name of the column: binary, or a struct with the fields ``bytes`` and ``path``.
        budget: bytes of row groups in memory; the latest one stays whatever its size.
    """

    def __init__(self, column: str, budget: int = 256 << 20) -> None:
        self.column, self.budget = column, budget
        self.reads = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Any] = OrderedDict()
        self._left: set[Key] = set()
        self._mapped: dict[Key, Any] = {}
        self._folder = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.column, self.budget)

    def value(self, file: str, group: int, row: int) -> bytes | None:
        """The encoded picture in ``row`` of a row group; None for a null.

        Raises:
            OSError, pa.ArrowException: if the file cannot be read.
        """
        with self._lock:
            values = self._group((file, group))
        scalar = values[row]
        return scalar.as_py() if scalar.is_valid else None

    def _group(self, key: Key) -> Any:
        if key in self._mapped:
            return self._mapped[key]
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        values = self._read(*key)
        if key in self._left and (mapped := self._laid_down(key, values)) is not None:
            self._mapped[key] = mapped
            return mapped
        self._kept[key] = values
        while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > self.budget:
            self._left.add(self._kept.popitem(last=False)[0])
        return values

    def _read(self, file: str, group: int) -> Any:
        self.reads += 1
        with pq.ParquetFile(file) as parquet:
            nested = pa.types.is_struct(parquet.schema_arrow.field(self.column).type)
            column = f"{self.column}.bytes" if nested else self.column
            table = parquet.read_row_group(group, columns=[column], use_threads=False)
        values = pc.struct_field(table.column(0), "bytes") if nested else table.column(0)
        return values.cast(pa.large_binary()).combine_chunks()

    def _laid_down(self, key: Key, values: Any) -> Any:
        path = ""
        try:
            if not self._folder:
                self._folder = tempfile.mkdtemp(prefix="eyechart-rows-")
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            path = os.path.join(self._folder, f"{len(self._mapped)}.arrow")
            table = pa.table({"bytes": values})
            with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            return pa.ipc.open_file(pa.memory_map(path)).read_all().column(0)
        except OSError:  # no room: the row group stays in the Parquet file, and reading out of order is slow
            if path:
                Path(path).unlink(missing_ok=True)
            return None
