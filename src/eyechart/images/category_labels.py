"""Which category an image is of: by its label, or by the folder that it lies in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from eyechart.images.categories import OTHER, Categories
from eyechart.images.category_file import BUILT_IN, CategoryError, Table, as_table, categories_for, read_category_file

Array = np.ndarray[Any, Any]
Wish = Literal["auto", "imagenet16", "cifar10"] | Table


def category_labels(known: Categories, labels: Array, ids: Sequence[str]) -> Array:
    """(n,) place of each image's category, OTHER where it has none.

    Args:
        known: the categories.
        labels: (n,) output numbers, -1 where unknown; an output belongs to one category or to none.
        ids: where there is no label, the folder of the image is asked: ready stimuli lie in folders called after categories.

    >>> known = Categories.of("", {"cat": [0, 1], "dog": [3]})
    >>> category_labels(known, np.array([1, 2, -1]), ["a.png", "cat/b.png", "edges/dog/dog3.png"]).tolist()
    [0, -1, 1]
    """
    folders = known.place([" ".join(i.replace("_", " ").lower().split("/")[-2:-1]) for i in ids])
    by_output = {output: k for k, outputs in enumerate(known.outputs) for output in outputs}
    told = np.array([by_output.get(int(label), OTHER) for label in labels], np.int16)
    return np.where(labels >= 0, told, folders).astype(np.int16)


def as_wish(written: object, setting: str) -> object:
    """A setting as it is kept: the name of a built-in table, or the content of the user's file. Raises CategoryError."""
    if written == "auto" or written in BUILT_IN:
        return written
    return read_category_file(written, setting) if isinstance(written, str) else as_table(written, setting)


def categories_or_none(wish: Wish, class_names: tuple[str, ...], count: int, setting: str) -> Categories | None:
    """See ``categories_for``; None where ``auto`` knows none for this model. Raises CategoryError for any other wish."""
    try:
        return categories_for(wish, class_names, count, setting)
    except CategoryError:
        if wish != "auto":
            raise
        return None
