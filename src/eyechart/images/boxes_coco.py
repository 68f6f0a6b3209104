"""Boxes from a COCO JSON file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from eyechart.images.annotated import Annotated, number, wrong

WANTED = frozenset(("images", "annotations", "id", "width", "height", "image_id", "bbox", "iscrowd"))


def coco_images(path: str, left_out: Counter[str]) -> Iterator[Annotated]:
    """The images of a COCO file with their boxes (left, top, width, height); boxes of crowds are left out.

    Raises:
        ImagesError: the file cannot be read, or is not of this kind.
    """
    found = _document(path)
    images, annotations = found.get("images"), found.get("annotations")
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise wrong("It has no lists 'images' and 'annotations'.", path)
    boxes: dict[object, list[Any]] = {}
    sizes: dict[object, dict[str, Any]] = {}
    for image in images:
        if not isinstance(image, dict) or not isinstance(image.get("id"), int | str):
            left_out["images without an id"] += 1
        elif image["id"] in sizes:
            left_out["images with an id that another has"] += 1
        else:
            sizes[image["id"]] = image
            boxes[image["id"]] = []
    for annotation in annotations:
        owner = annotation.get("image_id") if isinstance(annotation, dict) else None
        if not isinstance(owner, int | str) or owner not in boxes:
            left_out["boxes of no image in the file"] += 1
        elif annotation.get("iscrowd"):
            left_out["boxes of crowds"] += 1
        else:
            boxes[owner].append(_corners(annotation.get("bbox")))
    for name, image in sizes.items():
        yield Annotated(number(image.get("width")), number(image.get("height")), tuple(boxes[name]))


def _document(path: str) -> dict[str, Any]:
    """The file, without the polygons and whatever else is not asked for, which are most of it."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            found = json.load(file, object_hook=lambda entry: {k: v for k, v in entry.items() if k in WANTED})
    except (OSError, ValueError, RecursionError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise wrong(f"It cannot be read as JSON: {what}.", path) from error
    if not isinstance(found, dict):
        raise wrong("It is JSON, but not an object with 'images' and 'annotations'.", path)
    return found


def _corners(box: object) -> tuple[float, float, float, float] | None:
    if not isinstance(box, list) or len(box) != 4:
        return None
    left, top, width, height = (number(side) for side in box)
    if left is None or top is None or width is None or height is None:
        return None
    return left, top, left + width, top + height
