"""Which period a map of change repeats with, if any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyechart.core.exam import Array
from eyechart.stats.intervals import FEWEST, Interval, of_means, resamples

NOTHING = 1e-5  # change of probability that is rounding
LEVEL = 4  # columns of a design that say how change grows with distance, and that shifts along one axis change less


@dataclass(frozen=True)
class Found:
    """The period that fits best.

    Attributes:
        period: pixels, with the range that resamples of the images choose; value None with a reason.
        dip: how much less change there is at its multiples than the level there would be, as a share; at ``period``.
        reason: why there is none.
    """

    period: Interval
    dip: Interval
    reason: str = ""


def found_period(changes: Array, places: Array, every: int, reach: int) -> Found:
    """The period of the changes (n, m) at shifts ``places`` (m, 2), chosen on half of the images, its dip measured on the rest.

    For each multiple t of ``every`` up to ``reach`` the mean changes of all shifts but (0, 0) are fitted by least squares with

        a + b r + c r^2 + d z + e (u + v) + f w,

    r the distance; z 1 for shifts along one axis; u and v 1 where the shift down, or right, is a multiple of t other than 0;
    w 1 where both are multiples of t, 0 included. The period is the t with the smallest sum of squares among those at whose
    multiples (w = 1) there is less change than the level a + b r + c r^2 + d z; of equals the smallest. Its range are the 2.5
    and 97.5 percentiles of what resamples of the choosing images choose. It counts as found if the dip, 1 - (mean change at its
    multiples) / (mean level there), of the other images is above 0 with its interval.
    """
    none = Interval(None, None, None, len(changes), "")
    moved = np.flatnonzero(places.any(1))
    changes, places = np.asarray(changes, np.float64)[:, moved], places[moved]
    if len(changes) < 2 * FEWEST:
        return Found(none, none, f"fewer than {2 * FEWEST} images")
    if changes.mean(0).max() < NOTHING:
        return Found(none, none, "no shift changes anything")
    designs = _designs(places, every, reach)
    choosing = one_half(len(changes))
    which = int(_best(changes[choosing].mean(0)[None], designs)[0])
    if which < 0:
        return Found(none, none, "no period has less change at its multiples than elsewhere")
    design = designs[which]
    dip = of_means(design.dip, changes[~choosing])
    if dip.low is None or dip.low <= 0:
        return Found(none, none, "the best fit is no deeper than chance allows on the images that did not choose it")
    low, high = _range(changes[choosing], designs)
    return Found(
        Interval(float(design.period), min(low, design.period), max(high, design.period), len(changes), "bootstrap"),
        dip,
    )


def one_half(n: int) -> Array:
    """(n,) bool, half of them: the Thue-Morse sequence, so that classes that take turns are in both halves; needs no labels.

    >>> one_half(8).astype(int).tolist()
    [1, 0, 0, 1, 0, 1, 1, 0]
    """
    return np.asarray(np.bitwise_count(np.arange(n)) % 2 == 0)


class _Design:
    """One candidate: least squares on its columns."""

    def __init__(self, places: Array, period: int, reach: int) -> None:
        self.period = period
        r = np.hypot(*places.T) / reach
        still, multiple = places == 0, places % period == 0
        self._at = multiple.all(1)
        lines = (multiple & ~still).sum(1)
        columns = np.stack([np.ones_like(r), r, r * r, still.any(1), lines, self._at], axis=1)
        self._level = columns[:, :LEVEL]
        self._solve = np.linalg.pinv(columns)
        self._fit = columns @ self._solve

    def squares(self, means: Array) -> Array:
        """(k,) sums of squares left of mean changes (k, m); infinite where there is no dip."""
        left = ((means - means @ self._fit.T) ** 2).sum(1)
        return np.where(self.dip(means) > 0, left, np.inf)

    def dip(self, means: Array) -> Array:
        """(...,) shares by which change at the multiples lies below the level of mean changes (..., m)."""
        level = (means @ self._solve.T)[..., :LEVEL] @ self._level.T
        expected, seen = level[..., self._at].mean(-1), means[..., self._at].mean(-1)
        small = expected <= 0  # nothing to be below of
        return np.asarray(np.where(small, 0.0, 1 - seen / np.where(small, 1.0, expected)))


def _designs(places: Array, every: int, reach: int) -> list[_Design]:
    """One a candidate: more than a step of the grid, at most the reach."""
    return [_Design(places, t, reach) for t in range(2 * every, reach + 1, every)]


def _best(means: Array, designs: Sequence[_Design]) -> Array:
    """(k,) number of the best design for each of (k, m) mean changes; -1 where none has a dip."""
    if not designs:
        return np.full(len(means), -1)
    left = np.stack([design.squares(means) for design in designs], axis=1)
    level = 1e-9 * (means**2).sum(1, keepdims=True)  # of equals the first
    best = (left <= left.min(1, keepdims=True) + level).argmax(1)
    return np.where(np.isfinite(left.min(1)), best, -1)


def _range(changes: Array, designs: Sequence[_Design]) -> tuple[float, float]:
    """2.5 and 97.5 percentiles of the periods that resamples choose, those that choose none left out."""
    n = len(changes)
    chosen = np.concatenate([_best(weights @ changes / n, designs) for weights in resamples(n)])
    periods = np.array([designs[k].period for k in chosen[chosen >= 0]])
    low, high = np.percentile(periods, [2.5, 97.5], method="nearest")
    return float(low), float(high)
