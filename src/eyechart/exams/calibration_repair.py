"""A temperature fitted on one half of the images as they are, judged on the other half, shown in every way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.words import figure
from eyechart.exams.calibration_conditions import Group, shown_of
from eyechart.exams.calibration_estimates import NOTHING, Believed
from eyechart.stats.calibration import ece_removed
from eyechart.stats.halves import choosing_half
from eyechart.stats.temperature import SLOPES, Curves, best_temperature

AS_IS, SCALED = "as_is", "scaled"


def repaired(believed: Believed, groups: Sequence[Group]) -> Iterator[Estimate]:
    """The temperature, then every group of conditions on the other half, with and without it."""
    fits = choosing_half(believed.labels)
    clean = _curves(believed, np.flatnonzero(fits), 0)
    found = best_temperature(clean)
    yield believed.make("temperature", unit="factor", **figure(found, "" if found.n else NOTHING))
    for group in groups:
        yield from _judged(believed, group, ~fits, 1.0 if found.value is None else found.value)


def _curves(believed: Believed, images: Array, places: Array | int) -> Curves:
    """Of some answers."""
    odds = believed.rows["odds_against"].reshape(*believed.rows["nll"].shape, len(SLOPES))
    return Curves.of(odds[images, places], believed.rows["nll"][images, places])


def _judged(believed: Believed, group: Group, judges: Array, temperature: float) -> Iterator[Estimate]:
    """Figures of the half that did not choose the temperature."""
    images, places = shown_of(group.columns, believed.rows["valid"] & judges[:, None])
    curves = _curves(believed, images, places)
    right = believed.right[images, places]
    sure, lost, one = {}, {}, np.ones(len(images))
    for logits, number in ((AS_IS, 1.0), (SCALED, temperature)):
        at = {**group.at, "logits": logits}
        sure[logits], lost[logits] = curves.confidence(number), curves.nll(np.array([number]))[:, 0]
        told = ("held_out_ece", "held_out_ece_if_calibrated")
        yield from believed.errors(*told, at, sure[logits], right, images)
        named = {"held_out_nll": (lost[logits], one), "held_out_brier": (curves.brier(number), one)}
        yield from believed.say(at, named, images)
    yield from believed.say(group.at, {"nll_removed": (lost[AS_IS] - lost[SCALED], one)}, images)
    both = sure[AS_IS], sure[SCALED]
    removed = ece_removed(*both, right, believed.bins, debiased=believed.debiased, clusters=images)
    unit = "difference of probabilities"
    yield believed.make("ece_removed", unit=unit, at=group.at, **figure(removed, "" if removed.n else NOTHING))
