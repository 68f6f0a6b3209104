"""Distances of embeddings, and what they are compared with: those between different images of the set."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from eyechart.core.exam import Array, Batch
from eyechart.core.query import Answer
from eyechart.core.tally import Kept, best

BUCKETS = 12
PER_BUCKET = 4  # images
FEWEST = 10
NO_SCALE = f"fewer than {FEWEST} images to compare with, or all answered alike"
KEY = "reference/"


def norm_distance(first: Array, second: Array) -> Array:
    """(n,) norm of the difference of embeddings (n, k), float64."""
    return np.asarray(np.linalg.norm(first.astype(np.float64) - second.astype(np.float64), axis=1))


def cosine_distance(first: Array, second: Array) -> Array:
    """(n,) 1 - cosine of embeddings (n, k), from 0 to 2; 0 where both vectors are zero, 1 where one is."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1)
    both = lengths[0] * lengths[1]
    cosine = np.where(both > 0, (first * second).sum(1) / np.where(both > 0, both, 1.0), (lengths[0] == lengths[1]))
    return np.asarray(np.clip(1 - cosine, 0.0, 2.0))


def references(answer: Answer, batch: Batch) -> Iterator[Kept]:
    """Embeddings of up to 48 images that their ids choose, the same in every batch: the largest hashes of each bucket.

    To be kept in a tally of the limit ``PER_BUCKET``.
    """
    chosen = []
    for i, name in enumerate(batch.ids):
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        score = int.from_bytes(digest[1:7], "big") / 2**48
        chosen.append(Kept(f"{KEY}{digest[0] % BUCKETS:02d}", score, name, {"i": i}))
    for case in best(PER_BUCKET, chosen):
        vector = answer.values[case.facts["i"]].astype("<f4")
        yield Kept(case.key, case.score, case.id, {"embedding": b64encode(vector.tobytes()).decode("ascii")})


@dataclass(frozen=True)
class Between:
    """Distances between different images, each with each.

    Attributes:
        images: how many.
        norms: (pairs,) norms of the differences of their embeddings.
        cosines: (pairs,) 1 - cosine.
    """

    images: int
    norms: Array
    cosines: Array

    @property
    def mean(self) -> float:
        """Mean of the norms, above 0."""
        return float(self.norms.mean())


def between(cases: Sequence[Kept]) -> Between | None:
    """Of the kept ``references``; None if there are fewer than ten images, or all are answered alike."""
    kept = [case for case in cases if case.key.startswith(KEY)]
    if len(kept) < FEWEST:
        return None
    vectors = np.stack([np.frombuffer(b64decode(case.facts["embedding"]), "<f4") for case in kept])
    i, j = np.triu_indices(len(kept), 1)
    norms = norm_distance(vectors[i], vectors[j])
    return Between(len(kept), norms, cosine_distance(vectors[i], vectors[j])) if norms.any() else None
