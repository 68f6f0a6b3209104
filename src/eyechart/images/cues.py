"""Cue-conflict stimuli: which shape and which texture an image has, from its name or from columns of targets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

COLUMNS = ("shape", "texture")
_PART = r"(?:(n\d{8})(\d*)|([^\W\d_]+)(\d+))"  # a WordNet id with or without a number, or a word with one
_NAME = re.compile(f"{_PART}-{_PART}(?:-\\d+)?")


@dataclass(frozen=True)
class Cues:
    """Of each image, (n,) arrays of dtype object, "" where it is no such stimulus.

    Attributes:
        shapes, textures: names of categories.
        contents, styles: which object and which texture sample it was made of; where that is not known, each image counts
            as one of its own.
    """

    shapes: Array
    textures: Array
    contents: Array
    styles: Array


@dataclass(frozen=True)
class Stimulus:
    """What a file name says: ``cat7-elephant1`` is the cat number 7 in the texture sample elephant 1."""

    shape: str
    texture: str
    content: str
    style: str


def parse_stimulus(image_id: str) -> Stimulus | None:
    """Read a name of Geirhos et al.: ``cat/cat7-elephant1.png``, any extension, with or without a third part (an angle).

    Of a longer name with ``_``, as in their result files, the last part counts. A WordNet id may stand for a word. None for
    other names.

    >>> parse_stimulus("0001_s5n_dnn_0_cat_00_cat7-elephant1-108.png").style
    'elephant1'
    """
    name = image_id.rpartition("/")[2].rpartition("_")[2]
    found = _NAME.fullmatch((name.rpartition(".")[0] or name).lower())
    if not found:
        return None
    (shape, number), (texture, sample) = (
        (found[k] or found[k + 2], found[k + 1] or found[k + 3] or "") for k in (1, 5)
    )
    return Stimulus(shape, texture, shape + number, texture + sample)


def read_cues(ids: Sequence[str], targets: Mapping[str, Array]) -> Cues:
    """Cues of images: from the columns ``shape`` and ``texture`` of targets where there are both, else from names.

    Contents and styles: from the columns ``content`` and ``style`` beside them, or from names where these can be read.
    """
    named = [parse_stimulus(image_id) for image_id in ids]
    targets = _known_columns(targets)
    own = all(column in targets for column in COLUMNS)
    read = {
        name: _texts(targets[name] if own else [getattr(one, name, "") for one in named], len(ids)) for name in COLUMNS
    }
    for column, prefix in (("content", "content of "), ("style", "style of ")):
        spare = [getattr(one, column, prefix + image_id) for one, image_id in zip(named, ids, strict=True)]
        read[column] = _texts(targets[column] if own and column in targets else spare, len(ids))
    return Cues(read["shape"], read["texture"], read["content"], read["style"])


def _known_columns(targets: Mapping[str, Array]) -> dict[str, Array]:
    """Columns by their names in small letters; a name that is written so goes before ``Shape`` or ``SHAPE``."""
    return {name.lower(): column for name, column in targets.items()} | dict(targets)


def _texts(values: Sequence[Any] | Array, count: int) -> Array:
    column = np.empty(count, dtype=object)
    column[:] = [" ".join(_text(value).lower().replace("_", " ").split()) for value in values]
    return column


def _text(value: Any) -> str:
    """A cell in words: nothing where it is missing, and 3.0 as the 3 that it was before a column of floats."""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else str(int(value)) if float(value).is_integer() else str(value)
    return "" if value is None else str(value)
