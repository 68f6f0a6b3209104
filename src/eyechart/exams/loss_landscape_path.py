"""Figures of the straight way from one checkpoint to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.words import figure
from eyechart.exams.loss_landscape_plane import NOT_FINITE, At, Say, holes
from eyechart.stats.intervals import means


def path_figures(say: Say, steps: Sequence[float], losses: Array, choosing: Array, at: At) -> Iterator[Estimate]:
    """Loss at each step and the barrier between both ends.

    Args:
        say: makes an estimate of the exam.
        steps: t of each column, ascending, 0 and 1 among them.
        losses: (n, steps) of the labelled images, NaN where not finite.
        choosing: (n,) bool, the images by which a step is chosen.
        at: coordinates of the band.
    """
    values, n = losses.astype(np.float64), len(losses)
    whole: Array = np.asarray(np.isfinite(values).all(0))
    yield _barrier(say, np.array(steps), values, whole, choosing, at)
    yield say("path_holes", unit="count", at=at, **holes(values))
    intervals = iter(means(values[:, whole]))
    for t, fine in zip(steps, whole, strict=True):
        fields = figure(next(intervals)) if fine else {"value": None, "n": n, "reason": NOT_FINITE}
        yield say("path_loss", unit="nats", at={**at, "t": t}, **fields)


def _barrier(say: Say, steps: Array, values: Array, whole: Array, choosing: Array, at: At) -> Estimate:
    """The step with the largest rise by one half of the images, its rise on the other."""
    between = (steps >= 0) & (steps <= 1)
    if len(values) < 2:
        return say("barrier", value=None, n=len(values), unit="nats", at=at, reason="needs two images with a label")
    if not whole[between].all():
        reason = "the loss between the checkpoints is not finite everywhere"
        return say("barrier", value=None, n=len(values), unit="nats", at=at, reason=reason)
    t, way = steps[between], values[:, between]
    rises = way - ((1 - t) * way[:, :1] + t * way[:, -1:])
    highest = int(rises[choosing].mean(0).argmax())
    (rise,) = means(rises[~choosing, highest : highest + 1])
    return say("barrier", unit="nats", at={**at, "t": float(t[highest])}, **figure(rise))
