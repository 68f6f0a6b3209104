"""Frames of a set's images by their ids, and what a unit of a layer sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from eyechart.core.view import Plain
from eyechart.errors import ImagesError
from eyechart.images.image_set import ImageSet
from eyechart.images.masks import MaskedSet
from eyechart.models.image_model import ImageModel
from eyechart.models.receptive_crop import Box
from eyechart.run.draw import Drawn, Job, draw
from eyechart.views.outlines import Silhouette

Array = np.ndarray[Any, Any]
TILE = 72  # pixels
AROUND = 1.6  # sides of what a unit sees, shown around it
LEAST = 16  # pixels of the frame, at least
MARK = ((255, 255, 255), (20, 21, 26))


def frames_of(images: ImageSet, ids: Sequence[str], model: ImageModel) -> Array:
    """Frames (n, h, w, c) uint8 of images, as the model sees them.

    Raises:
        ImagesError: one of them cannot be decoded.
    """
    drawn = _drawn(images, ids, model)
    for name, decoded, reason in zip(ids, drawn.examined, drawn.reason, strict=True):
        if not decoded:
            way_out = "Choose another image, or replace it."
            raise ImagesError(
                f"The image cannot be shown: {reason.rstrip('.')}.", setting="image", value=name, way_out=way_out
            )
    found: Array = drawn.frames[0]
    return found


def decoded_of(images: ImageSet, ids: Sequence[str], model: ImageModel) -> tuple[list[str], Array]:
    """Those of the images that can be decoded, and their frames as in ``frames_of``."""
    drawn = _drawn(images, ids, model)
    return [name for name, good in zip(ids, drawn.examined, strict=True) if good], drawn.frames[0][drawn.examined]


def _drawn(images: ImageSet, ids: Sequence[str], model: ImageModel) -> Drawn:
    places = {name: i for i, name in enumerate(images.ids)}
    sources = tuple(images.source(places[name]) for name in ids)
    return draw(Job(tuple(ids), sources, (Plain(),), model.preprocessing, 0))


def objects_of(images: ImageSet, ids: Sequence[str], model: ImageModel) -> Array | None:
    """Where the objects are (n, h, w), 1 or 0, NaN where an image has no mask; None of a set without masks."""
    if not isinstance(images, MaskedSet):
        return None
    places = {name: i for i, name in enumerate(images.ids)}
    sources = tuple(images.source(places[name]) for name in ids)
    drawn = draw(Job(tuple(ids), sources, (Silhouette(),), model.preprocessing, 0))
    found: Array = (drawn.frames[0][..., 0] == 0).astype(np.float32)
    found[~drawn.valid[0]] = np.nan
    return found


def normalised(frames: Array, model: ImageModel) -> torch.Tensor:
    """Frames (n, h, w, c) uint8 as the net takes them: (n, c, h, w)."""
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).to(model.device)
    return model.normalise(pixels, model.buffer(len(frames)))


def tile(frame: Array, box: Box | None) -> Array:
    """What a unit sees of a frame (h, w, c), with what lies around it, as a square (72, 72, 3); its own part is marked.

    ``box``: see ``receptive_crop``; None: the whole frame, unmarked.
    """
    picture = np.broadcast_to(frame, (*frame.shape[:2], 3)) if frame.shape[2] == 1 else frame
    if box is None:
        return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize((TILE, TILE), Image.Resampling.BICUBIC))
    height, width = frame.shape[:2]
    y0, x0, y1, x1 = box
    side = min(max(round(AROUND * max(y1 - y0, x1 - x0)), LEAST), height, width)
    top = min(max((y0 + y1 - side) // 2, 0), height - side)
    left = min(max((x0 + x1 - side) // 2, 0), width - side)
    cut = Image.fromarray(np.ascontiguousarray(picture[top : top + side, left : left + side]))
    shown = cut.resize((TILE, TILE), Image.Resampling.NEAREST if side <= TILE // 2 else Image.Resampling.BICUBIC)
    zoom, pen = TILE / side, ImageDraw.Draw(shown)
    x0, y0, x1, y1 = ((v - start) * zoom for v, start in ((x0, left), (y0, top), (x1, left), (y1, top)))
    for inset, colour in enumerate(MARK):
        corners = (max(x0, 0) + inset, max(y0, 0) + inset, min(x1, TILE) - 1 - inset, min(y1, TILE) - 1 - inset)
        if corners[0] < corners[2] and corners[1] < corners[3]:
            pen.rectangle(corners, outline=colour)
    return np.asarray(shown)
