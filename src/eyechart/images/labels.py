"""``--labels``: targets from a CSV file or from a rule for file names, laid over any image set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from eyechart.images.fingerprint import Fingerprint
from eyechart.images.image_set import ImageSet
from eyechart.images.label_file import names_labels, read_file
from eyechart.images.label_rule import is_rule, read_names

Column = np.ndarray[Any, Any]
AnySet = TypeVar("AnySet", bound=ImageSet)


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Targets for given ids.

    Attributes:
        targets: ``label`` (places in ``class_names``, -1 = none), if the file has it, and the other columns or fields.
        class_names: sorted; by value where all are whole numbers; empty without a label.
        remarks: images without a row, rows without an image.
    """

    targets: dict[str, Column]
    class_names: tuple[str, ...]
    remarks: tuple[str, ...]


def read_labels(labels: str, ids: Sequence[str]) -> LabelTable:
    """Read targets for ``ids`` from ``labels``: the path of a CSV file, a template, or ``regex:...``.

    With a rule, the field ``label`` is the default target, or else the first field (which then stays a column of its
    own as well); all other fields become columns of strings.

    Raises:
        ImagesError: if it cannot be read, or fits no image.
    """
    if is_rule(labels) and not Path(labels).is_file():
        texts, missing = read_names(labels, ids)
        first, column = ("label" if "label" in texts else next(iter(texts))), strings
        remarks = [f"{len(missing)} images do not fit the rule for labels and have no label."] if missing else []
    else:
        texts, missing, strangers = read_file(labels, ids)
        first, column = "label", typed
        lost = "and no label" if first in texts else "and none of its entries"
        remarks = [f"{len(missing)} images have no row in the labels file {lost}."] if missing else []
        remarks += [f"{strangers} rows of the labels file belong to no image."] if strangers else []
    others = {name: column(cells) for name, cells in texts.items() if name != "label"}
    if first not in texts:
        return LabelTable(others, (), tuple(remarks))
    label, class_names = index_classes(texts[first])
    return LabelTable({"label": label, **others}, class_names, tuple(remarks))


def replaces_labels(labels: str) -> bool:
    """Whether it has labels of its own, so that those of the images are not needed. Raises ImagesError as ``read_labels``."""
    return (is_rule(labels) and not Path(labels).is_file()) or names_labels(labels)


def relabel(images: AnySet, table: LabelTable) -> AnySet:
    """``images`` with the targets of ``table`` beside, or in place of, its own; a table without labels leaves it its own."""
    targets = {**images.targets, **table.targets}
    class_names = table.class_names if "label" in table.targets else images.class_names
    mark = Fingerprint("relabelled")
    mark.text(images.fingerprint)
    mark.targets(targets, class_names)
    return replace(
        images,
        targets=targets,
        class_names=class_names,
        fingerprint=mark.hex(),
        remarks=images.remarks + table.remarks,
    )


def index_classes(names: Sequence[str]) -> tuple[Column, tuple[str, ...]]:
    """Names of classes as places in the sorted list of classes; an empty name is no label (-1).

    >>> index_classes(["cat", "", "ant", "cat"])[0].tolist()
    [1, -1, 0, 1]
    """
    known = set(names) - {""}
    whole = all(name.isascii() and name.isdecimal() for name in known)
    classes = sorted(known, key=lambda name: (int(name), name)) if whole and _short(known) else sorted(known)
    place = {"": -1} | {name: index for index, name in enumerate(classes)}
    return np.fromiter((place[name] for name in names), dtype=np.int64, count=len(names)), tuple(classes)


def typed(column: Sequence[str]) -> Column:
    """A column of numbers where every cell is a finite number, else of strings (dtype object)."""
    for kind in (np.int64, np.float64):
        try:
            values = np.array([kind(cell) for cell in column], dtype=kind)
        except (ValueError, OverflowError):
            continue
        if np.isfinite(values).all():
            return values
    return strings(column)


def strings(column: Sequence[str]) -> Column:
    """An array of dtype object; equal strings are one object."""
    seen: dict[str, str] = {}
    values = np.empty(len(column), dtype=object)
    values[:] = [seen.setdefault(text, text) for text in column]
    return values


def _short(names: set[str]) -> bool:
    return max(map(len, names), default=0) <= 18  # Python refuses to read numbers of thousands of digits
