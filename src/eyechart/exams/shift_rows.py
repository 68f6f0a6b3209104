"""What the shift exam keeps of each pair: of classifiers, and the pairs worth a picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from eyechart.core.embeddings import PER_BUCKET, apart
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.query import Answer
from eyechart.core.tally import Kept, best

SHOWN = PER_BUCKET  # pairs pictured a protocol
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
        "absolute_change": first.absolute_change(second, symmetric=symmetric).astype(np.float32),
        "top5_1": first.among(batch.labels, top),
        "top5_2": second.among(batch.labels, top),
        "top5_pred_2": second.among(first.top1, top),
    }


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
    scores = np.stack([apart(*pair)["cosine_distance"] * (pair[0].valid & pair[1].valid) for pair in pairs], axis=1)
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
