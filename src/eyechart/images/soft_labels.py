"""Soft labels: of each image the shares of people who answered each class, as arrays in files (format of CIFAR-10H)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eyechart.errors import SettingError
from eyechart.stats.soft_labels import faulty_row

Array = np.ndarray[Any, Any]

_NUMBERED = re.compile(r"(?:.*/)?([0-9]{1,9})(?:\.[A-Za-z0-9]+)?")
_HOW = "Give a .npy file of shape (images, classes), or a .npz file with it and, if images are not numbered, their ids."


class SoftLabelError(SettingError):
    """Soft labels that cannot be used."""


@dataclass(frozen=True, eq=False)
class SoftLabels:
    """Shares of people.

    Attributes:
        shares: (n, k) float64, each row sums to one, also where those of the file were rounded.
        ids: of the images, where the file says; else row r is that of the image whose id ends with the number r.
    """

    shares: Array
    ids: tuple[str, ...] | None = None

    def rows(self, image_ids: Sequence[str]) -> Array:
        """(m,) the row of each image, -1 where there is none.

        Without ids in the file, the name of an image must be a number, counted from 0 as in ``test/00012``.
        """
        if self.ids is not None:
            return np.array([self._place.get(one, -1) for one in image_ids], np.int64)
        numbers = [int(found[1]) if (found := _NUMBERED.fullmatch(one)) else -1 for one in image_ids]
        return np.array([number if number < len(self.shares) else -1 for number in numbers], np.int64)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.ids or ())}


def read_soft_labels(file: str, *, setting: str, columns: int | None = None) -> SoftLabels:
    """Read a file; pickled content is never read.

    Args:
        file: ``.npy``: (n, k) numbers. ``.npz``: one such array, and optionally ``ids``, n different strings.
        setting: at fault if it cannot be read.
        columns: classes that there should be; None = any number.

    Raises:
        SoftLabelError: for another number of columns, which is told before rows that miss one; for anything else; for a row
            that does not sum to one (within 0.001), by its number.
    """
    try:
        found = np.load(file, allow_pickle=False)
        arrays = dict(found) if isinstance(found, np.lib.npyio.NpzFile) else {"shares": found}
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError) as error:
        raise _wrong(f"The soft labels cannot be read: {error}.", setting, file) from error
    ids = arrays.pop("ids", None)
    tables = [values for values in arrays.values() if values.ndim == 2 and values.dtype.kind in "fiu"]
    if len(tables) != 1 or not tables[0].size or tables[0].shape[1] < 2:
        raise _wrong(f"The file holds {len(tables)} tables of numbers, or one without two classes.", setting, file)
    shares = tables[0].astype(np.float64)
    if columns not in (None, shares.shape[1]):
        problem = f"There are {shares.shape[1]} columns, {columns} names or outputs."
        way_out = "Give a column for each class, or name the columns: human_likeness.classes, one of the model's outputs each."
        raise SoftLabelError(problem, setting=setting, value=file, way_out=way_out)
    if faulty := faulty_row(shares):
        row, why = faulty
        raise SoftLabelError(
            f"Row {row} is no distribution over the classes: {why}.",
            setting=setting,
            value=file,
            way_out="Divide counts by their sum, row by row; rows are counted from 0.",
        )
    shares /= shares.sum(1, keepdims=True)
    return SoftLabels(shares, None if ids is None else _ids(ids, len(shares), setting, file))


def _ids(values: Array, count: int, setting: str, file: str) -> tuple[str, ...]:
    names = tuple(str(value) for value in values.ravel())
    if values.dtype.kind != "U" or len(names) != count or len({*names}) < count:
        raise _wrong(f"ids holds {len({*names})} different names for {count} images.", setting, file)
    return names


def _wrong(problem: str, setting: str, file: str) -> SoftLabelError:
    return SoftLabelError(problem, setting=setting, value=file, way_out=_HOW)
