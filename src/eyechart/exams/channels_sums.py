"""What is summed over images of each channel of a layer, and the figures that follow from the sums alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyechart.core.exam import Array
from eyechart.core.tally import Tally, block_of, sums_by_block
from eyechart.stats.intervals import FEWEST, Interval, of_blocks, resampled_sums
from eyechart.views.channel_readings import LEAST, MEAN, MOST

FLAT = 1e-6  # standard deviation by root mean square: rounding in single precision leaves about a tenth of that
OWN = 3  # sums of a, of its square, and of whether any place of the channel is above 0
OF_A_TWIN = 3  # sums of S, of its square, and of a S
AT_ONCE = 256  # channels whose resamples are held together
SIGNED = "some of its values are below 0: it is not what an activation such as ReLU gives"


def tallied(name: str, readings: Array, twins: Sequence[Array], ids: Sequence[str]) -> dict[str, Array]:
    """The entries of a layer in ``Tally.sums``: its sums, and how many images were read and had a negative value.

    Args:
        name: of the layer.
        readings: (n, 4, c), as ``ChannelReadings`` reads them.
        twins: S (n, c) of each twin.
        ids: of the images.
    """
    a = readings[:, MEAN].astype(np.float64)
    parts = [a, a * a, readings[:, MOST] > 0]
    for s in twins:
        parts += [s, s * s, a * s]
    counts = np.stack([np.ones(len(a)), (readings[:, LEAST] < 0).any(1)], 1)
    return {f"sums/{name}": sums_by_block(np.stack(parts, 1), ids), f"images/{name}": sums_by_block(counts, ids)}


def slopes(n: Array, sums: Array, twin: int) -> Array:
    """Regression slope cov(a, S) / var(a) of each channel; NaN where a is flat.

    Args:
        n: images (...,).
        sums: (..., OWN + OF_A_TWIN * twins, c).
        twin: its number.
    """
    a, aa = sums[..., 0, :], sums[..., 1, :]
    s, both = sums[..., OWN + OF_A_TWIN * twin, :], sums[..., OWN + OF_A_TWIN * twin + 2, :]
    count = np.maximum(n, 1.0)[..., None]
    variance, covariance = aa - a * a / count, both - a * s / count
    live = variance > FLAT**2 * aa
    return np.asarray(np.divide(covariance, variance, out=np.full(variance.shape, np.nan), where=live))


@dataclass(frozen=True)
class Summed:
    """The sums of one layer, by hash block of images.

    Attributes:
        images: (blocks,) read.
        negative: images with a negative value anywhere.
        sums: (blocks, OWN + OF_A_TWIN * twins, c), see ``tallied``.
        twins: names of the twins.
    """

    images: Array
    negative: int
    sums: Array
    twins: tuple[str, ...]

    @classmethod
    def of(cls, tally: Tally, name: str, twins: tuple[str, ...]) -> Summed:
        """Of a layer, from a merged tally."""
        counts = tally.sums[f"images/{name}"]
        return cls(counts[:, 0], int(counts[:, 1].sum()), tally.sums[f"sums/{name}"], twins)

    @property
    def n(self) -> int:
        """Images."""
        return int(self.images.sum())

    @property
    def mean(self) -> Array:
        """(c,) of a over images."""
        return np.asarray(self.sums[:, 0].sum(0) / max(self.n, 1))

    @property
    def sd(self) -> Array:
        """(c,) of a over images, not below 0."""
        return np.asarray(np.sqrt(np.maximum(self.sums[:, 1].sum(0) / max(self.n, 1) - self.mean**2, 0.0)))

    @property
    def dead(self) -> Array:
        """(c,) bool: whether a is the same for all images, but for rounding."""
        return np.asarray(self.sd <= FLAT * np.sqrt(self.sums[:, 1].sum(0) / max(self.n, 1)))

    @property
    def always_on(self) -> Array:
        """(c,) bool: whether some place of the channel is above 0 in every image."""
        return np.asarray(self.sums[:, 2].sum(0) == self.n)

    def texture_ness(self, twin: str) -> Array:
        """(c,) raw slopes; NaN where the channel is dead."""
        return np.where(self.dead, np.nan, slopes(self.images.sum(), self.sums.sum(0), self.twins.index(twin)))

    def texture_ness_ends(self, twin: str) -> Array:
        """(2, c) ends of the slopes' 95 % intervals, from resampled blocks; NaN where there are too few."""
        held, k = self.images > 0, self.sums.shape[2]
        found, value = np.full((2, k), np.nan), self.texture_ness(twin)
        if held.sum() < FEWEST:
            return found
        for at in range(0, k, AT_ONCE):
            sums = self.sums[held, :, at : at + AT_ONCE]
            drawn = resampled_sums(_columns(self.images[held], sums))
            each = _slopes_of(drawn, sums.shape[1:], self.twins.index(twin))
            known = ~np.isnan(each).any(0) & ~np.isnan(value[at : at + AT_ONCE])
            ends = np.percentile(each[:, known], [2.5, 97.5], axis=0)
            middle = value[at : at + AT_ONCE][known]
            found[:, at : at + AT_ONCE][:, known] = np.minimum(ends[0], middle), np.maximum(ends[1], middle)
        return found

    def median_texture_ness(self, twin: str) -> Interval:
        """Median slope of the live channels; the bootstrap resamples the blocks, the channels are all there are."""
        live = ~np.isnan(self.texture_ness(twin))
        sums, number = self.sums[:, :, live], self.twins.index(twin)
        if not live.any():
            return Interval(None, None, None, self.n, "bootstrap of blocks")
        columns = _columns(self.images, sums)
        return of_blocks(lambda pooled: _median(_slopes_of(pooled, sums.shape[1:], number)), columns, self.n)


