"""Reading and writing tables of decisions as CSV, every column as text: no value is guessed to be missing or a number."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from eyechart.images.class_names import shown
from eyechart.images.decisions import (
    CATEGORIES,
    NO_ANSWER,
    Decision,
    DecisionError,
    DecisionTable,
    is_number,
    name_fields,
    told_apart,
)

COLUMNS = ("subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename")
UNKNOWN_TIME = "NaN"
_UNTIMED = ("", "na", "nan", "none")
_HOW = f"Give CSV in UTF-8 with the columns {', '.join(COLUMNS)}."


def read_decisions(
    files: Sequence[str | Path], categories: Sequence[str] = CATEGORIES, *, setting: str = "FILE"
) -> DecisionTable:
    """One table of all files, in their order.

    Names of columns may have any case and order; columns beside the eight are kept. Answers and categories may have any case.

    Args:
        files: CSV, of one data set.
        categories: that answers can be, beside ``na``.
        setting: at fault if they cannot be read.

    Raises:
        DecisionError: a file that cannot be read or lacks a column; an answer or category that is none; a name whose fifth
            field is another category than the column's; an image that an observer answers twice in a condition.
    """
    names = tuple(name.strip().lower() for name in categories)
    if len({*names}) < max(2, len(names)) or not all(names) or NO_ANSWER in names:
        way_out = f"Give two or more names, each once, none of them {NO_ANSWER!r}."
        raise DecisionError(
            "These are no categories.", setting="categories", value=", ".join(categories), way_out=way_out
        )
    tables = [_Reader(str(file), names, setting) for file in files]
    for table in tables:
        if not table.rows:
            raise table.wrong(
                "There are no decisions: the file holds no line but the names of its columns.", None, _HOW
            )
    extra = tuple(dict.fromkeys(name for table in tables for name in table.extra))
    read = [(table, line, one) for table in tables for line, one in table.decisions(extra)]
    if not read:
        raise DecisionError("There are no decisions.", setting=setting, value=", ".join(map(str, files)), way_out=_HOW)
    decisions = told_apart([one for _, _, one in read])
    _check_each_once(decisions, [(table, line) for table, line, _ in read])
    return DecisionTable(tuple(decisions), extra, names)


def _check_each_once(decisions: Sequence[Decision], places: Sequence[tuple[_Reader, int]]) -> None:
    """Raise DecisionError, with file and line, for an image that an observer answers twice in a condition."""
    found: dict[tuple[str, str, str], tuple[str, int]] = {}
    for one, (table, line) in zip(decisions, places, strict=True):
        if one.key in found:
            file, before = found[one.key]
            again = f"line {before}" if file == table.file else f"line {before} of {file}"
            problem = f"{one.observer} answers the image {shown(one.image)} twice; the first time in {again}."
            raise table.wrong(problem, line, "Keep one of the two answers. Different experiments are read one by one.")
        found[one.key] = table.file, line


def write_decisions(table: DecisionTable, file: str | Path) -> None:
    """Write a table, to be read back as it is; further columns stand after the eight. Raises DecisionError if it cannot be."""
    try:
        Path(file).write_text(csv_of(table), encoding="utf-8", newline="")
    except OSError as error:
        reason = error.strerror or str(error)
        way_out = "Name a file in a folder that can be written to."
        raise DecisionError(f"It cannot be written: {reason}.", setting="--out", value=file, way_out=way_out) from error


def csv_of(table: DecisionTable) -> str:
    """The text of the file."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow([*COLUMNS, *table.extra_columns])
    for one in table:
        known = (one.observer, one.session, one.trial, one.rt, one.response, one.category)
        lines.writerow([*known, one.written_condition, one.imagename, *one.extra])
    return text.getvalue()


def network_decisions(
    observer: str,
    images: Sequence[str],
    categories: Sequence[str],
    answers: Sequence[str],
    known: Sequence[str] = CATEGORIES,
    condition: str = "0",
) -> DecisionTable:
    """A network's answers as a table: one row an image, in order; times of answers are not known.

    Args:
        observer: its name.
        images: their names.
        categories: the right ones.
        answers: the network's.
        known: that answers can be.
        condition: of all images.
    """
    rows = enumerate(zip(images, categories, answers, strict=True), start=1)
    decisions = (
        Decision(observer, "1", str(k), UNKNOWN_TIME, answer, category, condition, image)
        for k, (image, category, answer) in rows
    )
    return DecisionTable(tuple(told_apart(list(decisions))), categories=tuple(known))


