"""Images that lie in one array in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.images.fingerprint import Fingerprint
from eyechart.images.image_set import ImageSet
from eyechart.images.sources import ArraySource

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class ArraySet(ImageSet):
    """8-bit images of one size.

    Attributes:
        images: uint8, (n, h, w, 3), or (n, h, w) for grey; lies in memory once, and is not to be written to.
    """

    images: np.ndarray[Any, np.dtype[np.uint8]]

    def source(self, index: int) -> ArraySource:
        """The pixels of one image: a view here, a copy of that image alone once pickled."""
        return ArraySource(self.images[index])

    @property
    def in_memory(self) -> bool:
        """True."""
        return True


def array_set(
    name: str,
    images: np.ndarray[Any, np.dtype[np.uint8]],
    ids: Sequence[str],
    targets: Mapping[str, Array],
    class_names: tuple[str, ...],
    remarks: tuple[str, ...] = (),
) -> ArraySet:
    """Put an ArraySet together; its fingerprint covers every pixel."""
    images = np.ascontiguousarray(images)
    images.flags.writeable = False
    mark = Fingerprint("array")
    mark.texts(ids)
    mark.array(images)
    mark.targets(targets, class_names)
    return ArraySet(
        name=name,
        ids=ids,
        targets=targets,
        class_names=class_names,
        fingerprint=mark.hex(),
        remarks=remarks,
        images=images,
    )