def by_class(name: str, means: Array, labels: Array, ids: Sequence[str], classes: int) -> dict[str, Array]:
    """Sums of a (n, c) by half of the hash blocks and class (2, classes, 1 + c); the first column counts images.

    Args:
        name: of the layer.
        means: a.
        labels: (n,), -1 = none.
        ids: of the images.
        classes: how many.
    """
    total, known = np.zeros((2, classes, 1 + means.shape[1])), labels >= 0
    half = np.array([block_of(i) % 2 for i in ids], int)[known]
    each = np.concatenate([np.ones((len(means), 1)), means.astype(np.float64)], 1)
    np.add.at(total, (half, labels[known]), each[known])
    return {f"classes/{name}": total}


@dataclass(frozen=True)
class Selectivity:
    """How much more a channel says to images of its best class than to those of the others.

    Attributes:
        best: (c,) number of the class with the largest mean; the first of equal ones, -1 where all are 0.
        raw: (c,) (best - others) / (best + others), others the mean over the other classes' means; NaN where both are 0.
        held_out: (c,) likewise, the class chosen on one half of the images and the means taken on the other; mean of both ways.
    """

    best: Array
    raw: Array
    held_out: Array


def selectivity(sums: Array) -> Selectivity | str:
    """Of sums by half and class (2, classes, 1 + c), or why there is none."""
    counts = sums[..., 0]
    present = counts.sum(0) > 0
    if present.sum() < 2:
        return "fewer than two classes have images" if present.any() else "no image has a label"
    whole = sums.sum(0)[present]
    means = whole[:, 1:] / whole[:, :1]
    best = np.where(means.max(0) > 0, np.flatnonzero(present)[means.argmax(0)], -1)
    raw, held_out = _index(means, means.argmax(0)), np.full(means.shape[1], np.nan)
    twice = (counts > 0).all(0)
    if twice.sum() > 1:
        first, second = sums[:, twice, 1:] / sums[:, twice, :1]
        held_out = (_index(second, first.argmax(0)) + _index(first, second.argmax(0))) / 2
    return Selectivity(best, raw, held_out)


def _index(means: Array, best: Array) -> Array:
    """Of class means (classes, c), for the classes ``best`` (c,)."""
    own = means[best, np.arange(means.shape[1])]
    others = (means.sum(0) - own) / (len(means) - 1)
    return np.asarray(np.divide(own - others, own + others, out=np.full(len(own), np.nan), where=own + others > 0))


def _columns(images: Array, sums: Array) -> Array:
    """(blocks, 1 + rows * c): what is resampled together."""
    return np.concatenate([images[:, None], sums.reshape(len(sums), -1)], 1)


def _slopes_of(columns: Array, shape: tuple[int, ...], twin: int) -> Array:
    """Slopes (..., c) of pooled ``_columns`` (..., 1 + rows * c)."""
    return slopes(columns[..., 0], columns[..., 1:].reshape(*columns.shape[:-1], *shape), twin)


def _median(values: Array) -> Array:
    """Over the last axis, of what is not NaN; NaN where all is."""
    known = ~np.isnan(values).all(-1)
    found = np.full(values.shape[:-1], np.nan)
    found[known] = np.nanmedian(values[known], -1)
    return found
