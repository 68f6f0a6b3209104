"""Light in drops of water, as the published generator draws it with OpenCV: edges, distances, equalised and embossed."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

Array = np.ndarray[Any, Any]

LOW, HIGH = 50, 150  # of Canny's thresholds
TANGENT, UNIT = 13573, 2**15  # tan 22.5 degrees, in units of 2^-15
STEPS = {(0, 1): 1.0, (1, 1): 1.4, (1, 2): 2.1969}  # what a step costs in OpenCV's 5 x 5 distance transform
CAP = 20  # pixels: no distance counts as more
EMBOSS = ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))
NEIGHBOURS = np.stack([np.zeros((3, 3), bool), np.ones((3, 3), bool), np.zeros((3, 3), bool)])  # not across images


def shine(liquid: Array) -> Array:
    """(n, h, w) uint8, how bright a drop is where: 20 pixels away from its edges and more it is brightest, before embossing.

    Args:
        liquid: (n, h, w) uint8, how thick the water is.
    """
    distance = np.minimum(chamfer(canny(liquid)), CAP)
    smooth = _box_sums(distance.astype(np.float64)) * (1 / 9)
    level = np.stack([equalised(one) for one in smooth.astype(np.float32).astype(np.uint8)])
    return _rounded_ninth(_box_sums(_embossed(level)))


def canny(levels: Array) -> Array:
    """(n, h, w) bool: edges of uint8 levels as ``cv2.Canny(levels, 50, 150)`` finds them (3 x 3 Sobel, strength |x| + |y|)."""
    wide = _framed(levels.astype(np.int32), "edge")
    height, width = levels.shape[1:]
    part = {(y, x): wide[:, y : y + height, x : x + width] for y in range(3) for x in range(3)}
    right = part[0, 2] - part[0, 0] + 2 * (part[1, 2] - part[1, 0]) + part[2, 2] - part[2, 0]
    down = part[2, 0] - part[0, 0] + 2 * (part[2, 1] - part[0, 1]) + part[2, 2] - part[0, 2]
    strength = np.abs(right) + np.abs(down)
    thin = _ridges(strength, right, down) & (strength > LOW)
    parts, count = ndimage.label(thin, NEIGHBOURS)
    strong = np.zeros(count + 1, bool)
    strong[parts[thin & (strength > HIGH)]] = True
    strong[0] = False
    kept: Array = strong[parts]
    return kept


def _ridges(strength: Array, right: Array, down: Array) -> Array:
    """Where strength is largest along its direction; of two alike, the first across and downwards, none along diagonals."""
    wide = _framed(strength, "constant")
    height, width = strength.shape[1:]
    at = {(y, x): wide[:, 1 + y : 1 + y + height, 1 + x : 1 + x + width] for y in (-1, 0, 1) for x in (-1, 0, 1)}
    x, y = np.abs(right), np.abs(down) * UNIT
    flat, steep = y < x * TANGENT, y > x * (TANGENT + 2 * UNIT)
    across = (strength > at[0, -1]) & (strength >= at[0, 1])
    upright = (strength > at[-1, 0]) & (strength >= at[1, 0])
    falling = (strength > at[-1, -1]) & (strength > at[1, 1])
    rising = (strength > at[-1, 1]) & (strength > at[1, -1])
    slanted = np.where((right < 0) ^ (down < 0), rising, falling)
    found: Array = np.where(flat, across, np.where(steep, upright, slanted))
    return found


def chamfer(edges: Array) -> Array:
    """(n, h, w) float32: distance to the nearest edge as ``cv2.distanceTransform(..., DIST_L2, 5)`` measures it.

    The shortest way in steps along axes (1), diagonals (1.4) and knight's moves (2.1969): within 2 % of Euclid's. More than
    the cap stays more than the cap.
    """
    distance = np.where(edges, np.float32(0), np.float32(2 * CAP))
    for step, cost in STEPS.items():
        for way in _turned(step):
            length = 1
            while length * cost <= CAP:  # in the nth round, ways of up to 2^n steps
                _shorten(distance, way[0] * length, way[1] * length, np.float32(cost * length))
                length *= 2
    return distance


def _turned(step: tuple[int, int]) -> set[tuple[int, int]]:
    y, x = step
    return {(a * m, b * k) for a, b in ((y, x), (x, y)) for m in (1, -1) for k in (1, -1)}


def _shorten(distance: Array, down: int, right: int, cost: np.float32) -> None:
    """Where coming from that far away is shorter, come from there."""
    height, width = distance.shape[1:]
    if abs(down) >= height or abs(right) >= width:
        return
    there = distance[:, max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
    here = distance[:, max(0, down) : height - max(0, -down), max(0, right) : width - max(0, -right)]
    np.minimum(here, there + cost, out=here)


def equalised(levels: Array) -> Array:
    """uint8 levels, their histogram made even as ``cv2.equalizeHist`` does: the lowest level becomes 0."""
    counts = np.bincount(levels.ravel(), minlength=256)
    lowest = int(levels.min())
    others = levels.size - counts[lowest]
    if not others:
        return levels
    sums = counts.cumsum() - counts[lowest]
    table = np.rint(sums.astype(np.float32) * (np.float32(255) / np.float32(others)))
    even: Array = table.clip(0, 255).astype(np.uint8)[levels]
    return even


def _embossed(levels: Array) -> Array:
    wide = _framed(levels.astype(np.int32), "reflect")
    height, width = levels.shape[1:]
    sums = np.zeros(levels.shape, np.int32)
    for y, row in enumerate(EMBOSS):
        for x, weight in enumerate(row):
            sums += weight * wide[:, y : y + height, x : x + width]
    return sums.clip(0, 255)


def _box_sums(values: Array) -> Array:
    """Over 3 x 3 pixels, mirrored at the border."""
    wide = _framed(values, "reflect")
    down = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    sums: Array = down[:, :, :-2] + down[:, :, 1:-1] + down[:, :, 2:]
    return sums


def _rounded_ninth(sums: Array) -> Array:
    return ((sums + 4) // 9).astype(np.uint8)


def _framed(stack: Array, mode: Any) -> Array:
    return np.pad(stack, ((0, 0), (1, 1), (1, 1)), mode)
