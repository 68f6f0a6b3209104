"""Frames of a set's images by their ids, and what a unit of a layer sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from eyechart.core.view import Plain
from eyechart.images.image_set import ImageSet
from eyechart.models.image_model import ImageModel
from eyechart.models.receptive_crop import Box
from eyechart.run.draw import Job, draw

Array = np.ndarray[Any, Any]
TILE = 72  # pixels
AROUND = 2.0  # sides of what a unit sees, shown around it
LEAST = 16  # pixels of the frame, at least
GREY = 128
MARK = ((255, 255, 255), (20, 21, 26))


def frames_of(images: ImageSet, ids: Sequence[str], model: ImageModel, seed: int = 0) -> Array:
    """Frames (n, h, w, c) uint8 of images, as the model sees them; black where one cannot be decoded."""
    places = {name: i for i, name in enumerate(images.ids)}
    sources = tuple(images.source(places[name]) for name in ids)
    return draw(Job(tuple(ids), sources, (Plain(),), model.preprocessing, seed)).frames[0]


def normalised(frames: Array, model: ImageModel) -> torch.Tensor:
    """Frames (n, h, w, c) uint8 as the net takes them: (n, c, h, w)."""
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).to(model.device)
    return model.normalise(pixels, model.buffer(len(frames)))


def tile(frame: Array, box: Box | None) -> Array:
    """What a unit sees of a frame (h, w, c), with what lies around it, as a square (72, 72, 3); the unit's own part is marked.

    ``box``: see ``receptive_crop``; None: the whole frame, unmarked. Beyond the frame it is grey.
    """
    picture = np.broadcast_to(frame, (*frame.shape[:2], 3)) if frame.shape[2] == 1 else frame
    if box is None:
        return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize((TILE, TILE), Image.Resampling.BICUBIC))
    y0, x0, y1, x1 = box
    side = min(max(AROUND * max(y1 - y0, x1 - x0), LEAST), 2.0 * max(frame.shape[:2]))
    top, left = round((y0 + y1 - side) / 2), round((x0 + x1 - side) / 2)
    size = round(side)
    cut = np.full((size, size, 3), GREY, np.uint8)
    rows, columns = slice(max(top, 0), top + size), slice(max(left, 0), left + size)
    part = picture[rows, columns]
    cut[max(-top, 0) : max(-top, 0) + len(part), max(-left, 0) : max(-left, 0) + part.shape[1]] = part
    filter_ = Image.Resampling.NEAREST if size <= TILE // 2 else Image.Resampling.BICUBIC
    shown = Image.fromarray(cut).resize((TILE, TILE), filter_)
    zoom = TILE / size
    corners = [(v - start) * zoom for v, start in ((x0, left), (y0, top), (x1, left), (y1, top))]
    pen = ImageDraw.Draw(shown)
    for inset, colour in enumerate(MARK):
        pen.rectangle([corners[0] + inset, corners[1] + inset, corners[2] - 1 - inset, corners[3] - 1 - inset], outline=colour)
    return np.asarray(shown)
