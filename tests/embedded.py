"""Distances of embeddings, written once more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eyechart.core.exam import Array
from eyechart.core.tally import Kept


def turned(first: Array, second: Array) -> Array:
    """(...,) 1 - cosine of (..., k)."""
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return np.asarray(1 - (first * second).sum(-1) / lengths)


def yardsticks(vectors: Array, cases: Sequence[Kept], key: str, quantile: float) -> tuple[float, float]:
    """Mean distance, and quantile of 1 - cosine, of the images (n, k) whose ids were kept under keys that start so."""
    chosen = vectors[[int(case.id) for case in cases if case.key.startswith(key)]]
    assert len(chosen) >= 10
    pairs = [(chosen[i], chosen[j]) for i in range(len(chosen)) for j in range(i)]
    norms, turns = zip(*((np.linalg.norm(a - b), turned(a, b)) for a, b in pairs), strict=True)
    return float(np.mean(norms)), float(np.quantile(turns, quantile))
