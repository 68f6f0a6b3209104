"""Where the images' energy parts them: the head radius of the bands exam."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from eyechart.core.estimate import Estimate
from eyechart.core.words import figure
from eyechart.exams.bands_figures import Array, Say
from eyechart.spectrum.density import RadialProfile, head_of_profile, radial_profile
from eyechart.spectrum.grid import Units, rings
from eyechart.stats.intervals import means, of_blocks
from eyechart.views.splits import luminance

CYCLES = "cycles per image"


def ring_power(pixels: torch.Tensor, units: Units) -> Array:
    """Power of the grey values of pixels (n, c, h, w) at each distinct radius above 0: (n, k) float64."""
    profile = radial_profile(luminance(pixels), rounding="continuous", units=units)
    return np.asarray(profile.values.cpu().numpy())


def pooled_radius(power: Array, size: tuple[int, int], share: float, units: Units) -> Array:
    """Head radius of sums (..., k) of ``ring_power`` over images of ``size``: (...,), NaN where there is no power."""
    on = rings(*size, "continuous", units)
    profile = RadialProfile(on.radii[1:], torch.from_numpy(np.ascontiguousarray(power)), on.counts[1:])
    return np.asarray(head_of_profile(profile, share).numpy())


def pooled_figure(say: Say, radii: Array, power: Array, size: tuple[int, int], share: float, units: Units) -> Estimate:
    """The pooled head radius, as it was used.

    Args:
        say: makes an estimate of the exam.
        radii: (n,) the radius that each image was parted at; all one.
        power: (blocks, k), summed over hash blocks of images, which the interval resamples.
        size, share, units: see ``pooled_radius``.
    """
    about: dict[str, Any] = {"n": len(radii), "unit": CYCLES, "at": {"split": "head_pooled"}}
    if not np.isfinite(radii).all():
        return say("head_radius", value=None, reason="no image has any detail", **about)
    found = of_blocks(lambda sums: pooled_radius(sums, size, share, units), power, len(radii))
    value, ends = float(f"{radii[0]:.6g}"), {}  # all the digits that float32 rows hold
    if found.low is not None and found.high is not None and (power > 0).any(1).sum() > 1:
        ends = {"low": min(value, found.low), "high": max(value, found.high), "method": found.method}
    return say("head_radius", value=value, **about, **ends)


def own_figures(say: Say, radii: Array) -> Iterator[Estimate]:
    """Mean of the images' own head radii (n,), NaN where there is none, and how many have none."""
    at = {"split": "head_per_image"}
    mean = means(radii[:, None])[0]
    yield say("head_radius", unit=CYCLES, at=at, **figure(mean, "" if mean.n else "no image has any detail"))
    yield say("images_without_head", unit="count", value=float(np.isnan(radii).sum()), n=len(radii), at=at)
