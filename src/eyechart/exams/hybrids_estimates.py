"""What the hybrids exam makes of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.core.exam import Array
from eyechart.exams.hybrids_layout import Method
from eyechart.stats.crossing import crossing
from eyechart.stats.intervals import Interval, means, ratios

CORRECT = {"given": "correct"}
NO_PAIR = "no pair of two classes of which the model gets both images right alone"
NO_MIXTURE = "of no pair that counts the mixture could be shown: too much was clipped, or there is no object to be seen"
UNDECIDED = "no answer names the class of either image"


@dataclass(frozen=True)
class Figure:
    """One figure, and the reason why it is undefined, if it is."""

    measure: str
    at: Mapping[str, Any]
    interval: Interval
    unit: str = "share"
    undefined: str = ""


class Pairs:
    """The pairs of a tally, and which of them count.

    Args:
        rows: of the exam.
        labels: (n,) of the images, -1 = none.
        most_clipped: share of clipped values beyond which a conflict is left out.
    """

    def __init__(self, rows: Mapping[str, Array], labels: Array, most_clipped: float) -> None:
        self._rows, self._most = rows, most_clipped
        own, other = labels[:, None], rows["partner_label"]
        self._a, self._b = np.broadcast_to(own, other.shape), other
        self.shown = (own >= 0) & (other >= 0) & (own != other) & (rows["partner_top1"] >= 0)
        right = (rows["image_top1"][:, None] == own) & (rows["partner_top1"] == other)
        self.kept = self.shown & right

    def figures(self, places: Mapping[Method, tuple[dict[str, Any], ...]]) -> Iterator[Figure]:
        """All figures; ``places``: coordinates of each method's conflicts."""
        (share,) = ratios(self.kept.sum(1)[:, None], self.shown.sum(1)[:, None], share=True)
        yield Figure("pairs_kept", {}, share, undefined="" if share.value is not None else "no pair of two classes")
        for method, at in places.items():
            yield from self._of_method(method, at)

    def _of_method(self, method: Method, at: tuple[dict[str, Any], ...]) -> Iterator[Figure]:
        answers, clipped = (self._by_pair(f"{method}_{column}", len(at)) for column in ("top1", "clipped"))
        within = clipped <= self._most
        counted = self.kept[:, :, None] & within & (answers >= 0)
        for_a, for_b = (counted & (answers == cue[:, :, None]) for cue in (self._a, self._b))
        n, a, b = (part.sum(1).astype(np.float64) for part in (counted, for_a, for_b))  # each (images, conflicts)
        if method == "bands":
            yield from _crossover(at, n, a - b)
        yield from self._shares(at, n, a, b)
        yield from self._clipping(at, clipped, within)

    def _shares(self, at: tuple[dict[str, Any], ...], n: Array, a: Array, b: Array) -> Iterator[Figure]:
        """Section by section as published for texture and shape: bias, either cue, and each alone."""
        told = {"bias": (a, a + b), "either_cue": (a + b, n), "answer_a": (a, n), "answer_b": (b, n)}
        for measure, (events, of) in told.items():
            for place, interval, any_pair in zip(at, ratios(events, of, share=True), n.sum(0) > 0, strict=True):
                none = NO_MIXTURE if self.kept.any() else NO_PAIR
                why = "" if interval.value is not None else UNDECIDED if any_pair else none
                yield Figure(measure, {**CORRECT, **place}, interval, undefined=why)

    def _clipping(self, at: tuple[dict[str, Any], ...], clipped: Array, within: Array) -> Iterator[Figure]:
        """How much was clipped, and how many conflicts were left out for it: of all pairs, whoever is asked."""
        shown = self.shown[:, :, None]
        left_out = ratios((shown & ~within).sum(1), np.broadcast_to(shown, within.shape).sum(1), share=True)
        held = shown.sum(1)
        mean = means(np.where(held > 0, np.where(shown, clipped, 0.0).sum(1) / np.maximum(held, 1), np.nan))
        for measure, intervals in (("clipped_out", left_out), ("clipped_share", mean)):
            for place, interval in zip(at, intervals, strict=True):
                why = "" if interval.value is not None else "no pair of two classes"
                yield Figure(measure, place, interval, undefined=why)

    def _by_pair(self, column: str, conflicts: int) -> Array:
        """(images, pairs, conflicts)."""
        values = self._rows[column]
        return values.reshape(len(values), -1, conflicts)


def _crossover(at: tuple[dict[str, Any], ...], n: Array, gain: Array) -> Iterator[Figure]:
    """Where P(A) = P(B), in cycles per image and as a share of n/2."""
    radii = np.array([one["radius"] for one in at])
    found = crossing(gain, n, radii)
    why = NO_PAIR
    if found.value == -np.inf:
        why = f"from the smallest radius on, {radii[0]:g}, as many answers or more name A's class as B's"
    elif found.value == np.inf:
        why = f"up to the largest radius, {radii[-1]:g}, fewer answers name A's class than B's"
    elif found.value is not None:
        why = ""
    half = next((one["radius"] / one["radius_nyquist"] for one in at if one["radius"]), 1.0)
    told = (("crossover_radius", "cycles per image", 1.0), ("crossover_radius_nyquist", "share of n/2", half))
    for measure, unit, by in told:
        value, low, high = (None if x is None else x / by for x in (found.value, found.low, found.high))
        yield Figure(measure, CORRECT, Interval(value, low, high, found.n, found.method), unit, why)
