"""One hash over everything that makes an image set what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np


class Fingerprint:
    """Collects parts in order; equal parts in equal order give equal fingerprints on every machine.

    Every part is preceded by its kind and length, so that no two lists of parts look alike.
    """

    def __init__(self, kind: str) -> None:
        self._hash = blake2b(digest_size=16)
        self.text(kind)

    def raw(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        self._hash.update(f"raw {memoryview(data).nbytes} ".encode())
        self._hash.update(data)

    def text(self, value: str) -> None:
        """Add a text."""
        self.raw(value.encode("utf-8", "surrogatepass"))

    def texts(self, values: Iterable[str]) -> None:
        """Add a list of texts."""
        count = 0
        for value in values:
            self.text(value)
            count += 1
        self._hash.update(f"end {count} ".encode())

    def array(self, values: np.ndarray[Any, Any]) -> None:
        """Add an array of numbers, or of strings (dtype object)."""
        self.text(f"{values.dtype.kind} {values.dtype.itemsize} {values.shape}")
        if values.dtype.kind in "OUS":
            self.texts(str(value) for value in values.ravel())
            return
        little = values.astype(values.dtype.newbyteorder("<"), copy=False)
        self.raw(np.ascontiguousarray(little).reshape(-1).view(np.uint8).data)

    def targets(self, targets: Mapping[str, np.ndarray[Any, Any]], class_names: tuple[str, ...]) -> None:
        """Add the table of targets and the class names."""
        self.texts(class_names)
        for name in sorted(targets):
            self.text(name)
            self.array(targets[name])

    def hex(self) -> str:
        """The hash of all parts so far, 32 hexadecimal digits."""
        return self._hash.hexdigest()
