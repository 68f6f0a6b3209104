"""Which output of the model stands for which class of the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eyechart.errors import ClassMapError
from eyechart.images.class_file import read_class_file
from eyechart.images.class_names import NameIndex, shown

_WAY_OUT = "Give --classes FILE (a CSV file with the columns class, output), or --classes sorted to go by sorted names."


@dataclass(frozen=True, eq=False)
class ClassMap:
    """For each class of the images, the model output that stands for it.

    Attributes:
        indices: int64, one an image class, all different.
        how: one line: by what they were matched.
        lines: one line a class, fit to print.
    """

    indices: np.ndarray[Any, np.dtype[np.int64]]
    how: str
    lines: tuple[str, ...]


def match_classes(
    image_classes: Sequence[str],
    model_names: Sequence[str] = (),
    model_ids: Sequence[str] = (),
    mode: str = "auto",
    *,
    n_outputs: int | None = None,
) -> ClassMap:
    """Match the classes of the images with the outputs of the model; never silently by position.

    Args:
        image_classes: class names of the images, in the order of their labels.
        model_names: one name an output; several names of one class are separated by commas (``tench, Tinca tinca``).
        model_ids: one WordNet id (or other exact id) an output.
        mode: ``auto`` matches by id, then by name (case, ``_``, ``-`` and spaces do not matter); ``sorted`` gives the
            image classes, sorted by name, the outputs 0, 1, ...; anything else is the path of a CSV file.
        n_outputs: of the model, if neither names nor ids are known.

    Raises:
        ClassMapError: unless every image class has exactly one output and no two share one.
    """
    count = n_outputs if n_outputs is not None else max(len(model_names), len(model_ids))
    if not image_classes:
        return ClassMap(np.zeros(0, np.int64), "the images have no classes", ())
    if mode == "sorted":
        indices, how = (
            _by_position(image_classes, count),
            "BY SORTED NAME, that is by position: check that they are the same",
        )
    elif mode == "auto":
        indices, how = _by_name(image_classes, NameIndex(model_names, model_ids))
    else:
        written = read_class_file(mode, image_classes, NameIndex(model_names, model_ids), count)
        indices, how = written, f"by the file {shown(Path(mode).name)}"
    _check_different(image_classes, indices)
    pairs = zip(image_classes, indices, strict=True)
    lines = tuple(f"{shown(name)} -> {index}{_called(model_names, index)}" for name, index in pairs)
    return ClassMap(np.array(indices, dtype=np.int64), how, lines)


def _by_name(image_classes: Sequence[str], index: NameIndex) -> tuple[list[int], str]:
    if not index:
        raise _wrong("The names of the model's outputs are not known.", image_classes, _WAY_OUT)
    indices, problems = [], []
    by_id = 0
    for name in image_classes:
        found, matched_id = index.find(name)
        by_id += matched_id
        if len(found) == 1:
            indices.append(found[0])
        else:
            problems.append((name, found))
    if problems:
        listed = "; ".join(index.explain(name, found) for name, found in problems[:5])
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        problem = f"{len(problems)} of {len(image_classes)} image classes match no single output: {listed}{more}."
        raise _wrong(problem, image_classes, _WAY_OUT)
    rest = len(indices) - by_id
    return indices, f"by id ({by_id}) and by name ({rest})" if by_id and rest else "by id" if by_id else "by name"


def _by_position(image_classes: Sequence[str], count: int) -> list[int]:
    if len(image_classes) != count:
        problem = f"There are {len(image_classes)} image classes and {count} outputs, so sorted names say nothing."
        raise _wrong(problem, image_classes, "Give --classes FILE (a CSV file with the columns class, output).")
    ordered = sorted(image_classes)
    if all(name.isascii() and name.isdecimal() and len(name) < 19 for name in ordered):
        by_value = sorted(image_classes, key=lambda name: (int(name), name))
        if by_value != ordered:
            one, other = next(pair for pair in zip(ordered, by_value, strict=True) if pair[0] != pair[1])
            problem = f"Sorted as text, the class {one!r} comes before {other!r}; sorted by value, after."
            raise _wrong(problem, image_classes, "Give --classes FILE (a CSV file with the columns class, output).")
    place = {name: index for index, name in enumerate(ordered)}
    return [place[name] for name in image_classes]


def _check_different(image_classes: Sequence[str], indices: Sequence[int]) -> None:
    taken: dict[int, str] = {}
    for name, index in zip(image_classes, indices, strict=True):
        if index in taken:
            problem = f"The image classes {shown(taken[index])!r} and {shown(name)!r} both match output {index}."
            raise _wrong(problem, image_classes, "Merge them, or give --classes FILE.")
        taken[index] = name


def _called(model_names: Sequence[str], index: int) -> str:
    return f" {shown(model_names[index])}" if index < len(model_names) else ""


def _wrong(problem: str, image_classes: Sequence[str], way_out: str) -> ClassMapError:
    some = ", ".join(shown(name, 30) for name in image_classes[:4])
    value = f"{len(image_classes)} image classes: {some}{', ...' if len(image_classes) > 4 else ''}"
    return ClassMapError(problem, setting="--classes", value=value, way_out=way_out)
