"""Temperatures: what confidence, likelihood and Brier score would be, were the logits divided by another number.

All three follow from one function of an answer alone, F(b) = log sum_k exp(b (z_k - max z)), with b = 1 / temperature: the top
class has the probability exp(-F(b)), the sum of squared probabilities is exp(F(2 b) - 2 F(b)). Kept are, at a few b, the log
odds against the top class, log(exp F - 1); between these they are a spline over log b: no probability is off by 1e-4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.interpolate import make_interp_spline

from eyechart.stats.intervals import FEWEST, Interval, resamples

Array = np.ndarray[Any, Any]

CHAINS = 3  # values of b an octave
SLOPES = 2.0 ** (np.arange(-3 * CHAINS, 3 * CHAINS + 1) / CHAINS)  # b at which F is kept, from 1/8 to 8
OWN = 3 * CHAINS  # place of b = 1
LIMITS = (1 / 4, 8.0)  # of temperatures: F(2 b) must be known, too
_TRIED = np.exp(np.linspace(np.log(LIMITS[0]), np.log(LIMITS[1]), 161))
CERTAIN = -1e6  # log odds: nothing speaks against it


def odds_against(logits: Array) -> Array:
    """Log odds against the top class at all ``SLOPES``, of logits or log probabilities (n, k): (n, slopes).

    >>> odds_against(np.array([[3.0, 3.0, 3.0]]))[0, :2].round(4).tolist()
    [0.6931, 0.6931]
    """
    n, k = logits.shape
    if k == 1:
        return np.full((n, len(SLOPES)), CERTAIN)
    others = np.array(logits, np.float64)
    top = others.argmax(1)
    highest = others[np.arange(n), top]
    others[np.arange(n), top] = -np.inf
    second = others.max(1)
    behind = (second - highest)[:, None] * SLOPES
    others -= second[:, None]
    found = np.empty((n, len(SLOPES)))
    for first in range(CHAINS):
        power = np.exp(SLOPES[first] * others)
        for place in range(first, len(SLOPES), CHAINS):  # an octave further, the square
            found[:, place] = np.log(power.sum(1))
            power = power * power
    return np.asarray(np.maximum(behind + found, CERTAIN))


@dataclass(frozen=True)
class Curves:
    """Answers at any temperature.

    Attributes:
        against: (n, slopes) of ``odds_against``.
        short: (n,) the top logit less that of the label, 0 where it is right.
    """

    against: Array
    short: Array

    @staticmethod
    def of(against: Array, nll: Array) -> Curves:
        """From the odds and the negative log likelihood at the temperature 1."""
        odds = np.asarray(against, np.float64)
        return Curves(odds, np.maximum(np.asarray(nll, np.float64) - np.logaddexp(0.0, odds[:, OWN]), 0.0))

    def __getitem__(self, chosen: Array) -> Curves:
        """Some of the answers."""
        return Curves(self.against[chosen], self.short[chosen])

    def confidence(self, temperature: float) -> Array:
        """(n,) probability of the top class."""
        return np.exp(-self._at(np.array([1 / temperature]))[:, 0])

    def nll(self, temperatures: Array) -> Array:
        """(n, temperatures) negative log likelihood of the labels, nats."""
        slopes = 1 / np.asarray(temperatures, np.float64)
        return self._at(slopes) + self.short[:, None] * slopes

    def brier(self, temperature: float) -> Array:
        """(n,) squared distance between probabilities and label."""
        slope = 1 / temperature
        once, twice = self._at(np.array([slope, 2 * slope])).T
        return np.asarray(np.exp(twice - 2 * once) - 2 * np.exp(-once - self.short * slope) + 1)

    def _at(self, slopes: Array) -> Array:
        """F at any slopes within the limits: (n, slopes)."""
        found = make_interp_spline(np.log(SLOPES), self.against, k=5, axis=1)(np.log(slopes))
        return np.asarray(np.logaddexp(0.0, found))


def best_temperature(curves: Curves, *, seed: int = 0) -> Interval:
    """The temperature of least mean negative log likelihood (Guo et al., ICML 2017, arXiv 1706.04599), bootstrapped by answers.

    Found between 1/4 and 8; one that lies at either end may lie beyond it, where the model is right on all, or says nothing.
    """
    n = len(curves.short)
    if not n:
        return Interval(None, None, None, 0, "bootstrap")
    each = curves.nll(_TRIED)
    value = float(_lowest(each.mean(0)[None])[0])
    if n < FEWEST:
        return Interval(value, None, None, n, "")
    drawn = np.concatenate([_lowest(weights @ each) for weights in resamples(n, seed=seed)])
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value, min(float(low), value), max(float(high), value), n, "bootstrap")


def at_limit(temperature: float) -> bool:
    """Whether it lies at an end of those tried."""
    return not LIMITS[0] * 1.001 < temperature < LIMITS[1] / 1.001


def _lowest(curves: Array) -> Array:
    """Where each of (m, tried) is lowest: at the vertex of the parabola through the lowest and its neighbours."""
    last, every = len(_TRIED) - 1, np.arange(len(curves))
    place = curves.argmin(1)
    inner = np.clip(place, 1, last - 1)
    before, here, after = (curves[every, inner + step] for step in (-1, 0, 1))
    bend = before - 2 * here + after
    aside = np.where(bend > 0, (before - after) / (2 * np.where(bend > 0, bend, 1.0)), 0.0)
    at = np.where(place == inner, inner + np.clip(aside, -1, 1), place)
    return np.asarray(np.exp(np.interp(at, np.arange(last + 1), np.log(_TRIED))))
