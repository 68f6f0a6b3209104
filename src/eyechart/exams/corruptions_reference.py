"""AlexNet's errors on ImageNet-C, by which the mean corruption error is measured, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from eyechart.core.exam import Array
from eyechart.exams.corruptions_cells import PUBLISHED
from eyechart.images.corrupted import Name

Reference = Literal["none", "canonical", "robustbench"]
OUTPUTS = 1000  # of the classifiers that these errors are to be compared with

# Error of each corruption over its five severities, in the order of PUBLISHED.
_ERRORS: Mapping[Reference, tuple[float, ...]] = {
    # google-research/augmix, imagenet.py: all 50,000 images, the published crop
    "canonical": (
        *(0.886428, 0.894468, 0.922640),
        *(0.819880, 0.826268, 0.785948, 0.798360),
        *(0.866816, 0.826572, 0.819324, 0.564592),
        *(0.853204, 0.646056, 0.717840, 0.606500),
    ),
    # RobustBench: its 5,000 images, not cropped
    "robustbench": (
        *(0.8816, 0.8883, 0.9172),
        *(0.8220, 0.8308, 0.7872, 0.7957),
        *(0.8680, 0.8315, 0.8236, 0.5585),
        *(0.8543, 0.6480, 0.7186, 0.6068),
    ),
}
ALEXNET: Mapping[Reference, Mapping[Name, float]] = {
    row: dict(zip(PUBLISHED, errors, strict=True)) for row, errors in _ERRORS.items()
}


def relative(errors: Array, of: Array, clean: Array | float = 0.0, clean_of: float = 0.0) -> Array:
    """100 sum_s (E - clean) / sum_s (E' - clean'), of errors (..., severities) and of AlexNet's: (...,).

    With clean errors it is the relative corruption error: how much more errors grow than AlexNet's do.

    >>> float(relative(np.array([0.2, 0.4]), np.array([0.5, 0.7])).round(1))
    50.0
    """
    return np.asarray(100 * (errors.mean(-1) - clean) / (of.mean(-1) - clean_of))
