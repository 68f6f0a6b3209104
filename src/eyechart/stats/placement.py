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
DRAWS = 200  # of as many boxes strewn at random


@dataclass(frozen=True)
class Figure:
    """One figure: of what, its interval over images, and what chance gives (None where that has no meaning)."""

    measure: str
    of: str
    interval: Interval
    unit: str
    uniform: float | None = None
    feasible: float | None = None


def features(corners: Array, pixel: Array) -> dict[str, Array]:
    """(n,) features of boxes (n, 4) given as shares of the image: left, top, right, bottom.

    ``cx`` and ``cy``, the centre; ``area``; ``log2_area``; ``aspect``, width by height in pixels; ``distance`` of the centre
    from the image's middle, in units of the image's sides (0.707 in a corner). ``pixel``: as for ``figures``.
    """
    width, height = _sides(corners)
    cx, cy = _centres(corners)
    area, wide, high = width * height, width / pixel[:, 0], height / pixel[:, 1]
    distance = np.hypot(cx - 0.5, cy - 0.5)
    found = {"cx": cx, "cy": cy, "area": area, "log2_area": np.log2(area)}
    return {**found, "aspect": wide / high, "distance": distance}


def _sides(corners: Array) -> tuple[Array, Array]:
    """Width and height (n,), as shares of the image's."""
    left, top, right, bottom = np.asarray(corners, np.float64).T
    return right - left, bottom - top


def _centres(corners: Array) -> tuple[Array, Array]:
    """(n,) across and down."""
    left, top, right, bottom = np.asarray(corners, np.float64).T
    return (left + right) / 2, (top + bottom) / 2


def histogram(corners: Array, cells: int = CELLS) -> Array:
    """Shares of the centres in cells x cells places: (row, column), the top left first."""
    counts = np.bincount(_cell(*_centres(corners), cells), minlength=cells * cells)
    return np.asarray(counts.reshape(cells, cells) / max(len(corners), 1))


def _cell(cx: Array, cy: Array, cells: int) -> Array:
    """Which cell each centre lies in, row by row; one on the line between two is in that nearer the middle of the image.

    So that a box that touches the border lies in a cell in which boxes of its size can lie.
    """
    column, row = (((0.5 + (along - 0.5) * (1 - 1e-9)) * cells).astype(int) for along in (cx, cy))
    return np.asarray(row * cells + column)


def feasible_histogram(corners: Array, cells: int = CELLS) -> Array:
    """What ``histogram`` is on average if each box lies anywhere within its image: exact, no drawing."""
    width, height = _sides(corners)
    total = np.zeros((cells, cells))
    for at in range(0, len(width), _AT_ONCE):
        part = slice(at, at + _AT_ONCE)
        total += _along(height[part], cells).T @ _along(width[part], cells)
    return total / max(len(width), 1)


def _along(lengths: Array, cells: int) -> Array:
    """(n, cells) chance of the centre of a box of such a length to lie in each cell of its axis."""
    low, high = lengths / 2, 1 - lengths / 2
    reach = np.maximum(high - low, 1e-12)  # a box as long as the image has one place, its middle
    below = np.clip((np.arange(cells + 1) / cells - low[:, None]) / reach[:, None], 0, 1)
    below[:, -1] = 1
    return np.asarray(np.diff(below, axis=1))


def strewn(corners: Array, *, within: bool, draws: int = DRAWS, seed: int = 0, cells: int = CELLS) -> Array:
    """Histograms (draws, cells, cells) of as many boxes, each strewn at random, by itself.

    Args:
        corners: (n, 4), at least one.
        within: True keeps each box within its image (feasible); False lets its centre lie anywhere (uniform).
        draws: how often all are strewn.
        seed: of the random numbers.
        cells: along each side.
    """
    n, chance = len(corners), np.random.default_rng(seed)
    if not within:
        drawn = chance.multinomial(n, np.full(cells * cells, cells**-2), draws)
        return np.asarray(drawn.reshape(draws, cells, cells) / n)
    counts, (width, height) = np.zeros((draws, cells * cells)), _sides(corners)
    for at in range(0, n, _AT_ONCE):
        own = width[at : at + _AT_ONCE], height[at : at + _AT_ONCE]
        for k in range(draws):
            cx, cy = (side / 2 + chance.random(len(side)) * (1 - side) for side in own)
            counts[k] += np.bincount(_cell(cx, cy, cells), minlength=cells * cells)
    return counts.reshape(draws, cells, cells) / n


