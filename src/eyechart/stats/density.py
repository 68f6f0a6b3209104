"""Kernel density estimates: Gaussian kernels, Scott's rule (Scott, Multivariate Density Estimation, 1992)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from eyechart.stats.intervals import Interval, means

Array = np.ndarray[Any, Any]


def scott(samples: Array) -> float:
    """Scott's bandwidth of (n,) samples: standard deviation (n - 1) times n ** (-1/5); 0 where all are alike."""
    n = len(samples)
    if n < 2 or np.ptp(samples) == 0:  # rounding would give a constant a spread
        return 0.0
    return float(np.std(samples, ddof=1) * n**-0.2)


def density(samples: Array, at: Array, *, seed: int = 0) -> list[Interval]:
    """Density of (n,) samples at places (k,), in 1 / their unit, with pointwise intervals.

    Equal to ``scipy.stats.gaussian_kde`` wherever Scott's bandwidth is at least the distance between two places. No kernel
    is narrower than that: samples that are all alike, to which scipy gives no density, become a spike as narrow as the
    places can show. The intervals resample the samples and keep the bandwidth; they know nothing of the smoothing's bias.

    Args:
        samples: finite.
        at: ascending, two or more.
        seed: of the bootstrap.

    Raises ValueError if a sample is not finite.
    """
    samples, at = np.asarray(samples, np.float64), np.asarray(at, np.float64)
    if not np.isfinite(samples).all():
        raise ValueError("a sample is NaN or infinite; leave out what is undefined")
    width = max(scott(samples), float(np.diff(at).min()))
    kernels = np.exp(-0.5 * ((at - samples[:, None]) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return [replace(interval, method=f"{interval.method}, fixed bandwidth") for interval in means(kernels, seed=seed)]
