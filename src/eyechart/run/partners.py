"""Which image stands beside which, for views that show two."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def partner_positions(order: Array, labels: Array | None, number: int) -> Array:
    """The position in the seeded order of each position's partner: (n,) int64, -1 where there is none.

    Within a class the images are counted in the seeded order. The j-th of a class meets the other classes in turn, by cyclic
    offsets 1 .. C - 1 that ``number`` turns on, so of any C - 1 of its images that follow one another each meets another class:
    every prefix of a stratified order holds each ordered pair of classes equally often. Where classes are equally large, every
    image is the partner of exactly one (up to the remainder of their size by C - 1). The classes stand in the order in which
    they first come up, since neighbours by name are often akin.

    Nothing depends on how many images are examined. Images without a label meet all classes in turn, and are nobody's partner;
    where there are fewer than two classes, the partner is another image, whatever its class.

    Args:
        order: positions -> indices of all images of the set.
        labels: (n,) of the set by index, -1 = none; None = no labels.
        number: which partner, from 0.
    """
    ordered = np.full(len(order), -1) if labels is None else np.asarray(labels)[order]
    classes, classed = _by_first(ordered)
    if len(classes) < 2:
        return _another(len(order), number)
    sizes = np.bincount(classed[classed >= 0])
    members = np.argsort(np.where(classed < 0, len(sizes), classed), kind="stable")  # class after class, each in order
    starts = np.cumsum(sizes) - sizes
    rank = _rank_within(classed)
    others = np.where(classed >= 0, len(sizes) - 1, len(sizes))
    turn = (rank + number) % others
    met = np.where(classed >= 0, classed + 1 + turn, turn) % len(sizes)
    which = (rank - rank % others + turn + number // others) % sizes[met]
    return np.asarray(members[starts[met] + which], np.int64)


def _by_first(labels: Array) -> tuple[Array, Array]:
    """The classes in the order in which they come up, and the place of each image's class among them (-1 = no label)."""
    names, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    ranked = np.argsort(np.where(names < 0, len(labels), first), kind="stable")
    place = np.empty(len(names), np.int64)
    place[ranked] = np.arange(len(names))
    return names[names >= 0], np.where(labels < 0, -1, place[inverse])


def _rank_within(groups: Array) -> Array:
    """How many of its own group come before each."""
    grouped = np.argsort(groups, kind="stable")
    _, starts, counts = np.unique(groups[grouped], return_index=True, return_counts=True)
    rank = np.empty(len(groups), np.int64)
    rank[grouped] = np.arange(len(groups)) - np.repeat(starts, counts)
    return rank


def _another(n: int, number: int) -> Array:
    """The next in the order, the one after it ...; never the image itself."""
    if n < 2:
        return np.full(n, -1, np.int64)
    return (np.arange(n) + 1 + number % (n - 1)) % n
