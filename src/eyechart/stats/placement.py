"""Where objects lie in their images and how large they are, against objects strewn at random.

Objects in photographs are centred and of a usual size, so that a model that learns from them need not become invariant to
either (Azulay & Weiss, JMLR 20(184), 2019, arXiv 1805.12177). The measures are ours. Two kinds of chance are compared with:

* uniform: the centre lies anywhere in the image;
* feasible: each object keeps its size and lies anywhere within the image. A box of relative width w can only be centred in
  [w/2, 1 - w/2], which by itself draws large objects to the middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import numpy as np

from eyechart.stats.intervals import FEWEST, Z95, Interval, ratios, resampled_sums

Array = np.ndarray[Any, Any]
CELLS = 16
MEAN_DISTANCE = (sqrt(2) + log(1 + sqrt(2))) / 6  # of a uniform point of the unit square from its middle
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_AT_ONCE = 1 << 16  # boxes: bounds the memory


@dataclass(frozen=True)
class Figure:
    """One figure: of what, its interval over images, and what chance gives (None where that has no meaning)."""

    measure: str
    of: str
    interval: Interval
    unit: str
    uniform: float | None = None
    feasible: float | None = None


def features(corners: Array) -> dict[str, Array]:
    """(n,) features of boxes (n, 4) given as shares of the image: left, top, right, bottom.

    ``cx`` and ``cy``, the centre; ``area``; ``log2_area``; ``aspect``, relative width by relative height; ``distance`` of the
    centre from the image's middle, in units of the image's sides (0.707 in a corner).
    """
    left, top, right, bottom = np.asarray(corners, np.float64).T
    width, height, cx, cy = right - left, bottom - top, (left + right) / 2, (top + bottom) / 2
    distance = np.hypot(cx - 0.5, cy - 0.5)
    area = width * height
    return {
        "cx": cx,
        "cy": cy,
        "area": area,
        "log2_area": np.log2(area),
        "aspect": width / height,
        "distance": distance,
    }


def histogram(corners: Array, cells: int = CELLS) -> Array:
    """Shares of the centres in cells x cells places: (row, column), the top left first."""
    row, column = _cell(corners, cells)
    counts = np.bincount(row * cells + column, minlength=cells * cells)
    return np.asarray(counts.reshape(cells, cells) / max(len(corners), 1))


def _cell(corners: Array, cells: int) -> tuple[Array, Array]:
    """Row and column (n,) of each centre; one on the line between two cells is in that nearer the middle of the image.

    So that a box that touches the border lies in a cell in which boxes of its size can lie.
    """
    found = features(corners)
    row, column = (((0.5 + (found[name] - 0.5) * (1 - 1e-9)) * cells).astype(int) for name in ("cy", "cx"))
    return row, column


def feasible_histogram(corners: Array, cells: int = CELLS) -> Array:
    """What ``histogram`` is on average if each box lies anywhere within its image: exact, no drawing."""
    left, top, right, bottom = np.asarray(corners, np.float64).T
    total = np.zeros((cells, cells))
    for at in range(0, len(left), _AT_ONCE):
        part = slice(at, at + _AT_ONCE)
        total += _along((bottom - top)[part], cells).T @ _along((right - left)[part], cells)
    return total / max(len(left), 1)


def _along(lengths: Array, cells: int) -> Array:
    """(n, cells) chance of the centre of a box of such a length to lie in each cell of its axis."""
    low, high = lengths / 2, 1 - lengths / 2
    reach = np.maximum(high - low, 1e-12)  # a box as long as the image has one place, its middle
    below = np.clip((np.arange(cells + 1) / cells - low[:, None]) / reach[:, None], 0, 1)
    below[:, -1] = 1
    return np.asarray(np.diff(below, axis=1))


def divergence(corners: Array, image: Array, expected: Array, *, corrected: bool = True) -> Interval:
    """KL(histogram || expected) = sum q log(q / expected) in nats, less (cells - 1) / 2n, its bias for n independent objects.

    The corrected value is 0 on average where objects are strewn as expected, and may be below. The interval is normal: its
    variance is that of the linearised figure over whole images, and that which is left where nothing differs from what is
    expected, (cells - 1) / 2n^2 (n KL is then half a chi-square). Objects of one image that lie alike make n too large a
    number, and the correction too small.

    Args:
        corners: (n, 4).
        image: (n,) which image each box is of.
        expected: shares (cells, cells), positive wherever a centre can be.
    """
    n, cells = len(corners), expected.shape[0]
    own = histogram(corners, cells)
    held, possible = own > 0, int((expected > 0).sum())
    surprise = np.zeros_like(own)
    surprise[held] = np.log(own[held] / np.maximum(expected[held], 1e-300))
    value = float((own * surprise).sum())
    bias = (possible - 1) / (2 * n) if corrected else 0.0
    _, owner = np.unique(image, return_inverse=True)
    groups = int(owner.max()) + 1
    if groups < FEWEST:
        return Interval(value - bias, None, None, groups, "")
    each = np.bincount(owner, surprise[_cell(corners, cells)] - value, groups)
    variance = groups / (groups - 1) * float((each**2).sum()) / n**2 + (possible - 1) / (2 * n**2)
    half = Z95 * sqrt(variance)
    return Interval(value - bias, value - bias - half, value - bias + half, groups, "linearised")


def moments(columns: Mapping[str, Array], image: Array) -> dict[tuple[str, str], Interval]:
    """(``mean``, ``sd`` or ``skew``, name) -> interval, of columns (n,); one bootstrap of whole images for all.

    Skewness is the third central moment by the cubed standard deviation, 0 where nothing varies.
    """
    _, owner = np.unique(image, return_inverse=True)
    middles = {
        name: float(np.mean(values)) for name, values in columns.items()
    }  # powers far from zero would lose digits
    powers = [(values - middles[name]) ** k for name, values in columns.items() for k in range(4)]
    sums = np.stack([np.bincount(owner, column) for column in powers], axis=1)  # (images, 4 a column)
    drawn = resampled_sums(sums) if len(sums) >= FEWEST else None
    found = {}
    for k, name in enumerate(columns):
        own = slice(4 * k, 4 * k + 4)
        values = _shape(sums[:, own].sum(0), middles[name])
        ends = None if drawn is None else [np.percentile(d, [2.5, 97.5]) for d in _shape(drawn[:, own], middles[name])]
        for j, measure in enumerate(("mean", "sd", "skew")):
            value = float(values[j])
            if ends is None:
                found[measure, name] = Interval(value, None, None, len(sums), "")
            else:
                low, high = min(float(ends[j][0]), value), max(float(ends[j][1]), value)
                found[measure, name] = Interval(value, low, high, len(sums), "bootstrap")
    return found


def _shape(sums: Array, middle: float) -> tuple[Array, Array, Array]:
    """Mean, standard deviation and skewness from sums (..., 4) of the powers 0 to 3 of values less ``middle``."""
    first, second, third = (sums[..., k] / sums[..., 0] for k in (1, 2, 3))
    variance = np.maximum(second - first**2, 0)
    central = third - 3 * first * second + 2 * first**3
    skew = np.where(variance > 1e-12, central / np.maximum(variance, 1e-12) ** 1.5, 0.0)
    return middle + first, np.sqrt(variance), skew


def figures(corners: Array, pixel: Array, image: Array) -> Iterator[Figure]:
    """Everything: moments of the features, shares at the border, divergence from chance.

    Args:
        corners: (n, 4) left, top, right, bottom as shares of the image.
        pixel: (n, 2) a pixel's width and height as shares of the image's.
        image: (n,) which image each box is of.
    """
    found, chance = features(corners), _chance(corners)
    units = {"area": "share of the image", "log2_area": "log2 of the share", "aspect": "ratio"}
    for (measure, name), interval in moments(found, image).items():
        unit = "skewness" if measure == "skew" else units.get(name, "share of the side")
        yield Figure(measure, name, interval, unit, *chance.get((measure, name), (None, None)))
    touching, by_chance = _touching(corners, pixel)
    _, owner = np.unique(image, return_inverse=True)
    sums = [np.bincount(owner, column)[:, None] for column in (touching, np.ones(len(owner)))]
    yield Figure("share", "touching_border", ratios(*sums, share=True)[0], "share", None, by_chance)
    for name, expected in (("uniform", np.full((CELLS, CELLS), CELLS**-2)), ("feasible", feasible_histogram(corners))):
        yield Figure("kl", name, divergence(corners, image, expected), "nats", 0.0, 0.0)


def _chance(corners: Array) -> dict[tuple[str, str], tuple[float, float]]:
    """(measure, feature) -> what a uniform centre and a feasible one give."""
    left, top, right, bottom = np.asarray(corners, np.float64).T
    free = {"cx": 1 - (right - left), "cy": 1 - (bottom - top)}
    found = {("mean", name): (0.5, 0.5) for name in free}
    found |= {("sd", name): (sqrt(1 / 12), sqrt(float((way**2).mean()) / 12)) for name, way in free.items()}
    found |= {("skew", name): (0.0, 0.0) for name in free}
    return found | {("mean", "distance"): (MEAN_DISTANCE, _mean_distance(free["cx"], free["cy"]))}


def _mean_distance(across: Array, down: Array) -> float:
    """Mean distance from the middle of a centre that lies anywhere on its free way (n,), (n,), by Gauss-Legendre quadrature.

    By symmetry over one quarter, where the distance is smooth but in its corner.
    """
    total, nodes, weights = 0.0, (_NODES + 1) / 2, _WEIGHTS / 2
    for at in range(0, len(across), _AT_ONCE):
        x, y = (way[at : at + _AT_ONCE, None, None] / 2 for way in (across, down))
        each = np.hypot(x * nodes[:, None], y * nodes[None, :])
        total += float(np.einsum("nij,i,j->", each, weights, weights))
    return total / max(len(across), 1)


def _touching(corners: Array, pixel: Array) -> tuple[Array, float]:
    """Which boxes (n,) come within less than a pixel of a border, and the share of them if each lay anywhere in its image."""
    low, high = corners[:, :2], 1 - corners[:, 2:]
    near = pixel * (1 - 1e-6)  # edges that lie on whole pixels, as shares, are rounded
    touching = ((low < near) | (high < near)).any(1)
    free = 1 - (corners[:, 2:] - corners[:, :2])
    chance = np.where(free > 2 * pixel, 2 * pixel / np.maximum(free, 1e-12), 1.0)
    return np.asarray(touching, np.float64), float(1 - (1 - chance).prod(1).mean())
