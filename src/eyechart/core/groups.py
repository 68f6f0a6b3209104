"""Groups of images: by class, domain or any other column of the images' table, or by several crossed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from eyechart.core.exam import Array, Subject
from eyechart.errors import UnknownNameError

LABEL = "label"
CROSS = "*"  # between columns: label*background is every class on every background
WIDTH = 64  # bytes of a group's name in the rows


def group_columns(by: Sequence[str], targets: Mapping[str, Array], setting: str) -> dict[str, Array]:
    """Rows that say which group each image is of: ``group_<column>``, (n,) UTF-8 bytes, empty where there is none.

    Labels have their place in the rows anyway. ``setting`` is at fault where the images have no such column.

    Raises:
        UnknownNameError: there is none.
    """
    found = {}
    for column in dict.fromkeys(name for entry in by for name in entry.split(CROSS)):
        if column == LABEL:
            continue
        if column not in targets:
            raise UnknownNameError.of(column, {LABEL, *targets}, setting=setting)
        found[f"group_{column}"] = np.array([_packed(value) for value in targets[column]], f"S{WIDTH}")
    return found


def _packed(value: Any) -> bytes:
    """A group's name in at most WIDTH bytes; a longer one ends in a digest, so that it stays apart from its like."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return b""
    text = str(value).encode("utf-8", "backslashreplace")
    if len(text) <= WIDTH:
        return text
    return (
        text[: WIDTH - 9].decode("utf-8", "ignore").encode() + b"~" + blake2b(text, digest_size=4).hexdigest().encode()
    )


def groups(by: str, rows: Mapping[str, Array], labels: Array, subject: Subject) -> Iterator[tuple[str, Array]]:
    """Name and images (n,) bool of each group of a column, in the order of the classes or of the names.

    Of crossed columns, those that there are: ``cat, indoors``.
    """
    first, *more = by.split(CROSS)
    for name, chosen in _of_column(first, rows, labels, subject):
        if not more:
            yield name, chosen
            continue
        for other, also in groups(CROSS.join(more), rows, labels, subject):
            if (chosen & also).any():
                yield f"{name}, {other}", chosen & also


def _of_column(column: str, rows: Mapping[str, Array], labels: Array, subject: Subject) -> Iterator[tuple[str, Array]]:
    if column == LABEL:
        present = [int(k) for k in np.unique(labels) if k >= 0]
        names = {k: subject.class_name(k) for k in present}
        alike = Counter(names.values())
        for k in present:
            yield names[k] if alike[names[k]] == 1 else f"{names[k]} ({k})", labels == k
        return
    values, index = np.unique(rows[f"group_{column}"].astype(f"S{WIDTH}"), return_inverse=True)
    for k, value in enumerate(values):
        if value:
            yield value.decode(), index == k
