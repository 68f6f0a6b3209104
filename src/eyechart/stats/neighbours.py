"""Exact nearest neighbours among many vectors, in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

POINTS, REFERENCES = 1024, 8192  # compared at a time: 64 MB of distances


def nearest(points: Array, references: Array, k: int) -> Array:
    """Euclidean distances to the ``k`` nearest references, ascending: (n, k) float64.

    Products of whole blocks give the squares |p|^2 + |r|^2 - 2 p.r in float64, so that for vectors of length one distances
    below 1e-7 are rounding.

    Args:
        points: (n, d).
        references: (m, d).
        k: from 1 to m.

    >>> nearest(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]), 2).tolist()
    [[1.0, 5.0]]
    """
    found = np.empty((len(points), k))
    for start in range(0, len(points), POINTS):
        some = points[start : start + POINTS].astype(np.float64)
        best = np.empty((len(some), 0))
        for first in range(0, len(references), REFERENCES):
            best = np.concatenate([best, _squares(some, references[first : first + REFERENCES])], axis=1)
            if best.shape[1] > k:
                best = np.partition(best, k - 1, axis=1)[:, :k]
        found[start : start + POINTS] = np.sqrt(np.sort(best, axis=1))
    return found


def unit_vectors(rows: Array) -> Array:
    """Rows (n, d) at length one; a row of zeros stays one."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1))


def _squares(points: Array, references: Array) -> Array:
    others = references.astype(np.float64)
    squares = (points**2).sum(1)[:, None] + (others**2).sum(1) - 2 * points @ others.T
    return np.asarray(np.maximum(squares, 0, out=squares))
