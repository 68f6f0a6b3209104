"""Which period a map of change repeats with, if any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyechart.core.exam import Array
from eyechart.stats.intervals import Interval, resamples

NOTHING = 1e-5  # change of probability that is rounding
LEAST = 50  # images: of fewer, resamples know too little of rare large changes
HELD = 99.6  # percent of resamples: changes are skewed; with 95 chance gets through in up to a sixth of maps
FEWEST = 24  # shifts, for the seven numbers that are fitted
LEVEL = 5  # columns of a design that say how change grows with distance, and that shifts along one axis change less


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


def found_period(changes: Array, places: Array, steps: Sequence[int]) -> Found:
    """The period of the changes (n, m) at shifts ``places`` (m, 2), and how deep its dip is.

    For each t of ``steps`` (the shifts on one axis) from the third to the last but one, the mean changes of all shifts but
    (0, 0) are fitted by least squares with

        a + b r + c r^2 + (d + e r) z + f (u + v) + g w,

    r the distance; z 1 for shifts along one axis; u and v 1 where the shift down, or right, is a multiple of t other than 0;
    w 1 where both are multiples of t, 0 included. The period is the t with the smallest sum of squares among those at whose
    multiples (w = 1) there is less change than the level a + b r + c r^2 + (d + e r) z; of equals the smallest. Its range are
    the 2.5 and 97.5 percentiles of what resamples of the images choose. It counts as found if the dip, 1 - (mean change at its
    multiples) / (mean level there), is above 0 with its interval. That interval holds for all candidates at once (by the
    largest deviation of any in resamples), so that it is not deceived by the choice of the best.

    The largest shift is no candidate: its multiples are the map's edge, and where one direction changes more than the other,
    which the level knows nothing of, an edge passes for a dip. Within the map a dip has shifts on either side.
    """
    none = Interval(None, None, None, len(changes), "")
    moved = np.flatnonzero(places.any(1))
    changes, places = np.asarray(changes, np.float64)[:, moved], places[moved]
    if len(changes) < LEAST:
        return Found(none, none, f"fewer than {LEAST} images")
    if len(places) < FEWEST:
        return Found(none, none, f"fewer than {FEWEST} shifts")
    if changes.mean(0).max() < NOTHING:
        return Found(none, none, "no shift changes anything")
    designs, means = [_Design(places, t, steps[-1]) for t in steps[2:-1]], changes.mean(0)
    which = int(_best(means[None], designs)[0])
    if which < 0:
        return Found(none, none, "no period has less change at its multiples than elsewhere")
    best, drawn = (
        designs[which],
        np.concatenate([weights @ changes for weights in resamples(len(changes))]) / len(changes),
    )
    depth, reach = float(best.dip(means)), _reach(means, drawn, designs)[which]
    dip = Interval(depth, depth - reach, min(1.0, depth + reach), len(changes), "bootstrap, all periods at once, 99.6%")
    if depth <= reach:
        return Found(none, none, "the dip at the best fit is no deeper than chance allows")
    chosen = _best(drawn, designs)
    periods = np.array([designs[k].period for k in chosen[chosen >= 0]])
    ends = np.percentile(periods, [2.5, 97.5], method="nearest")
    low, high = min(float(ends[0]), best.period), max(float(ends[1]), best.period)
    return Found(Interval(float(best.period), low, high, len(changes), "bootstrap"), dip)


def _reach(means: Array, drawn: Array, designs: Sequence[_Design]) -> Array:
    """(k,) half-widths of the candidates' dips that hold for all of them at once.

    The largest distance of any candidate's resampled dip from its dip, in units of that candidate's own spread, is below
    HELD percent of its kind as often (the bootstrap of a maximum, Romano & Wolf, Econometrica 73(4), 2005).
    """
    away = np.stack([design.dip(drawn) - design.dip(means) for design in designs])
    spread = np.maximum(away.std(1), 1e-12)
    farthest = np.abs(away / spread[:, None]).max(0)
    return np.asarray(np.percentile(farthest, HELD) * spread)


class _Design:
    """One candidate: least squares on its columns."""

    def __init__(self, places: Array, period: int, reach: int) -> None:
        self.period = period
        r = np.hypot(*places.T) / reach
        still, multiple = places == 0, places % period == 0
        self._at = multiple.all(1)
        lines, along = (multiple & ~still).sum(1), still.any(1)
        columns = np.stack([np.ones_like(r), r, r * r, along, along * r, lines, self._at], axis=1)
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


def _best(means: Array, designs: Sequence[_Design]) -> Array:
    """(k,) number of the best design for each of (k, m) mean changes; -1 where none has a dip."""
    if not designs:
        return np.full(len(means), -1)
    left = np.stack([design.squares(means) for design in designs], axis=1)
    level = 1e-9 * (means**2).sum(1, keepdims=True)  # of equals the first
    best = (left <= left.min(1, keepdims=True) + level).argmax(1)
    return np.where(np.isfinite(left.min(1)), best, -1)
