"""What a model is asked, and what it answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.special import log_softmax

from eyechart.core.tap import DenseTap, SlopeTap, Tap
from eyechart.core.view import Chain, Plain, View
from eyechart.core.weights import Weights

if TYPE_CHECKING:
    import torch

Reading = Literal["answer", "pixels", "gradient", "layers"]
# In forwards; a backward counts as two, and a look at the pixels, which is mostly decoding, as one.
COST: Mapping[Reading, int] = {"answer": 1, "pixels": 1, "gradient": 3, "layers": 1}


@dataclass(frozen=True)
class Query:
    """What the model is shown and what is read off. Equal queries are run once, whoever asks.

    Attributes:
        view: how the image is shown.
        weights: what the model is asked with; None = its own.
        reading: what is read off. ``answer``: the model's output. ``pixels``: what the view shows, without asking the model.
            ``gradient``: of the negative log likelihood of the image's label with respect to the shown pixels, before
            normalisation; 0 and not ``valid`` without a label. ``layers``: what ``tap`` reads, of the net before folding.
        tap: for the reading ``layers``.

    Raises:
        ValueError: a tap without that reading, or the reverse, or one of a net with other weights.
    """

    view: View = field(default_factory=Plain)
    reading: Reading = "answer"
    weights: Weights | None = None
    tap: Tap | DenseTap | SlopeTap | None = None

    def __post_init__(self) -> None:
        if (self.tap is None) == (self.reading == "layers") or (self.tap and self.weights):
            raise ValueError(f"reading {self.reading} of {self.weights or 'the own weights'} with the tap {self.tap}")

    @property
    def cost(self) -> int:
        """Forwards of the model, or what is counted as such (see COST), for one image, the view's own included."""
        return self.view.cost + self.reading_cost

    @property
    def reading_cost(self) -> int:
        """Of these, what reading costs."""
        return COST["gradient" if isinstance(self.tap, SlopeTap) else self.reading]

    @property
    def searches(self) -> Mapping[tuple[Weights | None, tuple[View, ...]], int]:
        """What each step that asks the model costs; by the weights it is asked with and the steps up to there."""
        steps = self.view.steps if isinstance(self.view, Chain) else (self.view,)
        return {(self.weights, steps[: i + 1]): step.cost for i, step in enumerate(steps) if step.cost}


CLEAN = Query()


def cost_of(queries: Iterable[Query]) -> int:
    """As ``Query.cost``, of all together: an attack that several go on from is made once."""
    asked = tuple(queries)
    searches: dict[tuple[Weights | None, tuple[View, ...]], int] = {}
    for query in asked:
        searches.update(query.searches)
    return sum(searches.values()) + sum(query.reading_cost for query in asked)


