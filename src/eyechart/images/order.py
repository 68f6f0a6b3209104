"""The fixed order in which images are examined."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from eyechart.images.image_set import ImageSet

Indices = np.ndarray[tuple[int], np.dtype[np.int64]]


def seeded_order(ids: Sequence[str], labels: np.ndarray[Any, Any] | None, seed: int) -> Indices:
    """A permutation of the images of which every prefix is stratified by class.

    Within a class, images are shuffled by a hash of their id, keyed by ``seed``. Image j (from 0) of a class c of n_c
    images gets the rank (j + u_c) / n_c, with u_c in [0, 1) drawn for the class, and images are sorted by rank, so
    that for any rank r the images up to r hold floor or ceil of r * n_c images of each class. The sequence of ids does
    not depend on the order in which they are given.

    >>> order = seeded_order(["a", "b", "c", "d"], np.array([0, 0, 1, 1]), seed=0)
    >>> sorted(np.array([0, 0, 1, 1])[order[:2]].tolist())
    [0, 1]
    """
    count = len(ids)
    high, low = _hashes(ids, seed)
    groups = np.zeros(count, np.int64) if labels is None else np.asarray(labels, dtype=np.int64)
    names, groups, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    by_class = np.lexsort((low, high, groups))
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)[:-1]]) if count else np.zeros(0, np.int64)
    within = np.empty(count, np.int64)
    within[by_class] = np.arange(count) - np.repeat(starts, sizes)
    ranks = (within + _starts(names, seed)[groups]) / sizes[groups]
    return np.lexsort((low, high, ranks)).astype(np.int64)  # equal ranks: by the 128 bits of the id


def examined_order(images: ImageSet, seed: int) -> Indices:
    """``seeded_order``; in a set of corrupted pictures that of the test images, with all pictures of each side by side."""
    ranks = _source_ranks(images, seed)
    return seeded_order(images.ids, images.labels, seed) if ranks is None else np.argsort(ranks, kind="stable")


def pictures_of(images: ImageSet, count: int, seed: int) -> int:
    """How many pictures the first ``count`` images of ``examined_order`` are: in a set of corrupted pictures, test images."""
    ranks = _source_ranks(images, seed)
    return min(count, len(images)) if ranks is None else int((ranks < count).sum())


def up_to_whole(images: ImageSet, order: Indices, count: int) -> int:
    """At least ``count`` pictures of ``examined_order``, and none of a test image whose others come later."""
    if not _corrupted(images) or not 0 < count < len(order):
        return count
    sources = images.targets["source"][order]
    later = np.flatnonzero(sources[count:] != sources[count - 1])
    return count + int(later[0]) if len(later) else len(order)


def _corrupted(images: ImageSet) -> bool:
    """Whether several pictures are of one test image."""
    return {"corruption", "source"} <= set(images.targets)


def _source_ranks(images: ImageSet, seed: int) -> Indices | None:
    """(n,) the place of each picture's test image in their order; None where pictures are images."""
    if not _corrupted(images):
        return None
    names, first, which = np.unique(images.targets["source"], return_index=True, return_inverse=True)
    order = seeded_order(
        [str(name) for name in names], images.labels[first] if images.labels is not None else None, seed
    )
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places[which]


def _hashes(ids: Sequence[str], seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    key = blake2b(str(seed).encode()).digest()
    keyed = blake2b(digest_size=16, key=key, person=b"order")

    def digest(identity: str) -> bytes:
        state = keyed.copy()
        state.update(identity.encode("utf-8", "surrogatepass"))
        return state.digest()

    words = np.frombuffer(b"".join(map(digest, ids)), dtype="<u8").reshape(-1, 2)
    return words[:, 0], words[:, 1]


def _starts(names: np.ndarray[Any, Any], seed: int) -> np.ndarray[Any, Any]:
    """One number in [0, 1) for each class, by its label."""
    digests = (blake2b(f"{seed} {name}".encode(), digest_size=8, person=b"order class").digest() for name in names)
    return (np.frombuffer(b"".join(digests), dtype="<u8") >> np.uint64(11)) * 2.0**-53