class _Reader:
    """One file."""

    def __init__(self, file: str, categories: tuple[str, ...], setting: str) -> None:
        self.file, self.categories, self.setting = file, categories, setting
        try:
            text = Path(file).read_bytes().decode("utf-8-sig")
            if "\0" in text:
                raise self.wrong("The file holds what is no text.", None, _HOW)
            reader = csv.reader(io.StringIO(text, newline=""), strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
        except OSError as error:
            raise self.wrong(f"The file cannot be read: {error.strerror or error}.", None, _HOW) from error
        except UnicodeDecodeError as error:
            raise self.wrong(f"The file is no text in UTF-8: byte {error.start} is none.", None, _HOW) from error
        except csv.Error as error:
            raise self.wrong(f"The file is no CSV: {error}.", None, _HOW) from error
        rows = [(line, row) for line, row in rows if any(row)]
        self.header = [name.lower() for name in rows[0][1]] if rows else []
        self.rows = rows[1:]
        self._check_header()
        self.extra = tuple(name for name in self.header if name not in COLUMNS)

    def decisions(self, extra: tuple[str, ...]) -> Iterator[tuple[int, Decision]]:
        """Each with its line in the file; ``extra``: further columns, empty where the file has none."""
        for line, row in self.rows:
            if len(row) != len(self.header):
                raise self.wrong(f"The line has {len(row)} fields, the first one {len(self.header)}.", line, _HOW)
            yield line, self._decision(line, dict(zip(self.header, row, strict=True)), extra)

    def wrong(self, problem: str, line: int | None, way_out: str) -> DecisionError:
        """At a line of this file."""
        where = self.file if line is None else f"{self.file}, line {line}"
        return DecisionError(problem, setting=self.setting, value=where, way_out=way_out)

    def _check_header(self) -> None:
        if twice := [name for name in self.header if self.header.count(name) > 1]:
            raise self.wrong(
                f"The column {shown(twice[0])!r} stands there twice.", None, "Rename or remove one of them."
            )
        if not self.header:
            raise self.wrong("The file is empty.", None, _HOW)
        if len(self.header) == 1:
            raise self.wrong("The first line is a single field: fields are separated by commas.", None, _HOW)
        if lacking := [name for name in COLUMNS if name not in self.header]:
            raise self.wrong(f"There is no column {', '.join(lacking)}.", None, _HOW)

    def _decision(self, line: int, cells: Mapping[str, str], extra: Sequence[str]) -> Decision:
        observer, session, trial, rt, response, category, condition, imagename = (cells[name] for name in COLUMNS)
        if not (observer and imagename):
            raise self.wrong("The line names no observer or no image.", line, _HOW)
        response = self._known(response, "object_response", line, (*self.categories, NO_ANSWER))
        category = self._known(category, "category", line, self.categories)
        fields = name_fields(imagename)
        if fields and fields[4].lower() != category:
            problem = f"The image is called {shown(imagename)}, but its category is {category}."
            raise self.wrong(problem, line, "One of the two is of another image: mend the table.")
        own = observer, session, trial, self._time(rt, line), response, category, condition, imagename
        return Decision(*own, tuple(cells.get(name, "") for name in extra))

    def _known(self, written: str, column: str, line: int, known: Sequence[str]) -> str:
        text = written.lower()
        if text in known:
            return text
        near = difflib.get_close_matches(text[:80], known, n=3, cutoff=0.6)
        way_out = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(known)}."
        raise self.wrong(f"{shown(written)!r} in the column {column} is none of the categories.", line, way_out)

    def _time(self, written: str, line: int) -> str:
        if written.lower() in _UNTIMED:
            return UNKNOWN_TIME
        if not is_number(written):
            raise self.wrong(f"The time {shown(written)!r} is no number.", line, f"Give seconds, or {UNKNOWN_TIME}.")
        return written
