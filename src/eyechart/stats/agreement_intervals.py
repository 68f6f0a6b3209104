"""How sure figures of agreement are: of one pair of observers, and of means over pairs (after Klein et al. 2025).

Where accuracies are high few images or none are in some of the four cells of a pair, and a cell that is empty is so in every
resample: percentiles of resampled kappas then hold the true one in 40 to 85 of 100 samples. Intervals of kappa give each cell
half an image more: of one pair they are those of its posterior, Dirichlet(counts + 1/2), with the prior of Jeffreys (1946).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.stats.agreement import Fourfold
from eyechart.stats.intervals import DRAWS, FEWEST, Interval, resamples, wilson

Array = np.ndarray[Any, Any]

PAIR_DRAWS = 10_000
HALF = 0.5  # of an image, in each cell: Jeffreys' prior
JEFFREYS = "posterior, half an image more in each cell"
MEASURES = ("accuracy_difference", "observed", "kappa")


@dataclass(frozen=True)
class Agreement:
    """Figures of agreement with 95 % intervals.

    Attributes:
        accuracy_difference: squared, see ``Fourfold``.
        observed: share of images both right or both wrong.
        kappa: error consistency; value None where it is undefined, or 0 because one was always right or always wrong.
        left_out: pairs (in a condition) without kappa, which its mean leaves out.
    """

    accuracy_difference: Interval
    observed: Interval
    kappa: Interval
    left_out: int


def pair_agreement(found: Fourfold, draws: int = PAIR_DRAWS, seed: int = 0) -> Agreement:
    """One pair: resamples of its images, drawn as four counts at once, and for kappa shares of the four cells.

    Observed consistency is a share of images and has Wilson's interval. No interval of the others for fewer than six images.
    """
    n, value, counts = found.n, found.kappa if found.informative else None, np.array(found.counts)
    chance = np.random.default_rng(seed)
    gap = _figures(_sums(chance.multinomial(n, counts / n, size=draws)))[:, 0]
    kappa = _figures(_sums(chance.dirichlet(counts + HALF, size=draws)))[:, 2]
    return Agreement(
        _between(found.accuracy_difference, gap, n),
        wilson(found.both + found.neither, n),
        _between(value, kappa, n, JEFFREYS if value is not None else "bootstrap"),
        int(value is None),
    )


@dataclass(frozen=True)
class Panel:
    """Whether observers were right on the same images.

    Attributes:
        right: (n, observers) bool.
        seen: (n, observers) bool: who was shown what; a pair is compared on what both saw.
        conditions: (n,) numbers of the conditions, within which images are resampled and figures taken.
        images: (n,) numbers of the images, ascending within a condition; None: all lines are different images. Conditions of
            the same images are resampled together, as an image that is hard in one is likely to be so in the other.
    """

    right: Array
    seen: Array
    conditions: Array
    images: Array | None = None

    def count(self, chosen: Array) -> int:
        """Different images among chosen (n,) lines."""
        return int(chosen.sum()) if self.images is None else len(np.unique(self.images[chosen]))

    def shared(self, pairs: Sequence[tuple[int, int]]) -> Array:
        """(n,) whether both observers of any of the pairs saw it."""
        found = np.zeros(len(self.seen), bool)
        for a, b in pairs:
            found |= self.seen[:, a] & self.seen[:, b]
        return found

    def of(self, chosen: Array) -> Panel:
        """The chosen (n,) lines."""
        images = None if self.images is None else self.images[chosen]
        return Panel(self.right[chosen], self.seen[chosen], self.conditions[chosen], images)

    def fourfold(self, first: int, second: int) -> Fourfold | None:
        """Two observers over all conditions; None if they share no image."""
        shared = self.seen[:, first] & self.seen[:, second]
        return Fourfold.of(self.right[shared, first], self.right[shared, second]) if shared.any() else None


Pairs = Sequence[tuple[int, int]]


def mean_agreement(
    panel: Panel, pairs: Pairs, people: Sequence[int] = (), *, draws: int = DRAWS, seed: int = 0
) -> Agreement:
    """Means over pairs of observers: of each pair over its conditions, then over the pairs, as published.

    Args:
        panel: who was right on what.
        pairs: of observers (columns).
        people: observers that are resampled, too: fewer than ten make intervals grow; none = images only.
        draws, seed: of the bootstrap. Images are resampled for all observers together, within each condition; for kappa each
            resample also gives the cells of all pairs half an image more, the same for all, as what one pair lacks others may.

    A kappa that is undefined, or 0 because one of the two was always right or always wrong, is left out of means. No interval
    for fewer than six images.
    """
    value, drawn, left_out = _means(panel, pairs, people, draws, seed)
    n = panel.count(panel.shared(pairs))
    method = "bootstrap of images and observers" if people else "bootstrap"
    return _agreement(value, drawn, left_out, n, method)


def agreement_gap(panel: Panel, first: Pairs, second: Pairs, *, draws: int = DRAWS, seed: int = 0) -> Agreement:
    """The mean over the first pairs less that over the second, on the same resampled images: is one model closer to people?

    Only images count that a pair of the first and a pair of the second saw, so that both means are of the same images. What is
    added to the cells is drawn for each mean apart: in common it would cancel, and the gap would seem surer than it is.
    """
    panel = panel.of(panel.shared(first) & panel.shared(second))
    (a, drawn_a, out_a), (b, drawn_b, out_b) = (
        _means(panel, pairs, (), draws, seed, place) for place, pairs in enumerate((first, second))
    )
    n = panel.count(np.ones(len(panel.seen), bool))
    return _agreement(a - b, drawn_a - drawn_b, out_a + out_b, n, "bootstrap")


def _agreement(value: Array, drawn: Array, left_out: int, n: int, method: str) -> Agreement:
    """From the three means (3,) and their resamples (draws, 3)."""
    known = [None if np.isnan(v) else float(v) for v in value]
    gap, observed, kappa = (_between(v, drawn[:, j], n, method) for j, v in enumerate(known))
    return Agreement(gap, observed, kappa, left_out)


def _means(
    panel: Panel, pairs: Pairs, people: Sequence[int], draws: int, seed: int, place: int = 0
) -> tuple[Array, Array, int]:
    """Three means (3,), their resamples (draws, 3), and how many kappas are undefined; ``place`` of the mean in a gap."""
    total = np.zeros((1 + draws, len(pairs), 3))
    count = np.zeros_like(total)
    left_out = 0
    streams: dict[object, int] = {}
    for condition in np.unique(panel.conditions):
        chosen = panel.conditions == condition
        columns = _columns(panel, pairs, chosen)
        images = condition if panel.images is None else panel.images[chosen].tobytes()
        stream = streams.setdefault(images, len(streams))
        added = np.random.default_rng([seed + stream, place]).standard_gamma(HALF, (draws, 1, 4))
        figures = np.concatenate([_figures(columns.sum(0))[None], _resampled(columns, added, seed + stream)])
        figures[:, ~_informative(columns.sum(0)), 2] = np.nan
        shared = columns[:, :, 0].any(0)
        left_out += int((np.isnan(figures[0, :, 2]) & shared).sum())
        known = ~np.isnan(figures)
        total += np.where(known, figures, 0.0)
        count += known
    each = _ratio(total, count)
    weights = _weights(pairs, people, draws, seed)[..., None] * ~np.isnan(each)
    means = _ratio((np.nan_to_num(each) * weights).sum(1), weights.sum(1))
    return means[0], means[1:], left_out


def _columns(panel: Panel, pairs: Pairs, chosen: Array) -> Array:
    """(images, pairs, 4): seen by both, right by both, right by the first, right by the second."""
    first, second = ([pair[k] for pair in pairs] for k in (0, 1))
    right, seen = panel.right[chosen], panel.seen[chosen]
    shared = seen[:, first] & seen[:, second]
    a, b = right[:, first] & shared, right[:, second] & shared
    return np.stack([shared, a & b, a, b], axis=2).astype(float)


def _resampled(columns: Array, added: Array, seed: int) -> Array:
    """(draws, pairs, 3); ``added`` to the four cells, (draws, 1, 4), counts for kappa alone."""
    n, pairs, _ = columns.shape
    flat = columns.reshape(n, -1)
    drawn = np.concatenate([(w @ flat).reshape(-1, pairs, 4) for w in resamples(n, len(added), seed)])
    figures = _figures(drawn)
    figures[..., 2] = np.where(drawn[..., 0] > 0, _figures(drawn + _sums(added))[..., 2], np.nan)
    return figures


def _sums(table: Array) -> Array:
    """Fourfold counts or shares (..., 4) as images, right by both, by the first, by the second."""
    both, first, second, _ = (table[..., k].astype(float) for k in range(4))
    return np.stack([table.sum(-1).astype(float), both, both + first, both + second], axis=-1)


def _figures(sums: Array) -> Array:
    """From (..., 4) see ``_sums`` to (..., 3): the measures; NaN where undefined. Whole numbers stay exact in float64."""
    n, both, a, b = (sums[..., k] for k in range(4))
    alike, expected = n - a - b + 2 * both, a * b + (n - a) * (n - b)
    return np.stack([_ratio(a - b, n) ** 2, _ratio(alike, n), _ratio(n * alike - expected, n * n - expected)], axis=-1)


def _informative(sums: Array) -> Array:
    """(pairs,) from (pairs, 4), see ``_sums``: nobody was always right or always wrong."""
    n, _, a, b = (sums[..., k] for k in range(4))
    return np.asarray((a > 0) & (a < n) & (b > 0) & (b < n))


def _ratio(top: Array, bottom: Array) -> Array:
    return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), np.nan)


def _weights(pairs: Pairs, people: Sequence[int], draws: int, seed: int) -> Array:
    """(1 + draws, pairs): how often each pair stands in a resample of the people; the first line is the panel itself."""
    if not people:
        return np.ones((1 + draws, len(pairs)))
    times = np.random.default_rng([seed, 1]).multinomial(len(people), np.full(len(people), 1 / len(people)), draws)
    times = np.concatenate([np.ones((1, len(people)), np.int64), times])
    place = {one: k for k, one in enumerate(people)}
    columns = [[times[:, place[one]] for one in pair if one in place] for pair in pairs]
    return np.stack([np.prod([np.ones(1 + draws), *factors], axis=0) for factors in columns], axis=1)


def _between(value: float | None, drawn: Array, n: int, method: str = "bootstrap") -> Interval:
    """The value with percentiles of its resamples; none where these are few, or do not vary."""
    known = drawn[~np.isnan(drawn)]
    if value is None or n < FEWEST or not len(known) or np.ptp(known) == 0:
        return Interval(value, None, None, n, method if value is None else "")
    low, high = np.percentile(known, [2.5, 97.5])
    return Interval(value, min(float(low), value), max(float(high), value), n, method)
