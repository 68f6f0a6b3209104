"""Targets read from a CSV file: one row an image, one column a target."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from eyechart.errors import ImagesError

_NAMES = ("file", "id", "path", "image", "filename", "file_name", "image_id")
_LABELS = ("label", "class")
_HEADER = "The first line names the columns: one of file, id, path or image, then label, or any others, or both."


def read_file(file: str, ids: Sequence[str]) -> tuple[dict[str, list[str]], list[int], int]:
    """Match the rows of a CSV (or ``.tsv``) file with the images.

    A row belongs to the image whose relative path it names, or else whose file name, or else whose file name without
    extension, where only one image has it.

    Returns:
        column -> one string an image ("" without a row), ``label`` first, if there is one; the places without a row; the
        number of rows without an image.

    Raises:
        ImagesError: for a file that cannot be read or matched, or that names an image twice and differently.
    """
    rows = _rows(file)
    columns, key = _header(next(rows, []), file)
    places = _places(ids)
    table: list[list[str] | None] = [None] * len(ids)
    strangers, example = 0, ""
    for row in rows:
        cells = [*row, *[""] * (len(columns) - len(row))]
        place = _find(cells[key].strip(), places)
        if place is None:
            strangers, example = strangers + 1, example or cells[key]
        elif table[place] not in (None, cells):
            raise _wrong(f"Two rows of the labels file differ for the image {ids[place]!r}.", file, "Keep one of them.")
        else:
            table[place] = cells
    missing = [place for place, cells in enumerate(table) if cells is None]
    if len(missing) == len(ids):
        raise _wrong(
            "No row of the labels file belongs to an image.", file, f"It names {example!r}; there is {ids[0]!r}."
        )
    others = sorted((name for name in columns if name != columns[key]), key=lambda name: name != "label")
    return {name: _column(table, columns.index(name)) for name in others}, missing, strangers


def names_labels(file: str) -> bool:
    """Whether a CSV file has a column of labels, and not only others. Raises ImagesError as ``read_file``."""
    return "label" in _header(next(_rows(file), []), file)[0]


def _column(table: list[list[str] | None], at: int) -> list[str]:
    seen = {"": ""}  # equal strings become one object
    texts = (cells[at].strip() if cells else "" for cells in table)
    return [seen.setdefault(text, text) for text in texts]


def _rows(file: str) -> Iterator[list[str]]:
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            for row in csv.reader(lines, delimiter="\t" if Path(file).suffix.lower() == ".tsv" else ",", strict=True):
                if row:
                    yield row
    except FileNotFoundError as error:
        way_out = "Give the path of a CSV file, or a rule for file names such as '{label}.jpg'."
        raise _wrong("There is no such labels file.", file, way_out) from error
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise _wrong(f"The labels file cannot be read: {error}.", file, "Give a CSV file in UTF-8.") from error


def _header(cells: list[str], file: str) -> tuple[list[str], int]:
    columns = [cell.strip() for cell in cells]
    lower = [column.lower() for column in columns]
    key = next((lower.index(name) for name in _NAMES if name in lower), None)
    label = next((lower.index(name) for name in _LABELS if name in lower), None)
    if key is None or len(columns) < 2:
        raise _wrong(f"The labels file has the columns {', '.join(columns)[:200] or '(none)'}.", file, _HEADER)
    if label is not None:
        columns[label] = "label"
    if len(set(columns)) < len(columns) or "" in columns:
        raise _wrong("Two columns of the labels file have one name, or a column has none.", file, _HEADER)
    return columns, key


def _places(ids: Sequence[str]) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Place by relative path, by file name, and by file name without extension; -1 where several images share it."""
    whole: dict[str, int] = {}
    names: dict[str, int] = {}
    stems: dict[str, int] = {}
    for place, identity in enumerate(ids):
        name = identity.rpartition("/")[2]
        stem = name.rpartition(".")[0] or name
        whole[identity] = place
        names[name] = -1 if name in names else place
        stems[stem] = -1 if stem in stems else place
    return whole, names, stems


def _find(written: str, places: tuple[dict[str, int], dict[str, int], dict[str, int]]) -> int | None:
    whole, names, stems = places
    path = written.replace("\\", "/").removeprefix("./")
    name = path.rpartition("/")[2]
    for table, key in ((whole, written), (whole, path), (names, name), (stems, name)):
        place = table.get(key, -1)
        if place >= 0:
            return place
    return None


def _wrong(problem: str, file: str, way_out: str) -> ImagesError:
    return ImagesError(problem, setting="--labels", value=file, way_out=way_out)
