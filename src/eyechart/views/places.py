"""Where on its canvas a small picture lies. Torch-free: also used in the decode workers."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Place = Literal["random", "centre_diagonal"] | tuple[float, float]
DIAGONAL = 8  # neighbouring places, the fifth of them in the centre


def stream(pair: int, place: Place) -> str:
    """The random stream of a pair's place, whoever draws it; empty where no chance is involved."""
    return f"shift.embed.{pair}" if place == "random" else ""


def corners(place: Place, pair: int, free: Array, shares: Array) -> Array:
    """(n, 2) pixels down and right of the top left corner.

    Args:
        place: ``random``, uniform over all places where the picture fits; ``centre_diagonal``, the centre - 4 + (pair modulo 8)
            on both axes; or shares (down, right) of the free way, each in [0, 1].
        pair: number of the pair.
        free: (n, 2) whole pixels that the picture may move down and right.
        shares: (n, 2) uniform in [0, 1), for random places.
    """
    if place == "random":
        return np.asarray(np.floor(shares * (free + 1)).astype(int))
    if place == "centre_diagonal":
        return np.asarray(np.clip(free // 2 + pair % DIAGONAL - DIAGONAL // 2, 0, free))
    return np.asarray(np.round(np.array(place) * free).astype(int))
