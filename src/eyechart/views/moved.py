"""Moved pictures drawn from the original, so that what comes in at the borders is real. Torch-free: drawn in decode workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Literal

import numpy as np
from PIL import Image

from eyechart.core.view import Frame, SourceView
from eyechart.images.original import Original
from eyechart.models.preprocessing import FILTERS, Preprocessing
from eyechart.views.maps import Array, Size, between, centre, places
from eyechart.views.motions import Motion

Smoothing = Literal["bilinear", "bicubic"]
Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels of the frame, which may lie outside it
TAPS = 2  # pixels to each side that a filter may look at
NEAR = 1e-6  # pixels: places closer to a border than that are on it


@dataclass(frozen=True)
class Margin(SourceView):
    """The picture moved within the whole field that the model's preprocessing resizes, cut to the frame only afterwards.

    The field is the picture as resized before the crop; each output pixel is interpolated from it (Pillow, in float, rounded
    to 8 bit once at the end), so whole-pixel moves copy pixels and no move at all gives the model's own frame, both bit by
    bit. Where the field ends, it is mirrored about its outermost pixels. Bicubic: a = -0.5.

    Attributes:
        motion: the move.
        room: the field's sides are at least so many times the frame's: what is short of it is resized larger, the frame with
            it. 0 = as the model has it.
        smoothing: the interpolation.

    Notes: those of the motion, and ``invented``, the share of the frame that shows what lies beyond the field.
    """

    motion: Motion
    room: float = 0.0
    smoothing: Smoothing = "bilinear"

    @property
    def stream(self) -> str:
        """That of the motion."""
        return self.motion.stream

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Draw the move and show it."""
        field = Field.of(original, preprocessing, self.room)
        drawn = self.motion.drawn(field.size, rng)
        notes = {**drawn.notes, "invented": field.invented(drawn.whole) if drawn.maps else 0.0}
        seen = field.smoothed(drawn.maps[0]) if drawn.in_place else field.shown(drawn.maps, self.smoothing)
        return Frame(seen, notes)


@dataclass(frozen=True)
class Field:
    """What can be seen around the frame.

    Attributes:
        picture: as resized.
        corner: (top, left) of the frame in it.
        size: of the frame.
    """

    picture: Image.Image
    corner: tuple[int, int]
    size: Size

    @classmethod
    def of(cls, original: Original, preprocessing: Preprocessing, room: float = 0.0) -> Field:
        """The field of a picture; where it is smaller than the frame, the model's own black borders belong to it."""
        rows, columns = preprocessing.size
        width, height = preprocessing.resized_size(*original.picture.size)
        grown = max(1.0, room * rows / height, room * columns / width)
        if grown > 1:
            width, height = ceil(width * grown - NEAR), ceil(height * grown - NEAR)
        picture = original.picture
        if picture.size != (width, height):
            picture = original.resized(width, height, FILTERS[preprocessing.interpolation])
        left, top = preprocessing.corner(width, height)
        if left < 0 or top < 0:
            box = (min(left, 0), min(top, 0), max(width, left + columns), max(height, top + rows))
            picture = picture.crop(box)
        return cls(picture, (max(top, 0), max(left, 0)), preprocessing.size)

    def invented(self, map: Array) -> float:
        """Share of the frame's pixels that a map takes from beyond the field's outermost pixels."""
        map = self._from_frame(map)
        height, width = self.size
        corners = places(map, np.array([0.0, width - 1, 0, width - 1]), np.array([0.0, 0, height - 1, height - 1]))
        if not self._beyond(*corners).any():  # a convex frame within a convex field
            return 0.0
        x, y = np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float))
        return float(self._beyond(*places(map, x, y)).mean())

    def shown(self, maps: Sequence[Array], smoothing: Smoothing = "bilinear") -> Image.Image:
        """The frame, 8 bit, the maps resampled one after another, in float."""
        frame = (0, 0, self.size[1], self.size[0])
        steps: list[tuple[Array, Box, Box]] = []  # map between pixels of the frame, from box, to box
        box = frame
        for map in reversed(maps):
            own = between(map, centre(self.size), centre(self.size))
            needed = _moved(own, box) or _needed(own, box)
            steps.append((own, needed, box))
            box = needed
        seen = self._region(box)
        moving = [step for step in reversed(steps) if _moved(step[0], step[2]) is None]
        if not moving:
            return seen
        bands = [band.convert("F") for band in seen.split()]
        for map, taken, to in moving:
            bands = [_resampled(band, map, taken, to, smoothing) for band in bands]
        return Image.merge(seen.mode, [band.point(_half_up).convert("L") for band in bands])

    def smoothed(self, map: Array) -> Image.Image:
        """The frame, nothing moved, each pixel smoothed as by bilinear interpolation through the map (see ``Drawn``)."""
        height, width = self.size
        x, y = np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float))
        down, right = (_half_variance(at)[..., None] for at in places(self._from_frame(map), x, y)[::-1])
        near = np.asarray(self._region((-1, -1, width + 1, height + 1)), dtype=np.float32)
        rows = near[:, 1:-1]
        across = [rows[k : k + height] + right * _bend(near[k : k + height]) for k in (0, 1, 2)]
        seen = across[1] + down * (across[0] + across[2] - 2 * across[1])
        return Image.fromarray(np.floor(seen + 0.5).astype(np.uint8))

    def _from_frame(self, map: Array) -> Array:
        """The map from pixels of the frame to those of the field."""
        down, right = centre(self.size)
        return between(map, (down, right), (down + self.corner[0], right + self.corner[1]))

    def _beyond(self, x: Array, y: Array) -> Array:
        width, height = self.picture.size
        return np.asarray((x < -NEAR) | (y < -NEAR) | (x > width - 1 + NEAR) | (y > height - 1 + NEAR))

    def _region(self, box: Box) -> Image.Image:
        """Pixels of a box, mirrored where it leaves the field."""
        (top, left), (width, height) = self.corner, self.picture.size
        box = (box[0] + left, box[1] + top, box[2] + left, box[3] + top)
        if min(box) >= 0 and box[2] <= width and box[3] <= height:
            return self.picture.crop(box)
        rows, columns = mirrored(np.arange(box[1], box[3]), height), mirrored(np.arange(box[0], box[2]), width)
        return Image.fromarray(np.asarray(self.picture)[rows[:, None], columns])