def kl(histograms: Array, expected: Array) -> Array:
    """sum q log(q / expected) in nats over the last two axes; ``expected`` is positive wherever a centre can be."""
    ratio = np.where(histograms > 0, histograms, 1) / np.where(histograms > 0, np.maximum(expected, 1e-300), 1)
    return np.asarray((histograms * np.log(ratio)).sum((-2, -1)))


def divergence(corners: Array, image: Array, expected: Array, chance: Array) -> Interval:
    """How much farther the centres' histogram is from what is expected than as many boxes strewn at random are on average.

    KL(histogram || expected) is above 0 by chance alone: by (cells - 1) / 2n where there are many boxes a cell, by more where
    there is about one (0.71 against 0.64 at n = 200), by less below. Its mean over the strewn histograms is taken off, so that
    0 is chance for any n. The interval is normal: its variance is that of the linearised figure over whole images, and that of
    the strewn histograms, which is left where nothing differs from what is expected. Objects of one image that lie alike are
    fewer than they seem, and what is taken off is then too little.

    Args:
        corners: (n, 4).
        image: (n,) which image each box is of.
        expected: shares (cells, cells), positive wherever a centre can be.
        chance: (draws, cells, cells) from ``strewn``, of the kind that is expected.
    """
    n, own, by_chance = len(corners), histogram(corners, len(expected)), kl(chance, expected)
    raw = float(kl(own, expected))
    value = raw - float(by_chance.mean())
    _, owner = np.unique(image, return_inverse=True)
    groups = int(owner.max()) + 1
    if groups < FEWEST:
        return Interval(value, None, None, groups, "")
    held = own > 0
    surprise = np.log(np.where(held, own, 1) / np.where(held, np.maximum(expected, 1e-300), 1)).ravel()
    each = np.bincount(owner, surprise[_cell(*_centres(corners), len(expected))] - raw, groups)
    half = Z95 * sqrt(groups / (groups - 1) * float((each**2).sum()) / n**2 + float(by_chance.var()))
    return Interval(value, value - half, value + half, groups, "linearised")


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
    found, chance = features(corners, pixel), _chance(corners)
    units = {"area": "share of the image", "log2_area": "log2 of the share", "aspect": "ratio"}
    for (measure, name), interval in moments(found, image).items():
        unit = "skewness" if measure == "skew" else units.get(name, "share of the side")
        yield Figure(measure, name, interval, unit, *chance.get((measure, name), (None, None)))
    touching, by_chance = _touching(corners, pixel)
    _, owner = np.unique(image, return_inverse=True)
    sums = [np.bincount(owner, column)[:, None] for column in (touching, np.ones(len(owner)))]
    yield Figure("share", "touching_border", ratios(*sums, share=True)[0], "share", None, by_chance)
    yield from _divergences(corners, image)


def _divergences(corners: Array, image: Array) -> Iterator[Figure]:
    """From uniform and from feasible; boxes strewn feasibly are not uniform, and by how much stands beside the former."""
    even, feasible = np.full((CELLS, CELLS), CELLS**-2), feasible_histogram(corners)
    anywhere, within = (strewn(corners, within=inside) for inside in (False, True))
    feasibly = float(kl(within, even).mean() - kl(anywhere, even).mean())
    yield Figure("kl", "uniform", divergence(corners, image, even, anywhere), "nats", 0.0, feasibly)
    yield Figure("kl", "feasible", divergence(corners, image, feasible, within), "nats", None, 0.0)


def _chance(corners: Array) -> dict[tuple[str, str], tuple[float, float]]:
    """(measure, feature) -> what a uniform centre and a feasible one give."""
    width, height = _sides(corners)
    free = {"cx": 1 - width, "cy": 1 - height}
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
