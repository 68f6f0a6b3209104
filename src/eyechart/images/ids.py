"""Many names in little memory, and printable whatever bytes they hold."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np


def printable(name: str) -> str:
    r"""``name`` as valid text: bytes that are not UTF-8 become ``\xNN``, and a backslash becomes two.

    Different names stay different, so the result can serve as an id.

    >>> printable("caf\udce9.jpg")
    'caf\\xe9.jpg'
    """
    if name.isascii() and "\\" not in name:
        return name
    doubled = name.replace("\\", "\\\\")
    return doubled.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class PathIds(Sequence[str]):
    """Relative paths, kept as one block of bytes: about 8 bytes an image more than the text itself.

    As a sequence it gives the printable ids; ``path(i)`` gives the path as the file system knows it.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        encoded = [os.fsencode(path) for path in paths]
        lengths = np.fromiter((len(path) for path in encoded), dtype=np.int64, count=len(encoded))
        self._ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        self._block = b"".join(encoded)

    def path(self, index: int) -> str:
        """The path of image ``index``, as the file system knows it."""
        return os.fsdecode(self._block[self._ends[index] : self._ends[index + 1]])

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        place = range(len(self))[index]  # checks the bounds and understands negative numbers
        return printable(self.path(place))

    def __iter__(self) -> Iterator[str]:
        return (printable(self.path(index)) for index in range(len(self)))


class NumberedIds(Sequence[str]):
    """``prefix`` and a number of ``digits`` digits for each image; costs nothing but the numbers."""

    def __init__(self, prefix: str, numbers: np.ndarray[tuple[int], np.dtype[np.int64]], digits: int = 5) -> None:
        self._prefix, self._numbers, self._digits = prefix, numbers, digits

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        return f"{self._prefix}{int(self._numbers[index]):0{self._digits}d}"
