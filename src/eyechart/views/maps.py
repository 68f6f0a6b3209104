"""Maps of the plane that turn, grow, shear, stretch, tilt and move a picture. Torch-free.

A map says where what is shown is taken from: a 3 x 3 matrix on (x to the right, y down, 1), in pixels from the frame's centre,
which lies at ((width - 1) / 2, (height - 1) / 2). Showing by one map what another shows is ``other @ one``.
"""

from __future__ import annotations

from math import cos, hypot, radians, sin, tan
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Size = tuple[int, int]  # height, width

IDENTITY: Array = np.eye(3)
FLIP: Array = np.diag([-1.0, 1.0, 1.0])  # left to right


def rotation(degrees: float) -> Array:
    """The picture turned counter-clockwise, as by torchvision's ``rotate``."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def scaling(factor: float) -> Array:
    """The picture ``factor`` times as large."""
    return np.diag([1 / factor, 1 / factor, 1.0])


def stretching(factor: float, upright: bool) -> Array:
    """The picture ``factor`` times as high (``upright``) or as wide."""
    return np.diag([1.0, 1 / factor, 1.0] if upright else [1 / factor, 1.0, 1.0])


def shearing(degrees: float) -> Array:
    """Rows slide, those below the centre to the left by tan(degrees) pixels a row (the sign of torchvision's ``affine``)."""
    return np.array([[1, tan(radians(degrees)), 0], [0, 1, 0], [0, 0, 1]])


def keystone(share: float, upright: bool, size: Size) -> Array:
    """Perspective: (u, v) shows what was at (u, v) / (1 + share u), u from -1 to 1 over the frame's width or height.

    The picture is 1 + share times as large at the edge where u = 1 (right, or bottom if ``upright``), 1 - share times at the
    other, and as large as it was in the centre. ``share`` is below 1; the inverse is -share.
    """
    found = np.eye(3)
    half = max((size[0 if upright else 1] - 1) / 2, 0.5)
    found[2, 1 if upright else 0] = share / half
    return found


def tilting(degrees: float, size: Size) -> Array:
    """The picture tilted about its horizontal and its upright axis at once, seen from as far as the frame's diagonal is long.

    As in ImageNet-P's generator, but that the axes lie in the picture, not one pixel behind it: no tilt is no change.
    """
    c, s, far = cos(radians(degrees)), sin(radians(degrees)), hypot(*size)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    about_y = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    x, y, _ = (about_x @ about_y).T  # where the picture's axes point to
    seen = np.array([[far * x[0], far * y[0], 0], [far * x[1], far * y[1], 0], [x[2], y[2], far]])
    found = np.linalg.inv(seen)
    return np.asarray(found / found[2, 2])


def translation(down: float, right: float) -> Array:
    """The picture moved by so many pixels."""
    return np.array([[1, 0, -right], [0, 1, -down], [0, 0, 1.0]])


def between(maps: Array, shown: tuple[float, float], taken: tuple[float, float]) -> Array:
    """Maps (..., 3, 3) with origins elsewhere: ``shown`` and ``taken`` are the centre's (y, x) in the new coordinates."""
    return np.asarray(translation(-taken[0], -taken[1]) @ maps @ translation(*shown))


def centre(size: Size) -> tuple[float, float]:
    """(y, x) of a frame's centre, counted in pixels from its first one."""
    return (size[0] - 1) / 2, (size[1] - 1) / 2


def whole_steps(maps: Array, size: Size) -> Array:
    """Which of the maps (n, 3, 3) take each pixel from one pixel exactly, turning nothing but left and right, up and down."""
    found = between(maps, centre(size), centre(size))
    diagonal = np.abs(found * np.eye(3)) == np.eye(3)
    others = found * (1 - np.eye(3))
    others[:, :2, 2] -= np.rint(others[:, :2, 2])
    return np.asarray(diagonal.all((1, 2)) & (others == 0).all((1, 2)))


def places(map: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """Where (x, y) are taken from."""
    xs, ys, scale = (row[0] * x + row[1] * y + row[2] for row in map)
    return xs / scale, ys / scale
