"""What the layer_shift exam keeps of each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.models.stages import Pick
from eyechart.views.feature_maps import Map, map_on
from eyechart.views.shifted_maps import ERRORS, SKETCH

Array = np.ndarray[Any, Any]

BY_SHIFT = ("invariance", "equivariance", "moved_squared")
BETWEEN = ("sinc", "bilinear", "sinc_squared", "bilinear_squared")
OF_SUMS = ("cv", "range")
FAINT = 1e-6  # of the layer's largest mean: channels that say nothing


@dataclass(frozen=True)
class Looked:
    """A layer that is looked at.

    Attributes:
        name: of the layer.
        at: its coordinates: layer, depth and, where its units have places, stride.
        stride: (rows, columns) in pixels, 1 where there is none.
        held: how it holds maps; None where it holds none.
        why: it holds none.
    """

    name: str
    at: Mapping[str, Any]
    stride: tuple[int, int] = (1, 1)
    held: Map | None = None
    why: str = ""

    @classmethod
    def of(cls, pick: Pick) -> Looked:
        """A layer, and how it holds maps."""
        at, place = {"layer": pick.name, "depth": pick.depth}, pick.place
        if place.stride is None or place.axes is None:
            return cls(pick.name, at, why=f"its output has no places in the picture: {place.reason}")
        held = map_on(pick.layer.shape, place.axes)
        at = {**at, "stride": max(place.stride)}
        if isinstance(held, str):
            return cls(pick.name, at, place.stride, why=held)
        return cls(pick.name, at, place.stride, held)

    def between(self, way: tuple[int, int], positions: int) -> Array:
        """Which moves by t = 1 .. positions - 1 times ``way`` end between the places of the units, (positions - 1,) bool."""
        moves = np.arange(1, positions)[:, None] * np.array(way)
        return np.asarray((moves % np.array(self.stride)).any(1))


def sketches(layers: Sequence[Looked], read: Mapping[str, Array], n: int) -> Array:
    """129 numbers of each layer, side by side; NaN of a layer that was not met."""
    none = np.full((n, SKETCH + 1), np.nan, np.float32)
    return np.concatenate([none[:, :0], *(read.get(layer.name, none) for layer in layers)], axis=1)


def along(
    layers: Sequence[Looked], seen: Sequence[Mapping[str, Array]], way: tuple[int, int], n: int
) -> dict[str, Array]:
    """Columns of one direction by name: of all layers, side by side.

    Args:
        seen: what ``Shifted`` read at t = 0, 1 ...
    """
    told = [_of_layer(layer, seen, way, n) for layer in layers]
    names = (*BY_SHIFT, *BETWEEN, *OF_SUMS)
    return {name: np.concatenate([np.empty((n, 0)), *(one[name] for one in told)], axis=1) for name in names}


def _of_layer(layer: Looked, seen: Sequence[Mapping[str, Array]], way: tuple[int, int], n: int) -> dict[str, Array]:
    """Errors (n, T - 1), their means over the moves that end between places (n, 1), and what sums do (n, 1)."""
    nothing = np.full((n, 1), np.nan)
    if any(layer.name not in one for one in seen):
        shifts = np.full((n, len(seen) - 1), np.nan)
        return {**dict.fromkeys(BY_SHIFT, shifts), **dict.fromkeys((*BETWEEN, *OF_SUMS), nothing)}
    read = np.stack([one[layer.name] for one in seen], 1).astype(np.float64)  # (n, T, 7 + 2 c)
    errors = {error: read[:, 1:, i] for i, error in enumerate(ERRORS)}
    between = layer.between(way, len(seen))
    means = {name: errors[name][:, between].mean(1, keepdims=True) if between.any() else nothing for name in BETWEEN}
    sums, absolute = np.split(read[:, :, len(ERRORS) :], 2, axis=2)
    varied = sum_variation(sums, absolute) if sums.shape[2] else {}
    return {
        **{name: errors[name] for name in BY_SHIFT},
        **means,
        **{name: varied[name][:, None] if varied else nothing for name in OF_SUMS},
    }


def sum_variation(sums: Array, absolute: Array) -> dict[str, Array]:
    """cv and range of the sums of channels along a way: medians over channels that say something, (n,) each; NaN without any.

    Args:
        sums: G, (n, T, c).
        absolute: sums of absolute values, same shape.
    """
    strength = absolute.mean(1)
    silent = strength <= FAINT * strength.max(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        cv, span = sums.std(1) / strength, np.ptp(sums, axis=1) / strength
    return {"cv": _median(cv, silent), "range": _median(span, silent)}


def _median(values: Array, left_out: Array) -> Array:
    """Over the second axis; NaN where all are left out."""
    kept = np.where(left_out, np.inf, values)
    ordered, count = np.sort(kept, axis=1), (~left_out).sum(1)
    low, high = (
        np.take_along_axis(ordered, np.maximum(i, 0)[:, None], 1)[:, 0] for i in ((count - 1) // 2, count // 2)
    )
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, (low + high) / 2, np.nan)
