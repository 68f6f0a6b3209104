"""Part of an image set: some to calibrate or train on, the others to examine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np

from eyechart.images.image_set import ImageSet, Source
from eyechart.images.order import examined_order, up_to_whole

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Part(ImageSet):
    """The images of ``whole`` at ``places``, in that order. Made by ``part_of``."""

    whole: ImageSet = field(kw_only=True)
    places: Sequence[int] = field(kw_only=True)

    def source(self, index: int) -> Source:
        """That of the whole."""
        return self.whole.source(int(self.places[index]))

    @property
    def in_memory(self) -> bool:
        """As the whole."""
        return self.whole.in_memory


def part_of(whole: ImageSet, places: Sequence[int] | Array, name: str = "") -> Part:
    """Some of the images of a set, in the order of ``places``."""
    index = np.asarray(places, np.int64)
    key = blake2b(whole.fingerprint.encode() + index.tobytes(), digest_size=16).hexdigest()
    ids = tuple(whole.ids[i] for i in index)
    targets = {column: values[index] for column, values in whole.targets.items()}
    return Part(
        name or whole.name,
        ids,
        targets,
        whole.class_names,
        key,
        whole.remarks,
        whole=whole,
        places=tuple(index.tolist()),
    )


def split(whole: ImageSet, first: int, seed: int = 0) -> tuple[Part, Part]:
    """Two parts without a common image, each stratified by class: ``first`` images of the seeded order, and the others.

    Of a set of corrupted pictures the first part has as many more as keep all pictures of a test image together.
    """
    order = examined_order(whole, seed)
    first = up_to_whole(whole, order, first)
    return part_of(whole, order[:first]), part_of(whole, order[first:])
