"""A model's decisions beside those of people: what is written down of each image, and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.query import Answer
from eyechart.core.words import figure
from eyechart.exams.human_likeness_files import MODEL, Answered
from eyechart.images.categories import OTHER, Categories, Rule
from eyechart.stats.agreement import Fourfold
from eyechart.stats.agreement_intervals import Agreement, Pairs, Panel, agreement_gap, mean_agreement, pair_agreement
from eyechart.stats.intervals import Interval, wilson

Estimator = Callable[..., Estimate]

PEOPLE = "people"
SQUARED = "squared difference of shares"
NOBODY = "no image was answered by both"
NONE_DEFINED = "in every pair one was always right or always wrong"


class People:
    """What people answered, and the categories that a model can answer.

    Args:
        answered: what people answered.
        categories: of the model.
    """

    def __init__(self, answered: Answered, categories: Categories) -> None:
        self.observers, self._answered = answered.observers, answered
        self.categories = categories

    def ambiguous(self, ids: Sequence[str]) -> str:
        """The first name that people answered and several images have; empty if there is none."""
        times = Counter(map(self._answered.called, ids))
        return next((name for name, n in times.items() if n > 1 and name in self._answered.by_image), "")

    def compared(self, ids: Sequence[str]) -> Array:
        """(n,) whether people answered an image whose category the model can answer."""
        return np.asarray(self._right_categories(ids) != OTHER)

    def rows(self, ids: Sequence[str], answer: Answer, rule: Rule) -> dict[str, Array]:
        """Columns of a batch."""
        wanted, said = self._right_categories(ids), self.categories.answers(answer.log_p, rule)
        right = np.full((len(ids), len(self.observers)), -1, np.int8)
        for i in np.flatnonzero(wanted != OTHER).tolist():
            by_observer = self._answered.of(ids[i])
            for k, name in enumerate(self.observers):
                if name in by_observer:
                    right[i, k] = by_observer[name].right
        compared = (wanted != OTHER) & answer.valid
        own = {
            "category": wanted,
            "answer": said.astype(np.int16),
            "right": (said == wanted) & compared,
            "compared": compared,
        }
        return {**own, "people_right": right}

    def _right_categories(self, ids: Sequence[str]) -> Array:
        """(n,) places among the model's categories; OTHER where nobody was asked, or the model has no such category."""
        found = [next(iter(self._answered.of(one).values()), None) for one in ids]
        return self.categories.place(["" if one is None else one.category for one in found])


def people_estimates(estimate: Estimator, rows: Mapping[str, Array], observers: Sequence[str]) -> Iterator[Estimate]:
    """Of the model (column 0 of the panel) and people."""
    compared = rows["compared"]
    n = int(compared.sum())
    yield estimate("images_compared", unit="count", value=float(n), n=len(compared), at={"source": "table"})
    said = rows["people_right"][compared]
    right = np.column_stack([rows["right"][compared], said == 1])
    seen = np.column_stack([np.ones(n, bool), said >= 0])
    panel = Panel(right, seen, np.zeros(n, int))
    for k, name in enumerate((MODEL, *observers)):
        accuracy = wilson(int((right & seen)[:, k].sum()), int(seen[:, k].sum()))
        yield estimate("accuracy", at={"observer": name}, **figure(accuracy))
    for k, name in enumerate(observers, start=1):
        yield from _pair(estimate, panel.fourfold(0, k), {"observer": name})
    yield from _means(estimate, panel, len(observers))


def _pair(estimate: Estimator, found: Fourfold | None, at: Mapping[str, str]) -> Iterator[Estimate]:
    if found is None:
        yield estimate("error_consistency", unit="kappa", at=at, value=None, n=0, reason=NOBODY)
        return
    why = found.no_kappa
    yield from _three(estimate, pair_agreement(found), at, "", why)
    bounds = None if why else found.kappa_bounds
    highest = Interval(bounds[1] if bounds else None, None, None, found.n, "")
    yield estimate("error_consistency_highest", unit="kappa", at=at, **figure(highest, why))


def _means(estimate: Estimator, panel: Panel, people: int) -> Iterator[Estimate]:
    own = _sharing(panel, [(0, k) for k in range(1, people + 1)])
    among = _sharing(panel, [(i, j) for i in range(1, people + 1) for j in range(i + 1, people + 1)])
    for name, pairs in ((MODEL, own), (PEOPLE, among)):
        if pairs:
            found, at = mean_agreement(panel, pairs), {"of": name}
            yield from _three(estimate, found, at, "mean_", NONE_DEFINED)
            yield estimate("undefined_pairs", unit="count", value=float(found.left_out), n=len(pairs), at=at)
    if own and among:
        gap = agreement_gap(panel, own, among).kappa
        why = NONE_DEFINED if gap.value is None else ""
        yield estimate("error_consistency_gap", unit="difference of kappas", **figure(gap, why))


def _three(
    estimate: Estimator, found: Agreement, at: Mapping[str, str], prefix: str, reason: str
) -> Iterator[Estimate]:
    yield estimate(f"{prefix}accuracy_difference", unit=SQUARED, at=at, **figure(found.accuracy_difference))
    yield estimate(f"{prefix}observed_consistency", at=at, **figure(found.observed))
    why = reason if found.kappa.value is None else ""
    yield estimate(f"{prefix}error_consistency", unit="kappa", at=at, **figure(found.kappa, why))


def _sharing(panel: Panel, pairs: Pairs) -> Pairs:
    return [(a, b) for a, b in pairs if (panel.seen[:, a] & panel.seen[:, b]).any()]
