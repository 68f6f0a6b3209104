"""Training images beside the examined ones: what a model makes of images that it was fitted to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import hypot

from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Exam

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
    """``a`` minus ``b``, two estimates from unlike images.

    The interval is recovered from theirs (Zou & Donner, Stat. Med. 2008; for two of Wilson's it is Newcombe's tenth method,
    Stat. Med. 1998). ``n`` is the smaller of the two.
    """
    n, told = min(a.n, b.n), replace(a, unit="difference of shares" if a.unit == "share" else a.unit, method="")
    if a.value is None or b.value is None:
        return replace(told, value=None, low=None, high=None, n=n, reason=a.reason or b.reason)
    value = a.value - b.value
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return replace(told, value=value, low=None, high=None, n=n)
    low, high = value - hypot(a.value - a.low, b.high - b.value), value + hypot(a.high - a.value, b.value - b.low)
    return replace(told, value=value, low=low, high=high, n=n, method="mover")
