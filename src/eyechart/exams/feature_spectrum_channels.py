"""What a step does to the finest detail of the channels that hold any."""

from __future__ import annotations

import numpy as np

from eyechart.core.exam import Array

PER_CHANNEL = 3  # its end against zero frequency, against the lowest above it, and whether it is not flat


def change(after: Array, before: Array, *, paired: bool) -> Array:
    """Changes of the end against zero and against the lowest frequency, and the share of channels left out: (n, 3).

    NaN for images in which no channel is left.

    Args:
        after, before: (n, 3 channels), of the step and of its source, as ``RelativeSpectrum`` ends.
        paired: leave out a channel that is flat on either side, on both; else of each side those that are flat there.
    """
    (ends, live), (first, alive) = _channels(after), _channels(before)
    if paired and live.shape == alive.shape:
        live = alive = live * alive
    kept = (live.sum(1) + alive.sum(1)) / (live.shape[1] + alive.shape[1])
    return np.concatenate([_mean(ends, live) - _mean(first, alive), 1 - kept[:, None]], 1)


def _channels(read: Array) -> tuple[Array, Array]:
    """Ends (n, 2, channels) and 1 where a channel is not flat (n, channels)."""
    each = read.astype(np.float64).reshape(len(read), PER_CHANNEL, -1)
    return each[:, :2], each[:, 2]


def _mean(ends: Array, live: Array) -> Array:
    """Over the channels that are not flat: (n, 2)."""
    total, count = (ends * live[:, None]).sum(2), live.sum(1)[:, None]
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))
