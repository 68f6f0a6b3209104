"""What the shift exam keeps of each pair: of classifiers and of embeddings, and the pairs worth a picture."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import blake2b

import numpy as np

from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.query import Answer
from eyechart.core.tally import Kept, best

SHOWN = 4  # pairs pictured a protocol, and images kept a bucket of references
BUCKETS = 12
TOP = 5

Rows = Mapping[str, Array]


def top_of(subject: Subject) -> int:
    """Among how many classes the true one is sought: five; with fewer than six classes the first alone."""
    return TOP if subject.n_classes > TOP else 1


def classified(first: Answer, second: Answer, batch: Batch, *, symmetric: bool) -> dict[str, Array]:
    """Columns (n,) of one pair, of a model with classes."""
    top = top_of(batch.subject)
    return {
        "top1_1": first.top1.astype(np.int32),
        "top1_2": second.top1.astype(np.int32),
        "absolute_change": absolute_change(first, second, symmetric=symmetric).astype(np.float32),
        "top5_1": among(first.values, batch.labels, top),
        "top5_2": among(second.values, batch.labels, top),
        "top5_pred_2": among(second.values, first.top1, top),
    }


def embedded(first: Answer, second: Answer) -> dict[str, Array]:
    """Columns (n,) of one pair, of a model without classes."""
    one, two = first.values.astype(np.float64), second.values.astype(np.float64)
    return {
        "distance": np.linalg.norm(one - two, axis=1).astype(np.float32),
        "cosine_distance": cosine_distance(one, two).astype(np.float32),
    }


def absolute_change(first: Answer, second: Answer, *, symmetric: bool = False) -> Array:
    """(n,) |p1[c] - p2[c]| with c the top class of the first answer; symmetric: the mean of that and of the reverse.

    Logits (2, 0) then (0, 2): p of class 0 falls from .880797 to .119203, a change of .761594.
    """
    change = np.abs(first.confidence - second.p(first.top1))
    if symmetric:
        change = (change + np.abs(second.confidence - first.p(second.top1))) / 2
    return np.asarray(change)


def among(values: Array, classes: Array, top: int) -> Array:
    """(n,) bool: whether ``classes[i]`` is among the ``top`` largest of row i, lower indices first on ties; False for -1."""
    index = np.maximum(classes, 0)
    own = values[np.arange(len(values)), index][:, None]
    before = (values > own) | ((values == own) & (np.arange(values.shape[1]) < index[:, None]))
    return np.asarray((before.sum(1) < top) & (classes >= 0))


def cosine_distance(first: Array, second: Array) -> Array:
    """(n,) 1 - cosine, from 0 to 2; 0 where both vectors are zero, 1 where one is."""
    lengths = np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1)
    both = lengths[0] * lengths[1]
    cosine = np.where(both > 0, (first * second).sum(1) / np.where(both > 0, both, 1.0), (lengths[0] == lengths[1]))
    return np.asarray(np.clip(1 - cosine, 0.0, 2.0))


def references(answer: Answer, batch: Batch) -> Iterator[Kept]:
    """Embeddings of images that their ids choose, the same in every batch: those with the largest hash of each bucket."""
    chosen = []
    for i, name in enumerate(batch.ids):
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        chosen.append(
            Kept(f"reference/{digest[0] % BUCKETS:02d}", int.from_bytes(digest[1:7], "big") / 2**48, name, {"i": i})
        )
    for case in best(SHOWN, chosen):
        vector = answer.values[case.facts["i"]].astype("<f4")
        yield Kept(case.key, case.score, case.id, {"embedding": b64encode(vector.tobytes()).decode("ascii")})


def worst(protocol: str, group: str, pairs: list[tuple[Answer, Answer]], batch: Batch) -> tuple[Kept, ...]:
    """The images whose answer changes most surely: ranked by the lesser confidence of the two frames, the best pair of each."""
    scores = np.stack([_surely_changed(first, second) for first, second in pairs], axis=1)
    found = []
    for i in _leading(scores.max(1)):
        k = int(scores[i].argmax())
        facts = {"protocol": protocol, "pair": k, "group": group}
        for number, answer in enumerate(pairs[k], start=1):
            facts[f"answer_{number}"] = batch.subject.class_name(int(answer.top1[i]))
            facts[f"confidence_{number}"] = round(float(answer.confidence[i]), 6)
        found.append(Kept(f"worst/{protocol}", float(scores[i, k]), batch.ids[i], facts))
    return best(SHOWN, found)


def farthest(protocol: str, group: str, pairs: list[tuple[Answer, Answer]], batch: Batch) -> tuple[Kept, ...]:
    """The images whose embedding turns most, the worst pair of each."""
    scores = np.stack([embedded(*pair)["cosine_distance"] * (pair[0].valid & pair[1].valid) for pair in pairs], axis=1)
    found = []
    for i in _leading(scores.max(1)):
        k = int(scores[i].argmax())
        facts = {"protocol": protocol, "pair": k, "group": group, "distance": round(float(scores[i, k]), 6)}
        found.append(Kept(f"worst/{protocol}", float(scores[i, k]), batch.ids[i], facts))
    return best(SHOWN, found)


def _surely_changed(first: Answer, second: Answer) -> Array:
    changed = (first.top1 != second.top1) & first.valid & second.valid
    return np.where(changed, np.minimum(first.confidence, second.confidence), 0.0)


def _leading(scores: Array) -> Array:
    """Places of the largest scores above 0, all that tie with the last of them included."""
    if len(scores) > SHOWN:
        return np.flatnonzero((scores > 0) & (scores >= np.sort(scores)[-SHOWN]))
    return np.flatnonzero(scores > 0)