def _half_variance(at: Array) -> Array:
    """Half the variance of bilinear interpolation at a place between pixels: f (1 - f) / 2 of its fraction f."""
    fraction = at - np.floor(at)
    return np.asarray(fraction * (1 - fraction) / 2, dtype=np.float32)


def _bend(rows: Array) -> Array:
    """Second differences along the rows of (h, w, c), two pixels shorter."""
    return np.asarray(rows[:, :-2] + rows[:, 2:] - 2 * rows[:, 1:-1])


def mirrored(at: Array, length: int) -> Array:
    """Numbers of pixels, those outside folded back about the first and the last.

    >>> mirrored(np.arange(-3, 7), 4).tolist()
    [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]
    """
    if length == 1:
        return np.zeros_like(at)
    at = np.abs(at) % (2 * length - 2)
    return np.asarray(np.minimum(at, 2 * length - 2 - at))


def _moved(map: Array, box: Box) -> Box | None:
    """The box that a whole-pixel move takes a box from; None for other maps."""
    steps = map[:2, 2]
    if not (np.array_equal(map[:, :2], np.eye(3)[:, :2]) and map[2, 2] == 1 and (steps == np.rint(steps)).all()):
        return None
    right, down = int(steps[0]), int(steps[1])
    return box[0] + right, box[1] + down, box[2] + right, box[3] + down


def _needed(map: Array, box: Box) -> Box:
    """The box that a map takes a box from, with what filters look at."""
    left, top, right, bottom = box
    x, y = places(map, np.array([left, right - 1, left, right - 1]), np.array([top, top, bottom - 1, bottom - 1]))
    return floor(x.min()) - TAPS, floor(y.min()) - TAPS, ceil(x.max()) + TAPS + 1, ceil(y.max()) + TAPS + 1


def _resampled(band: Image.Image, map: Array, taken: Box, to: Box, smoothing: Smoothing) -> Image.Image:
    """The pixels of ``to``, interpolated from a band that holds those of ``taken``."""
    own = between(map, (0.5 - to[1], 0.5 - to[0]), (0.5 - taken[1], 0.5 - taken[0]))  # Pillow counts from corners
    own = own / own[2, 2]
    size, filter = (to[2] - to[0], to[3] - to[1]), FILTERS[smoothing]
    if own[2, :2].any():
        return band.transform(size, Image.Transform.PERSPECTIVE, (*own[0], *own[1], *own[2, :2]), filter)
    return band.transform(size, Image.Transform.AFFINE, (*own[0], *own[1]), filter)


def _half_up(value: Any) -> Any:
    """What ``point`` does to a band before its fractions are cut off."""
    return value * 1.0 + 0.5
