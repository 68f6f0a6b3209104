"""Coarse categories, such as the 16 of Geirhos et al., and which of a model's outputs stand for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from scipy.special import logsumexp

from eyechart.images.class_names import normalised, synonyms

Array = np.ndarray[Any, Any]

Rule = Literal["mean", "sum", "max", "strict"]
RULES: tuple[Rule, ...] = get_args(Rule)
OTHER = -1  # an answer outside all categories; a name that is none


@dataclass(frozen=True)
class Categories:
    """Categories in alphabetical order, each with the outputs that stand for it; none shares an output.

    How p, the model's probabilities over all its outputs, becomes an answer (ties go to the first in the alphabet):
        mean: the category with the largest mean of its outputs' p. As its authors recommend; favours small categories.
        sum: with the largest sum. Favours large ones (of ImageNet, 109 outputs are dogs).
        max: with the largest single p.
        strict: the category of the model's top output, or OTHER where that belongs to none (ours).

    Attributes:
        title: what they are.
        names: sorted.
        outputs: for each, output numbers, ascending.
        aliases: (name, category): other names, such as those of the outputs and their WordNet ids.
    """

    title: str
    names: tuple[str, ...]
    outputs: tuple[tuple[int, ...], ...]
    aliases: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def of(
        cls,
        title: str,
        table: Mapping[str, Sequence[int]],
        class_names: Sequence[str] = (),
        class_ids: Sequence[str] = (),
    ) -> Categories:
        """From category -> outputs. The names and ids of a category's outputs are other names of it."""
        names = tuple(sorted(table))
        aliases = (*_aliases(table, class_ids), *_aliases(table, class_names))  # a name goes before an id
        return cls(title, names, tuple(tuple(sorted(table[name])) for name in names), aliases)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def sizes(self) -> Array:
        """(k,) number of outputs of each."""
        return np.array([len(outputs) for outputs in self.outputs])

    def place(self, names: Sequence[str]) -> Array:
        """(n,) place of each name in ``names``; OTHER where it is no category.

        >>> Categories.of("", {"cat": [3], "ant": [1]}).place(["cat", "bee"]).tolist()
        [1, -1]
        """
        places = {name: k for k, name in enumerate(self.names)}
        return np.array([places.get(name, OTHER) for name in names], np.int16)

    def place_named(self, names: Sequence[str]) -> Array:
        """As ``place``, and names of outputs stand for the category that holds the output.

        >>> Categories.of("", {"cat": [1], "car": [0]}, ["automobile", "cat"]).place_named(["automobile", "bee"]).tolist()
        [0, -1]
        """
        category = dict(self.aliases) | {normalised(name): name for name in self.names} | {n: n for n in self.names}
        return self.place([category.get(name) or category.get(normalised(name), "") for name in names])

    def scores(self, log_p: Array, rule: Rule) -> Array:
        """Log score (n, k) of each category, from log probabilities (n, outputs). ``strict`` scores as ``max`` does."""
        columns = [log_p[:, list(outputs)] for outputs in self.outputs]
        if rule in ("max", "strict"):
            return np.stack([column.max(1) for column in columns], axis=1)
        sums = np.stack([logsumexp(column, axis=1) for column in columns], axis=1)
        return np.asarray(sums - np.log(self.sizes) if rule == "mean" else sums)

    def answers(self, log_p: Array, rule: Rule) -> Array:
        """(n,) place of the category that is answered, OTHER for none."""
        if rule != "strict":
            return np.asarray(self.scores(log_p, rule).argmax(1).astype(np.int16))
        return np.asarray(self._by_output(log_p.shape[1])[log_p.argmax(1)])

    def _by_output(self, count: int) -> Array:
        table = np.full(count, OTHER, np.int16)
        for k, outputs in enumerate(self.outputs):
            table[list(outputs)] = k
        return table

    def best_ranks(self, log_p: Array, asked: Array) -> Array:
        """(n,) rank, 1 the first, of the best of the outputs of category ``asked[i]`` among all outputs of image i.

        Equal outputs rank in their order, as for the top class. 0 where ``asked`` is OTHER.
        """
        ranks = np.zeros(len(log_p), np.int64)
        for k, outputs in enumerate(self.outputs):
            rows = np.flatnonzero(asked == k)
            mine = log_p[rows]
            best = np.array(outputs)[mine[:, list(outputs)].argmax(1)]
            value = mine[np.arange(len(rows)), best][:, None]
            before = (mine > value) | ((mine == value) & (np.arange(mine.shape[1]) < best[:, None]))
            ranks[rows] = 1 + before.sum(1)
        return ranks


def _aliases(table: Mapping[str, Sequence[int]], class_names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Names of outputs with their category; not those that an output of another category, or of none, has too."""
    category = {output: name for name, outputs in table.items() for output in outputs}
    owners: dict[str, set[str | None]] = {}
    for output, name in enumerate(class_names):
        for synonym in synonyms(name):
            owners.setdefault(synonym, set()).add(category.get(output))
    single = ((alias, next(iter(owner))) for alias, owner in owners.items() if len(owner) == 1)
    return tuple((alias, name) for alias, name in single if name is not None)