@dataclass(frozen=True)
class Answer:
    """A model's answers to one query for a batch.

    Attributes:
        kind: ``logits`` (log p included) or ``embedding``; ``none``: there is no model.
        values: (n, k) float32.
        notes: name -> (n,), by-products of the view.
        valid: (n,), False where the view could not be drawn for the image.
    """

    kind: Literal["logits", "embedding", "none"]
    values: np.ndarray[Any, Any]
    notes: Mapping[str, np.ndarray[Any, Any]]
    valid: np.ndarray[Any, Any]

    def where(self, chosen: np.ndarray[Any, Any]) -> Answer:
        """The answers for some of the images: ``chosen`` is (n,) bool."""
        if chosen.all():
            return self
        notes = {name: column[chosen] for name, column in self.notes.items()}
        return Answer(self.kind, self.values[chosen], notes, self.valid[chosen])

    @property
    def finite(self) -> np.ndarray[Any, Any]:
        """(n,) bool: no output is NaN or infinite."""
        return np.asarray(np.isfinite(self.values).all(1))

    @cached_property
    def log_p(self) -> np.ndarray[Any, Any]:
        """(n, k) log probabilities."""
        return np.asarray(log_softmax(self.values.astype(np.float64), axis=1))

    @cached_property
    def top1(self) -> np.ndarray[Any, Any]:
        """(n,) index of the largest output; the lowest index on a tie."""
        return np.asarray(self.values.argmax(axis=1))

    @cached_property
    def confidence(self) -> np.ndarray[Any, Any]:
        """(n,) probability of the top class."""
        return np.asarray(np.exp(self.log_p.max(axis=1)))

    def p(self, classes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """(n,) probability of ``classes[i]`` for image i; 0 where the class is -1."""
        picked = self.log_p[np.arange(len(classes)), np.maximum(classes, 0)]
        return np.where(classes >= 0, np.exp(picked), 0.0)

    def absolute_change(self, other: Answer, *, symmetric: bool = False) -> np.ndarray[Any, Any]:
        """(n,) |p1[c] - p2[c]|, c the top class here; symmetric: the mean of that and of the other's to this one.

        Logits (2, 0) then (0, 2): p of class 0 falls from .880797 to .119203, a change of .761594.
        """
        change = np.abs(self.confidence - other.p(self.top1))
        return np.asarray((change + other.absolute_change(self)) / 2 if symmetric else change)

    def among(self, classes: np.ndarray[Any, Any], top: int) -> np.ndarray[Any, Any]:
        """(n,) bool: whether ``classes[i]`` is among the ``top`` largest outputs, lower indices first on ties; False for -1."""
        index = np.maximum(classes, 0)
        own = self.values[np.arange(len(index)), index][:, None]
        before = (self.values > own) | ((self.values == own) & (np.arange(self.values.shape[1]) < index[:, None]))
        return np.asarray((before.sum(1) < top) & (classes >= 0))

    def nll(self, labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """(n,) negative log likelihood of the labels in nats; NaN where the label is -1."""
        picked = self.log_p[np.arange(len(labels)), np.maximum(labels, 0)]
        return np.where(labels >= 0, -picked, np.nan)


@dataclass(frozen=True)
class Signal:
    """Pixels, or an input gradient, for a batch.

    Attributes:
        values: (n, c, h, w) float32 on the model's device.
        notes, valid: see Answer.
    """

    values: torch.Tensor
    notes: Mapping[str, np.ndarray[Any, Any]]
    valid: np.ndarray[Any, Any]

    def where(self, chosen: np.ndarray[Any, Any]) -> Signal:
        """The signals for some of the images: ``chosen`` is (n,) bool."""
        if chosen.all():
            return self
        notes = {name: column[chosen] for name, column in self.notes.items()}
        return Signal(self.values[np.flatnonzero(chosen)], notes, self.valid[chosen])

    @property
    def finite(self) -> np.ndarray[Any, Any]:
        """(n,) bool: no value is NaN or infinite."""
        finite: np.ndarray[Any, Any] = self.values.isfinite().flatten(1).all(1).cpu().numpy()
        return finite


@dataclass(frozen=True)
class Features:
    """What a tap read off layers, for a batch.

    Attributes:
        values: layer -> (n, ...) float32.
        notes, valid: see Answer.
    """

    values: Mapping[str, np.ndarray[Any, Any]]
    notes: Mapping[str, np.ndarray[Any, Any]]
    valid: np.ndarray[Any, Any]

    def where(self, chosen: np.ndarray[Any, Any]) -> Features:
        """The features of some of the images: ``chosen`` is (n,) bool."""
        if chosen.all():
            return self
        values = {name: column[chosen] for name, column in self.values.items()}
        notes = {name: column[chosen] for name, column in self.notes.items()}
        return Features(values, notes, self.valid[chosen])

    @property
    def finite(self) -> np.ndarray[Any, Any]:
        """(n,) bool: no number is NaN or infinite."""
        each = [np.isfinite(column.reshape(len(self.valid), -1)).all(1) for column in self.values.values()]
        return np.asarray(np.logical_and.reduce([np.ones(len(self.valid), bool), *each]))


Reply = Answer | Signal | Features


class Answers(Mapping[Query, Answer]):
    """What was read off for a batch: an answer by ``answers[query]``, else by ``signal`` or ``features``.

    Attributes:
        replies: all, of whatever kind.
    """

    def __init__(self, replies: Mapping[Query, Reply]) -> None:
        self.replies = dict(replies)

    def __getitem__(self, query: Query) -> Answer:
        found = self.replies[query]
        if not isinstance(found, Answer):
            raise TypeError(f"{query} reads {query.reading}: ask for its signal or features")
        return found

    def __iter__(self) -> Iterator[Query]:
        return iter(self.replies)

    def __len__(self) -> int:
        return len(self.replies)

    def signal(self, query: Query) -> Signal:
        """What a query with the reading ``pixels`` or ``gradient`` gave."""
        found = self.replies[query]
        if not isinstance(found, Signal):
            raise TypeError(f"{query} reads no pixels and no gradient, but an answer or layers")
        return found

    def features(self, query: Query) -> Features:
        """What a query with the reading ``layers`` gave."""
        found = self.replies[query]
        if not isinstance(found, Features):
            raise TypeError(f"{query} reads no layers")
        return found

    def of(self, queries: Sequence[Query]) -> Answers:
        """What was read off for some of the queries."""
        return Answers({query: self.replies[query] for query in queries})

    def where(self, chosen: np.ndarray[Any, Any]) -> Answers:
        """What was read off for some of the images: ``chosen`` is (n,) bool."""
        return Answers({query: found.where(chosen) for query, found in self.replies.items()})

    def unfit(self) -> Iterator[tuple[Query, np.ndarray[Any, Any]]]:
        """Queries whose values are not all finite, and for which images (n,) they are not."""
        for query, found in self.replies.items():
            finite = found.finite
            if not finite.all():
                yield query, ~finite
