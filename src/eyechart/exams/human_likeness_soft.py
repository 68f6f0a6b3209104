"""A model's probabilities beside soft labels: what is written down of each image, and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.query import Answer
from eyechart.core.words import figure
from eyechart.images.soft_labels import SoftLabels
from eyechart.stats.intervals import FEWEST, means, wilson
from eyechart.stats.soft_labels import cross_entropy, entropy, jensen_shannon, rank_correlation

Estimator = Callable[..., Estimate]

COLUMNS = (
    *("has_people", "top1", "people_top1", "share_of_model", "share_of_label"),
    *("cross_entropy", "js_model", "js_label", "people_entropy", "people_doubt"),
    "entropy",
)
SURE, DOUBTING = 1e-4, 0.2  # of people's shares: rounded ones may miss one
NO_IMAGE = "no image of this kind has answers of people"
FEW = f"fewer than {FEWEST} images: so few ranks agree or disagree by chance"
NO_SPREAD = "one of the two entropies is the same for all images"


def soft_rows(
    soft: SoftLabels, columns: Sequence[int], ids: Sequence[str], answer: Answer, labels: Array
) -> dict[str, Array]:
    """Columns of a batch.

    Args:
        soft: people's shares.
        columns: the output that each of theirs is about.
        ids: of the images.
        answer: the model's.
        labels: (n,) -1 = none.
    """
    rows = soft.rows(ids)
    held, i = rows >= 0, np.arange(len(rows))
    people = np.zeros(answer.values.shape)
    people[:, list(columns)] = soft.shares[np.maximum(rows, 0)]
    own = np.eye(people.shape[1])[np.maximum(labels, 0)]
    numbers = {
        "share_of_model": people[i, answer.top1],
        "share_of_label": people[i, np.maximum(labels, 0)],
        "cross_entropy": cross_entropy(people, answer.log_p),
        "js_model": jensen_shannon(people, np.exp(answer.log_p)),
        "js_label": jensen_shannon(people, own),
        "people_entropy": entropy(people),
        "people_doubt": 1 - people.max(1),
    }
    shown = {name: np.where(held, values, 0.0).astype(np.float32) for name, values in numbers.items()}
    people_top1 = np.where(held, people.argmax(1), -1).astype(np.int32)
    return {"has_people": held, "top1": answer.top1.astype(np.int32), "people_top1": people_top1, **shown}


def soft_estimates(estimate: Estimator, rows: Mapping[str, Array], labels: Array) -> Iterator[Estimate]:
    """All figures; those of the label over the images that have one."""
    held = rows["has_people"]
    rows = {name: column[held] for name, column in rows.items()}
    known = labels[held] >= 0
    n = len(known)
    at = {"source": "soft_labels"}
    yield estimate("images_compared", unit="count", value=float(n), n=len(held), at=at)
    for answer, said, group in (("model", rows["top1"], np.ones(n, bool)), ("label", labels[held], known)):
        yield from _of_answer(estimate, rows, answer, said, group)
    yield estimate("cross_entropy", unit="nats", **_mean(rows["cross_entropy"]))
    yield estimate("kl_divergence", unit="nats", **_mean(rows["cross_entropy"] - rows["people_entropy"]))
    right = rows["top1"] == labels[held]
    yield from _by_doubt(estimate, rows)
    groups = {"all": np.ones(n, bool), "right": known & right, "wrong": known & ~right}
    for given, group in groups.items():
        part = {name: column[group] for name, column in rows.items()}
        yield from _of_group(estimate, part, {"given": given}, known[group])


def _of_answer(
    estimate: Estimator, rows: Mapping[str, Array], answer: str, said: Array, group: Array
) -> Iterator[Estimate]:
    at = {"answer": answer}
    agreed = (said == rows["people_top1"])[group]
    yield estimate("people_agreement", at=at, **figure(wilson(int(agreed.sum()), len(agreed)), _lacking(agreed)))
    yield estimate("people_share", at=at, **_mean(rows[f"share_of_{answer}"][group]))
    yield estimate("js_divergence", unit="nats", at=at, **_mean(rows[f"js_{answer}"][group]))


def _of_group(
    estimate: Estimator, rows: Mapping[str, Array], at: Mapping[str, str], labelled: Array
) -> Iterator[Estimate]:
    """Of all images, or of those that the model gets right or wrong, since accuracy confounds likeness."""
    gap = (rows["js_model"] - rows["js_label"])[labelled]
    yield estimate("js_divergence_gap", unit="difference of divergences", at=at, **_mean(gap))
    yield estimate("people_entropy", unit="nats", at=at, **_mean(rows["people_entropy"]))
    more = rows["entropy"].astype(float) - rows["people_entropy"]
    yield estimate("entropy_gap", unit="difference of entropies", at=at, **_mean(more))
    rho = rank_correlation(rows["entropy"], rows["people_entropy"])
    why = "" if rho.value is not None else NO_IMAGE if not rho.n else FEW if rho.n < FEWEST else NO_SPREAD
    yield estimate("entropy_correlation", unit="correlation", at=at, **figure(rho, why))


def _by_doubt(estimate: Estimator, rows: Mapping[str, Array]) -> Iterator[Estimate]:
    doubt = rows["people_doubt"]
    groups = {
        "none": doubt <= SURE,
        "some": (doubt > SURE) & (doubt <= DOUBTING),
        "much": doubt > DOUBTING,
    }
    for name, group in groups.items():
        for answer, column in (("model", "entropy"), ("people", "people_entropy")):
            at = {"answer": answer, "doubt": name}
            yield estimate("doubt_entropy", unit="nats", at=at, **_mean(rows[column][group]))


def _mean(values: Array) -> dict[str, object]:
    (found,) = means(values[:, None])
    return figure(found, _lacking(values))


def _lacking(values: Array) -> str:
    return "" if len(values) else NO_IMAGE
