"""The three measures of the kernel_smoothness exam for all kernels of a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from eyechart.core.exam import Array
from eyechart.spectrum.kernels import high_frequency_share, neighbour_correlation, total_variation
from eyechart.stats.intervals import Interval, ratios

MEASURES: Mapping[str, str] = {  # and their units
    "total_variation": "mean weight",
    "high_frequency_share": "share",
    "neighbour_correlation": "correlation",
}
SIDE = 32
TOGETHER = 4096  # kernels transformed at once: each takes side * side float64


@dataclass(frozen=True)
class Roughness:
    """Measures of each kernel.

    Attributes:
        values: measure -> (kernels,), NaN where undefined.
        filters: (kernels,) number of the filter each is part of.
        count: filters.
        reason: why there would be no value at all.
    """

    values: Mapping[str, Array]
    filters: Array
    count: int
    reason: str

    def mean(self, measure: str) -> Interval:
        """Mean over the kernels for which it is defined; the bootstrap resamples filters, and one alone has no interval."""
        known = ~np.isnan(self.values[measure])
        sums = np.bincount(self.filters[known], self.values[measure][known], self.count)
        counts = np.bincount(self.filters[known], minlength=self.count)
        (found,) = ratios(sums[:, None], counts[:, None])
        return found if found.n > 1 else Interval(found.value, None, None, found.n, found.method)


def roughness(kernels: torch.Tensor) -> Roughness:
    """All measures of kernels (out, in, kh, kw); of 1 x 1 kernels none is defined."""
    out, planes, height, width = kernels.shape
    each = kernels.double().reshape(out * planes, height, width)
    filters = np.repeat(np.arange(out), planes)
    if height * width == 1:
        nothing = np.full(len(each), np.nan)
        reason = "kernels of 1 x 1 weight have no neighbours and no frequencies"
        return Roughness(dict.fromkeys(MEASURES, nothing), filters, out, reason)
    side = max(SIDE, 1 << (max(height, width) - 1).bit_length())
    values = {
        "total_variation": total_variation(each),
        "high_frequency_share": torch.cat(
            [high_frequency_share(each[at : at + TOGETHER], side) for at in range(0, len(each), TOGETHER)]
        ),
        "neighbour_correlation": neighbour_correlation(each[:, None]),
    }
    reason = "all kernels are zero or the same everywhere"
    return Roughness({name: column.numpy() for name, column in values.items()}, filters, out, reason)


def averaged(several: Sequence[Roughness]) -> Roughness:
    """The mean of each kernel's measures over several orders of its weights."""
    first = several[0]
    values = {measure: np.mean([one.values[measure] for one in several], axis=0) for measure in first.values}
    return replace(first, values=values)
