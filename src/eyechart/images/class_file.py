"""``--classes FILE``: which output stands for which image class, written down by the user."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from eyechart.errors import ClassMapError
from eyechart.images.class_names import NameIndex, shown

_HEADER = "Give a CSV file in UTF-8 whose first line is: class,output. An output is its number, id or name."


def read_class_file(file: str, image_classes: Sequence[str], index: NameIndex, count: int) -> list[int]:
    """The output of each image class, by the rows of a CSV file with the columns ``class`` and ``output``.

    Raises:
        ClassMapError: for a file that cannot be read, a class without a row, or an output that does not exist.
    """
    rows = _rows(file)
    lacking = [name for name in image_classes if name not in rows]
    if lacking:
        some = ", ".join(shown(name) for name in lacking[:5])
        raise _wrong(f"{len(lacking)} image classes have no row: {some}.", file, "Add a row for each.")
    return [_output(rows[name], index, count, file) for name in image_classes]


def _rows(file: str) -> dict[str, str]:
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            table = csv.DictReader(lines, strict=True)
            if not {"class", "output"} <= set(table.fieldnames or ()):
                raise _wrong("The file has not the columns class and output.", file, _HEADER)
            rows: dict[str, str] = {}
            for row in table:
                name, output = row["class"] or "", (row["output"] or "").strip()
                if rows.setdefault(name, output) != output:
                    raise _wrong(f"The class {shown(name)!r} has two rows.", file, "Keep one of them.")
            return rows
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise _wrong(f"The file cannot be read: {error}.", file, _HEADER) from error


def _output(written: str, index: NameIndex, count: int, file: str) -> int:
    if written.isascii() and written.isdecimal() and len(written) < 10:
        if int(written) < count:
            return int(written)
        raise _wrong(f"There is no output {written}; there are {count}.", file, f"Outputs go from 0 to {count - 1}.")
    found, _ = index.find(written)
    if len(found) != 1:
        raise _wrong(f"No single output: {index.explain(written, found)}.", file, _HEADER)
    return found[0]


def _wrong(problem: str, file: str, way_out: str) -> ClassMapError:
    return ClassMapError(problem, setting="--classes", value=file, way_out=way_out)
