"""The bands exam by group: accuracy on each band for each class, domain or other column of the images' table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Subject
from eyechart.core.words import figure
from eyechart.errors import UnknownNameError
from eyechart.exams.bands_figures import Array, Say
from eyechart.stats.intervals import wilson

LABEL = "label"
WIDTH = 64  # bytes of a group's name in the rows


def group_columns(by: Sequence[str], targets: Mapping[str, Array]) -> dict[str, Array]:
    """Rows that say which group each image is of: ``group_<column>``, (n,) UTF-8 bytes, empty where there is none.

    Labels have their place in the rows anyway.

    Raises:
        UnknownNameError: the images have no such column.
    """
    found = {}
    for column in by:
        if column == LABEL:
            continue
        if column not in targets:
            raise UnknownNameError.of(column, {LABEL, *targets}, setting="bands.by")
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


def groups(column: str, rows: Mapping[str, Array], labels: Array, subject: Subject) -> Iterator[tuple[str, Array]]:
    """Name and images (n,) bool of each group of a column, in the order of the classes or of the names."""
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


def group_figures(
    say: Say, found: Sequence[tuple[str, Array]], right: Array, known: Array, column: str, at: Mapping[str, Any]
) -> Iterator[Estimate]:
    """Accuracy in each group, over its images that have a label.

    Args:
        say: makes an estimate of the exam.
        found: of ``groups``.
        right, known: (n,) bool, whether the top class is the label and whether there is one.
        column, at: coordinates.
    """
    for value, chosen in found:
        n, count = int((known & chosen).sum()), int((right & known & chosen).sum())
        told = figure(wilson(count, n), "" if n else "no image of this group has a label")
        yield say("accuracy", at={**at, "by": column, "value": value}, **told)
