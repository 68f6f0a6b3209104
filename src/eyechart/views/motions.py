"""What moves a picture: frozen values that draw a map for each image. Torch-free, for source views and for the device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Literal

import numpy as np

from eyechart.views.maps import (
    FLIP,
    IDENTITY,
    Array,
    Size,
    keystone,
    rotation,
    scaling,
    shearing,
    stretching,
    tilting,
    translation,
)

Family = Literal["rotate", "scale", "shear", "stretch", "perspective", "flip"]
FAMILIES: tuple[Family, ...] = ("rotate", "scale", "shear", "stretch", "perspective", "flip")
Undone = Literal["there_and_back", "in_place"]
Sweep = Literal["translate", "rotate", "shear", "scale", "tilt"]
REFERENCE = 224  # the input size that limits in pixels refer to


def pixels_at(size: Size, at_reference: float) -> float:
    """A length at an input of 224, at another size."""
    return at_reference * min(size) / REFERENCE


@dataclass(frozen=True)
class Drawn:
    """What a motion does to one image.

    Attributes:
        maps: resampled one after another; none: the picture is left as it is.
        notes: numbers that were drawn.
        in_place: nothing moves; every pixel is smoothed as much as by the first map, to second order: bilinear interpolation
            at a fraction f between two pixels has the variance f (1 - f), as have the weights (v / 2, 1 - v, v / 2) of a pixel
            and its neighbours with v = f (1 - f).
    """

    maps: tuple[Array, ...] = ()
    notes: Mapping[str, float] = field(default_factory=dict)
    in_place: bool = False

    @property
    def whole(self) -> Array:
        """All of it as one map."""
        if self.in_place:
            return IDENTITY
        return reduce(lambda done, map: done @ map, self.maps, IDENTITY)


@dataclass(frozen=True)
class Motion(ABC):
    """Something that moves a picture. Motions of one ``stream`` draw the same numbers for one image."""

    @property
    def stream(self) -> str:
        """Name of the random stream; empty: no chance involved."""
        return ""

    @abstractmethod
    def drawn(self, size: Size, rng: np.random.Generator) -> Drawn:
        """The maps for one image in frames of ``size``."""


@dataclass(frozen=True)
class Still(Motion):
    """No motion."""

    def drawn(self, size: Size, rng: np.random.Generator) -> Drawn:
        """Nothing."""
        return Drawn()


@dataclass(frozen=True)
class SmallMove(Motion):
    """One small affine or perspective change about the centre, to the one side or the other.

    The side (and for ``stretch`` and ``perspective`` the axis) is drawn for each image, the same for all amounts of a family.

    Attributes:
        family: ``rotate`` (degrees), ``scale`` (percent larger, or smaller by that factor), ``shear`` (degrees; rows slide),
            ``stretch`` (percent, as ``scale`` but along one axis), ``perspective`` (percent larger at one edge, smaller at the
            other), ``flip`` (left to right).
        amount: 0 or more, in these units; of no meaning for ``flip``.
        undone: shows the smoothing of the change without its displacement. ``there_and_back``: the change, then its inverse,
            so smoothed twice; ``in_place``: see ``Drawn``.

    Notes: ``side``, -1 or 1, and ``upright``, 1 where the axis is the upright one.
    """

    family: Family
    amount: float
    undone: Undone | None = None

    @property
    def stream(self) -> str:
        """One stream a family."""
        return "" if self.family == "flip" else f"affine.{self.family}"

    def drawn(self, size: Size, rng: np.random.Generator) -> Drawn:
        """Draw side and axis."""
        if self.family == "flip":
            return Drawn(() if self.undone else (FLIP,), {"side": 1.0, "upright": 0.0})
        side, upright = 1 - 2 * int(rng.integers(2)), bool(rng.integers(2))
        maps: tuple[Array, ...] = (self._map(side, upright, size), self._map(-side, upright, size))
        if self.undone != "there_and_back":
            maps = maps[:1]
        notes = {"side": float(side), "upright": float(upright)}
        return Drawn(maps if self.amount else (), notes, in_place=self.undone == "in_place" and self.amount > 0)

    def _map(self, side: int, upright: bool, size: Size) -> Array:
        amount = side * self.amount
        if self.family == "rotate":
            return rotation(amount)
        if self.family == "shear":
            return shearing(amount)
        if self.family == "perspective":
            return keystone(amount / 100, upright, size)
        factor = (1 + self.amount / 100) ** side
        return scaling(factor) if self.family == "scale" else stretching(factor, upright)


@dataclass(frozen=True)
class Pose(Motion):
    """Turned, then moved: known numbers.

    Attributes:
        degrees: counter-clockwise.
        down, right: pixels.
    """

    degrees: float
    down: float
    right: float

    def drawn(self, size: Size, rng: np.random.Generator) -> Drawn:
        """One map for all images."""
        return posed(self.degrees, self.down, self.right)


@dataclass(frozen=True)
class RandomPose(Motion):
    """Turned, then moved: numbers drawn uniformly for each image.

    Attributes:
        draw: number of the draw; names the stream.
        degrees: limit of the angle, to both sides.
        pixels: limit of the move along each axis, at this frame's size.

    Notes: ``degrees``, ``down`` and ``right``, as drawn.
    """

    draw: int
    degrees: float
    pixels: float

    @property
    def stream(self) -> str:
        """One stream a draw."""
        return f"spatial_robustness.{self.draw}"

    def drawn(self, size: Size, rng: np.random.Generator) -> Drawn:
        """Draw angle and place."""
        degrees, down, right = rng.uniform(-1, 1, 3) * (self.degrees, self.pixels, self.pixels)
        return posed(float(degrees), float(down), float(right))


def posed(degrees: float, down: float, right: float) -> Drawn:
    """The picture turned, then moved, in one resampling."""
    turned = rotation(degrees) if degrees else IDENTITY
    return Drawn((turned @ translation(down, right),), {"degrees": degrees, "down": down, "right": right})


@dataclass(frozen=True)
class Walk(Motion):
    """A frame of a walk in steps of one pixel, to the left, right, up or down, each as likely as the others.

    The walk starts in the clip's middle frame, unmoved, and goes on to both ends. A step beyond ``reach`` is turned back.

    Attributes:
        frame: number of the frame, from 0.
        frames: of the clip.
        reach: the farthest along each axis, in pixels.

    Notes: ``down`` and ``right``.
    """

    frame: int
    frames: int
    reach: int

    @property
    def stream(self) -> str:
        """One stream for all frames."""
        return "jitter.walk"

    def drawn(self, size: Size, rng: np.random.Generator) -> Drawn:
        """Walk from the middle to the frame."""
        middle = self.frames // 2
        steps = rng.integers(4, size=(2, self.frames))[int(self.frame < middle)]
        place = [0, 0]
        for step in steps[: abs(self.frame - middle)]:
            axis, way = int(step) // 2, 1 - 2 * (int(step) % 2)
            place[axis] += way if abs(place[axis] + way) <= self.reach else -way
        maps = (translation(*place),) if any(place) else ()
        return Drawn(maps, {"down": float(place[0]), "right": float(place[1])})


@dataclass(frozen=True)
class Shake(Motion):
    """A frame of a shaken clip: moved along each axis by its own normal number of pixels, fractions included.

    Attributes:
        frame: number of the frame.
        deviation: standard deviation, in pixels.

    Notes: ``down`` and ``right``.
    """

    frame: int
    deviation: float

    @property
    def stream(self) -> str:
        """One stream a frame."""
        return f"jitter.shake.{self.frame}"

    def drawn(self, size: Size, rng: np.random.Generator) -> Drawn:
        """Draw the place."""
        down, right = rng.normal(0, self.deviation, 2).tolist()
        return Drawn((translation(down, right),), {"down": down, "right": right})


@dataclass(frozen=True)
class Swept(Motion):
    """A frame of a steady motion, as of ImageNet-P.

    Attributes:
        sweep: ``translate`` (pixels to the right at an input of 224, else in proportion), ``rotate``, ``shear``, ``tilt``
            (degrees) or ``scale`` (a factor).
        amount: in these units.
    """

    sweep: Sweep
    amount: float

    def drawn(self, size: Size, rng: np.random.Generator) -> Drawn:
        """One map for all images; none where nothing moves."""
        if self.amount == (1 if self.sweep == "scale" else 0):
            return Drawn()
        maps: dict[Sweep, Any] = {
            "translate": lambda: translation(0, pixels_at(size, self.amount)),
            "rotate": lambda: rotation(self.amount),
            "shear": lambda: shearing(self.amount),
            "scale": lambda: scaling(self.amount),
            "tilt": lambda: tilting(self.amount, size),
        }
        return Drawn((maps[self.sweep](),))
