"""Jobs for the decode workers: images by their positions in the seeded order, and their partners beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from eyechart.core.view import SourceView
from eyechart.images.image_set import ImageSet
from eyechart.images.sources import RefusedSource
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.draw import Companion, Job
from eyechart.run.partners import partner_positions

Array = np.ndarray[Any, Any]
NOBODY = Companion("", RefusedSource("missing", "there is no other image"), -1, -1)


class Jobs:
    """Makes jobs of an image set.

    Args:
        images: the images.
        labels: (n,) theirs as the model's output numbers, -1 = none.
        order: positions -> indices.
        preprocessing: of the model.
        seed: of the run.
    """

    def __init__(self, images: ImageSet, labels: Array, order: Array, preprocessing: Preprocessing, seed: int) -> None:
        self._images, self._labels, self._order = images, labels, order
        self._preprocessing, self._seed = preprocessing, seed
        self._partners: dict[int, Array] = {}
        self._positions: dict[str, int] | None = None

    def of(self, positions: Iterable[int], views: Sequence[SourceView]) -> Job:
        """The images at these positions, to be drawn as the source views show them."""
        at = [int(position) for position in positions]
        picked = [int(self._order[position]) for position in at]
        ids, sources = tuple(self._images.ids[i] for i in picked), tuple(self._images.source(i) for i in picked)
        numbers = dict.fromkeys(view.partner for view in views if view.partner is not None)
        beside = {number: tuple(self._companion(p, number) for p in at) for number in numbers}
        return Job(ids, sources, tuple(views), self._preprocessing, self._seed, beside)

    def position_of(self, image_id: str) -> int:
        """The image's position in the order."""
        if self._positions is None:
            self._positions = {self._images.ids[i]: position for position, i in enumerate(self._order)}
        return self._positions[image_id]

    def _companion(self, position: int, number: int) -> Companion:
        if number not in self._partners:
            # By the set's own labels, so that all models of a run are shown the same pairs.
            self._partners[number] = partner_positions(self._order, self._images.labels, number)
        found = int(self._partners[number][position])
        if found < 0:
            return NOBODY
        index = int(self._order[found])
        return Companion(self._images.ids[index], self._images.source(index), int(self._labels[index]), found)
