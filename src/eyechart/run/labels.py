"""The images' labels as a model's output numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from eyechart.errors import ClassMapError
from eyechart.images.class_map import match_classes
from eyechart.images.image_set import ImageSet
from eyechart.models.image_model import ImageModel

Array = np.ndarray[Any, Any]


def labels_for(model: ImageModel, images: ImageSet, mode: str) -> tuple[Array, list[str]]:
    """Labels (n,) as output numbers, -1 where there is none, and lines that tell the user how classes were matched.

    Args:
        mode: ``auto`` matches by WordNet id or name; ``sorted`` takes the classes in the order of their names.

    Raises:
        ClassMapError: classes that cannot be matched; numbers out of the model's range.
    """
    labels = images.labels
    if labels is None or model.kind == "embedding":
        return np.full(len(images), -1, np.int64), []
    if model.kind == "none":
        return np.asarray(labels, np.int64), []
    if not images.class_names:
        largest = int(labels.max(initial=-1))
        if largest >= model.n_outputs:
            raise ClassMapError(
                f"The labels go up to {largest}, but the model has {model.n_outputs} outputs (0 to {model.n_outputs - 1}).",
                setting="--images",
                value=images.name,
                way_out="Give images with the model's classes, or name the classes of the images.",
            )
        return np.asarray(labels, np.int64), [
            "The labels are numbers without names: taken as the model's output numbers."
        ]
    found = match_classes(images.class_names, model.class_names, model.class_ids, mode=mode, n_outputs=model.n_outputs)
    table = np.append(np.asarray(found.indices, np.int64), -1)
    count = len(images.class_names)
    matched = f"{count:,} class{'' if count == 1 else 'es'} of the images matched with {model.n_outputs:,} outputs {found.how}."
    return table[np.asarray(labels, np.int64)], [matched, *found.lines]


def labels_or_none(model: ImageModel, images: ImageSet, mode: str) -> tuple[Array, list[str]]:
    """As ``labels_for``; no labels where the classes cannot be matched, for exams that need none."""
    try:
        return labels_for(model, images, mode)
    except ClassMapError as error:
        if mode != "auto":  # the user said how
            raise
        line = f"{error.problem} The exams asked for go by other targets, and no class is used."
        return np.full(len(images), -1, np.int64), [line]
