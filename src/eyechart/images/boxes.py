"""Boxes from the annotations of an image set, whatever their kind. The files are data."""

from __future__ import annotations

import os
from collections import Counter

from eyechart.images.annotated import Boxes, gathered, wrong
from eyechart.images.boxes_coco import coco_images
from eyechart.images.boxes_voc import voc_images


def read_boxes(path: str) -> Boxes:
    """Read a COCO JSON file, or a Pascal VOC XML file or folder of such files.

    Raises:
        ImagesError: nothing is there, it is of neither kind, or it holds no box that can be used.
    """
    left_out: Counter[str] = Counter()
    if os.path.isdir(path) or path.lower().endswith(".xml"):
        found = gathered(voc_images(path, left_out), left_out)
    elif os.path.isfile(path):
        found = gathered(coco_images(path, left_out), left_out)
    else:
        raise wrong("There is no such file or folder.", path)
    if not len(found.corners):
        reasons = "; ".join(f"{reason}: {count:,}" for reason, count in left_out.most_common(3))
        raise wrong(f"It holds no box that can be used ({reasons or 'none at all'}).", path)
    return found
