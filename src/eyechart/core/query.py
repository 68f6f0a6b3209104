"""What a model is asked, and what it answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy.special import log_softmax

from eyechart.core.view import Plain, View

Reading = Literal["answer"]


@dataclass(frozen=True)
class Query:
    """What the model is shown and what is read off. Equal queries are run once, whoever asks.

    Attributes:
        view: how the image is shown.
        reading: what is read off; ``answer`` is the model's output.
    """

    view: View = field(default_factory=Plain)
    reading: Reading = "answer"


CLEAN = Query()


@dataclass(frozen=True)
class Answer:
    """A model's answers to one query for a batch.

    Attributes:
        kind: ``logits`` (log p included) or ``embedding``.
        values: (n, k) float32.
        notes: name -> (n,), by-products of the view.
        valid: (n,), False where the view could not be drawn for the image.
    """

    kind: Literal["logits", "embedding"]
    values: np.ndarray[Any, Any]
    notes: Mapping[str, np.ndarray[Any, Any]]
    valid: np.ndarray[Any, Any]

    def where(self, chosen: np.ndarray[Any, Any]) -> Answer:
        """The answers for some of the images: ``chosen`` is (n,) bool."""
        if chosen.all():
            return self
        notes = {name: column[chosen] for name, column in self.notes.items()}
        return Answer(self.kind, self.values[chosen], notes, self.valid[chosen])

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

    def nll(self, labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """(n,) negative log likelihood of the labels in nats; NaN where the label is -1."""
        picked = self.log_p[np.arange(len(labels)), np.maximum(labels, 0)]
        return np.where(labels >= 0, -picked, np.nan)


Answers = Mapping[Query, Answer]
