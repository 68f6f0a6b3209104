"""Training images beside the examined ones: what a model makes of images that it was fitted to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Exam
from eyechart.stats.intervals import Interval, apart

TRAINING = {"images": "training"}


def beside(exam: Exam, examined: Estimates, training: Estimates) -> Estimates:
    """Figures on training images under ``images: training``, and by how much they differ from those examined.

    Args:
        examined, training: what the exam estimates on either set; the measures that ``exam.training`` names are compared.
    """
    ours = Estimates(e for e in training if e.measure in exam.training)
    return Estimates([*(replace(e, at={**e.at, **TRAINING}) for e in ours), *_gaps(exam, examined, ours)])


def _gaps(exam: Exam, examined: Estimates, training: Estimates) -> Iterator[Estimate]:
    for theirs in training:
        mine = next((e for e in examined.of(theirs.measure) if e.at == theirs.at), None)
        if mine is not None:
            yield replace(gap(theirs, mine), measure=f"{theirs.measure}_gap", at=theirs.at)


def gap(a: Estimate, b: Estimate) -> Estimate:
    """``a`` minus ``b``, two estimates from unlike images, with the interval of ``eyechart.stats.intervals.apart``."""
    found = apart(*(Interval(e.value, e.low, e.high, e.n, e.method) for e in (a, b)))
    unit = "difference of shares" if a.unit == "share" else a.unit
    reason = "" if found.value is not None else a.reason or b.reason
    told = replace(a, unit=unit, n=found.n, method=found.method, reason=reason)
    return replace(told, value=found.value, low=found.low, high=found.high)
