"""An ordered set of images with stable ids and a table of targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eyechart.images.original import Original


class UndecodableError(Exception):
    """An image that cannot be shown; becomes a row with a status and a reason, never a crash.

    Args:
        status: one word: ``empty``, ``truncated``, ``unreadable``, ``too_large``, ``outside`` or ``missing``.
        reason: one plain sentence.
    """

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(status, reason)
        self.status, self.reason = status, reason


class Source(ABC):
    """Where one image comes from: small, picklable, opened in a decode worker (must not need torch)."""

    @abstractmethod
    def open(self) -> Original:
        """Decode fully. Raises UndecodableError."""


@dataclass(frozen=True, eq=False)
class ImageSet(ABC):
    """Images in a fixed order; ``source(i)`` decodes one at a time.

    Attributes:
        name: as the user wrote it.
        ids: unique, printable as UTF-8, stable under moving the set (relative paths, record numbers).
        targets: name -> array with one entry an image. ``label`` (the default target), where present, holds indices
            into ``class_names`` (int64; -1 = no label). Other columns (groups, shapes, textures) are numbers, or
            strings in arrays of dtype object (equal strings are one object, so that memory stays small).
        class_names: of the images, in the order that ``label`` uses; empty without labels.
        fingerprint: hash over ids, sizes and targets; the same wherever the set lies and whatever it is called.
        remarks: what a user should know about the set, such as files that were passed over.
    """

    name: str
    ids: Sequence[str]
    targets: Mapping[str, np.ndarray[Any, Any]]
    class_names: tuple[str, ...]
    fingerprint: str
    remarks: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labels(self) -> np.ndarray[Any, Any] | None:
        """The default target, or None."""
        return self.targets.get("label")

    @abstractmethod
    def source(self, index: int) -> Source:
        """Where image ``index`` comes from."""

    @property
    def in_memory(self) -> bool:
        """Whether ``source(i).open()`` costs next to nothing."""
        return False
