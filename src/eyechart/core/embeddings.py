"""Distances of embeddings, and what they are compared with: those between different images of the set."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch
from eyechart.core.query import Answer
from eyechart.core.tally import Kept, best
from eyechart.core.told import Make, Told

BUCKETS = 12
PER_BUCKET = 4  # images
FEWEST = 10
NO_SCALE = f"fewer than {FEWEST} images to compare with, or all answered alike"
KEY = "reference/"
ROUNDING = 1e-6  # cosine distances below are float32's own


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


def apart(first: Answer, second: Answer) -> dict[str, Array]:
    """Columns (n,) of one pair: ``distance``, ``cosine_distance``."""
    return {
        "distance": norm_distance(first.values, second.values).astype(np.float32),
        "cosine_distance": cosine_distance(first.values, second.values).astype(np.float32),
    }


def references(answer: Answer, batch: Batch, of: str = "") -> Iterator[Kept]:
    """Embeddings of up to 48 images that their ids choose, the same in every batch: the largest hashes of each bucket.

    To be kept in a tally of the limit ``PER_BUCKET``. ``of`` names what the images were shown as, where that is several things;
    those that could not be drawn are left out.
    """
    key = _key(of)
    chosen = []
    for i, name in enumerate(batch.ids):
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        score = int.from_bytes(digest[1:7], "big") / 2**48
        chosen.append(Kept(f"{key}{digest[0] % BUCKETS:02d}", score, name, {"i": i}))
    for case in best(PER_BUCKET, (case for case in chosen if answer.valid[case.facts["i"]])):
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


def between(cases: Sequence[Kept], of: str = "") -> Between | None:
    """Of the kept ``references``; None if there are fewer than ten images, or all are answered alike."""
    key = _key(of)
    kept = [case for case in cases if case.key.startswith(key) and "/" not in case.key.removeprefix(key)]
    if len(kept) < FEWEST:
        return None
    vectors = np.stack([np.frombuffer(b64decode(case.facts["embedding"]), "<f4") for case in kept])
    i, j = np.triu_indices(len(kept), 1)
    norms = norm_distance(vectors[i], vectors[j])
    return Between(len(kept), norms, cosine_distance(vectors[i], vectors[j])) if norms.any() else None


def _key(of: str) -> str:
    return f"{KEY}{of}/" if of else KEY


@dataclass(frozen=True)
class Scale:
    """What distances of embeddings are compared with: those between different images of the set.

    Attributes:
        images: how many were compared, each with each.
        mean: of the norms of their differences.
        quantile: a share of the pairs.
        significant: the cosine distance that this share of the pairs stays below.
    """

    images: int
    mean: float
    quantile: float
    significant: float

    @staticmethod
    def of(cases: Sequence[Kept], quantile: float, of: str = "") -> Scale | None:
        """From the kept references; None if they are too few, or all alike."""
        found = between(cases, of)
        if found is None:
            return None
        significant = float(np.quantile(found.cosines, quantile))
        return Scale(found.images, found.mean, quantile, significant) if significant > ROUNDING else None

    def threshold(self, make: Make, at: Mapping[str, Any]) -> Estimate:
        """significant_distance, with its quantile."""
        at = {**at, "quantile": self.quantile}
        return make("significant_distance", unit="cosine distance", value=self.significant, n=self.images, at=at)


def compared_with(make: Make, scale: Scale | None, at: Mapping[str, Any], undefined: Sequence[str]) -> list[Estimate]:
    """The yardsticks of embeddings; without them, that the measures ``undefined`` cannot be said."""
    if scale is None:
        units = {measure: "ratio" if measure.endswith("embed_change") else "share" for measure in undefined}
        return [make(m, unit=unit, value=None, n=0, at=at, reason=NO_SCALE) for m, unit in units.items()]
    mean = make("reference_distance", unit="distance", value=scale.mean, n=scale.images, at=at)
    return [mean, scale.threshold(make, at)]


def farther(estimates: Estimates, **at: Any) -> str:
    """What a significant change is, in words: to follow on ``its embedding moves``."""
    e = estimates.one("significant_distance", **at)
    share = e.at["quantile"] if e else 0.0
    return f"farther than the most alike {share:.0%} of pairs of different images are apart"


def turns(rows: Mapping[str, Array], scale: Scale | None) -> Iterator[Told]:
    """How far embeddings move: rows as of ``apart``, (n, pairs), and ``valid``, the pairs that count."""
    valid = rows["valid"]
    yield Told("cosine_distance", "cosine distance", {}, np.where(valid, rows["cosine_distance"], 0.0), valid)
    if scale:
        yield Told("embed_change", "ratio", {}, np.where(valid, rows["distance"] / scale.mean, 0.0), valid)
        yield Told("significant_change", "share", {}, (rows["cosine_distance"] > scale.significant) & valid, valid)
