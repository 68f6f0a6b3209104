"""Images that go with a channel: which of its lists, without near copies if asked, and what is marked in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from eyechart.channels import Example, LayerChannels
from eyechart.exams.channels import Rank
from eyechart.features.looks import TILE, frames_of, normalised, tile
from eyechart.features.reach import Reach, geometry_of
from eyechart.images.image_set import ImageSet
from eyechart.models.receptive_crop import Box, receptive_crop

Array = np.ndarray[Any, Any]
Crop = Literal["field", "effective"]
LISTS = {"top": 9, "bottom": 4, "random": 4}  # tiles of each
CANDIDATES = 3 * LISTS["top"]  # among which the top ones are looked for where copies are skipped
THUMB = 16  # pixels
ALIKE = 0.98  # correlation of thumbnails
EVEN = 0.01  # of the range of pixels: a thumbnail that varies less shows nothing but its mean
SPREAD = 2.0  # standard deviations to each side
TOGETHER = 16  # frames a backward


@dataclass(frozen=True)
class Choice:
    """Which images go with a channel, and how they are shown.

    Attributes:
        rank: what the top ones are: those with the largest maxima over places, or with its largest part in the answer.
        crop: what is marked: the receptive field, or the effective one, see ``effective_boxes``.
        skip_alike: leave out those that are near copies of ones before them in the list, see ``alike``.
    """

    rank: Rank = "activation"
    crop: Crop = "field"
    skip_alike: bool = False

    @property
    def exam(self) -> dict[str, Any]:
        """Settings of the exam ``channels`` that it needs."""
        kept = {"top": CANDIDATES} if self.skip_alike else {}
        return {**kept, "rank": self.rank} if self.rank != "activation" else kept


class Examples:
    """Of the channels of one layer.

    Args:
        reach: of the layer.
        images: the set that ``known`` was read from.
        known: what is known of the layer's channels.
        choice: of the images.
    """

    def __init__(self, reach: Reach, images: ImageSet, known: LayerChannels, choice: Choice) -> None:
        self._reach, self._images, self._known, self._choice = reach, images, known, choice
        self._thumbs: dict[str, Array] = {}

    def of(self, number: int) -> dict[int, Example]:
        """Of a channel, by the place of its tile: top ones, then bottom ones, then random ones."""
        found: dict[int, Example] = {}
        start = 0
        for which, count in LISTS.items():
            ranked = "relevance" if which == "top" and self._choice.rank == "relevance" else which
            some = self._known.examples(number, ranked)
            if ranked == "relevance":  # a part may be none, or against the answer
                some = tuple(e for e in some if e.value > 0)
            if which == "top" and self._choice.skip_alike:
                some = self._unlike(some, count)
            found |= dict(enumerate(some[:count], start))
            start += count
        return found

    def arrays(
        self, channels: Sequence[int], examples: Sequence[Mapping[int, Example]], frames: Array, at: Mapping[str, int]
    ) -> dict[str, Array]:
        """By channel and tile: tiles (n, 17, 72, 72, 3) uint8, values (n, 17), ids and places (n, 17, 2).

        Args:
            channels: n of them.
            examples: of each, see ``of``.
            frames: (images, h, w, c) uint8.
            at: where an image's frame is.
        """
        shape = len(channels), sum(LISTS.values())
        tiles, values = np.zeros((*shape, TILE, TILE, 3), np.uint8), np.full(shape, np.nan)
        ids, places = np.full(shape, "", object), np.zeros((*shape, 2), int)
        units = [(i, j, e) for i, some in enumerate(examples) for j, e in some.items()]
        boxes = self._boxes([channels[i] for i, _, _ in units], [e for _, _, e in units], frames, at)
        for (i, j, e), box in zip(units, boxes, strict=True):
            tiles[i, j], values[i, j], ids[i, j], places[i, j] = tile(frames[at[e.id]], box), e.value, e.id, e.place
        return {"tiles": tiles, "values": values, "ids": ids.astype(np.str_), "places": places}

    def _boxes(
        self, channels: Sequence[int], examples: Sequence[Example], frames: Array, at: Mapping[str, int]
    ) -> list[Box | None]:
        place, size = geometry_of(self._reach.model).get(self._known.layer), self._reach.model.preprocessing.size
        fields = [receptive_crop(place, e.place, size) if place else None for e in examples]
        if self._choice.crop == "field":
            return fields
        found: list[Box | None] = []
        for start in range(0, len(examples), TOGETHER):
            some = slice(start, start + TOGETHER)
            shown = normalised(frames[[at[e.id] for e in examples[some]]], self._reach.model)
            found += effective_boxes(self._reach, shown, channels[some], [e.place for e in examples[some]])
        return [_within(box, field) for box, field in zip(found, fields, strict=True)]

    def _unlike(self, examples: Sequence[Example], most: int) -> tuple[Example, ...]:
        """The first of a list that are no near copies of ones before."""
        missing = [e.id for e in examples if e.id not in self._thumbs]
        if missing:
            self._thumbs |= zip(
                missing, map(thumbnail, frames_of(self._images, missing, self._reach.model)), strict=True
            )
        found: list[Example] = []
        for e in examples:
            if len(found) < most and not any(alike(self._thumbs[e.id], self._thumbs[other.id]) for other in found):
                found.append(e)
        return tuple(found)


def effective_boxes(
    reach: Reach, frames: torch.Tensor, channels: Sequence[int], places: Sequence[tuple[int, int]]
) -> list[Box | None]:
    """Where the pixels lie by which a unit can be changed most: boxes (y0, x0, y1, x1) in pixels, ends exclusive.

    The effective receptive field (Luo et al., NeurIPS 2016) of the unit in its own image, as a normal distribution fitted by
    moments: of the absolute gradient with respect to the pixels, summed over colours, the mean and two standard deviations to
    each side, along rows and columns. None where no gradient arrives, such as of a unit that is silent.

    Args:
        reach: of one layer.
        frames: (n, c, h, w), normalised.
        channels, places: of the n units, (row, column) in the map.
    """
    (layer,) = reach.layers
    with torch.enable_grad():
        shown = frames.clone().requires_grad_()
        maps = reach.of_frames(shown)[layer]
        rows, columns = torch.tensor(places, device=maps.device).T
        own = maps[
            torch.arange(len(maps), device=maps.device), torch.tensor(channels, device=maps.device), rows, columns
        ]
        slope = torch.autograd.grad(own.sum(), shown, allow_unused=True)[0] if own.requires_grad else None
    if slope is None:
        return [None] * len(frames)
    return [_fitted(one) for one in slope.abs().sum(1).double().cpu().numpy()]


def thumbnail(frame: Array) -> Array:
    """A frame (h, w, c) uint8 as (16, 16, c) in [0, 1]."""
    channels = [
        Image.fromarray(frame[:, :, c]).resize((THUMB, THUMB), Image.Resampling.BOX) for c in range(frame.shape[2])
    ]
    return np.stack([np.asarray(one) for one in channels], 2) / 255


def alike(one: Array, other: Array) -> bool:
    """Whether two thumbnails are near copies: correlated by 0.98 or more, or both of one and the same colour."""
    a, b = one.ravel() - one.mean(), other.ravel() - other.mean()
    if min(a.std(), b.std()) < EVEN:
        return bool(np.abs(one - other).max() < EVEN)
    return bool(a @ b >= ALIKE * np.linalg.norm(a) * np.linalg.norm(b))


def _fitted(weight: Array) -> Box | None:
    """Of weights (h, w) of pixels; None if that is all of them, or none has any."""
    if not weight.any() or not np.isfinite(weight).all():
        return None
    ends = []
    for side, of_places in zip(weight.shape, (weight.sum(1), weight.sum(0)), strict=True):
        share, along = of_places / of_places.sum(), np.arange(side) + 0.5
        mean = share @ along
        spread = SPREAD * np.sqrt(share @ (along - mean) ** 2)
        own = int(mean)  # the pixel in which it lies: some box there is
        ends.append((max(min(round(mean - spread), own), 0), min(max(round(mean + spread), own + 1), side)))
    (y0, y1), (x0, x1) = ends
    return None if (y0, x0, y1, x1) == (0, 0, *weight.shape) else (y0, x0, y1, x1)  # all of it: nothing to mark


def _within(box: Box | None, field: Box | None) -> Box | None:
    """No more than the receptive field, which is all that there is to see."""
    if box is None or field is None:
        return box or field
    return max(box[0], field[0]), max(box[1], field[1]), min(box[2], field[2]), min(box[3], field[3])
