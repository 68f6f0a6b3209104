"""``cifar10c:DIR``: CIFAR-10-C as published (Hendrycks & Dietterich, ICLR 2019), an array a corruption, never read whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from eyechart.images.cifar10 import CLASSES, SIDE
from eyechart.images.corrupted import CLEAN, CORRUPTED, CORRUPTIONS, SEVERITIES, chosen, missing, nothing, strangers
from eyechart.images.fingerprint import Fingerprint
from eyechart.images.image_set import ImageSet
from eyechart.images.labels import strings
from eyechart.images.sources import ArraySource

PUBLISHED = 10_000  # test images
_WAY_OUT = (
    "Give the folder of the unpacked CIFAR-10-C.tar: labels.npy beside brightness.npy, contrast.npy and so on, "
    "each uint8 (50000, 32, 32, 3)."
)

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Block:
    """The pictures of one corruption at one severity (0: as they are), in the order of the test set.

    Attributes:
        pixels: (test images, 32, 32, 3) uint8, mapped.
    """

    corruption: str
    severity: int
    pixels: Array


class _Ids(Sequence[str]):
    """``fog/3/00042``: made when asked for."""

    def __init__(self, blocks: Sequence[Block], count: int) -> None:
        self._heads, self._count = [f"{block.corruption}/{block.severity}/" for block in blocks], count

    def __len__(self) -> int:
        return len(self._heads) * self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        block, number = divmod(range(len(self))[index], self._count)
        return f"{self._heads[block]}{number:05d}"


@dataclass(frozen=True, eq=False, kw_only=True)
class MappedSet(ImageSet):
    """Blocks of pictures one after another, none of which is held in memory.

    Attributes:
        blocks: in the order of the ids.
        count: pictures a block.
    """

    blocks: Sequence[Block]
    count: int

    def source(self, index: int) -> ArraySource:
        """The pixels of one picture, read when it is opened or pickled."""
        block, number = divmod(range(len(self))[index], self.count)
        return ArraySource(self.blocks[block].pixels[number])

    @property
    def in_memory(self) -> bool:
        """True: nothing is decoded."""
        return True


def open_cifar10c(where: str) -> MappedSet:
    """Read ``DIR`` or its folder ``CIFAR-10-C``, or ``DIR#fog,frost`` for some corruptions alone.

    Targets beside the label: ``corruption``, ``severity`` (1 to 5), ``source`` (the test image's number). ``clean.npy``, which
    is ours and need not be there, holds the test images as they are, (10000, 32, 32, 3): corruption ``clean``, severity 0.

    Raises:
        UnknownNameError: a corruption after ``#`` is none.
        ImagesError: there is no such set, or its files are broken or do not fit together.
    """
    place, names = chosen(where, "cifar10c")
    folder = (
        Path(place) / "CIFAR-10-C" if os.path.isfile(os.path.join(place, "CIFAR-10-C", "labels.npy")) else Path(place)
    )
    labels = _labels(folder, where)
    count = len(labels)
    blocks = [block for name in names for block in _blocks(folder, name, count, where)]
    if not any(block.severity for block in blocks):
        raise nothing(_none_of(folder, names), "cifar10c", where, _WAY_OUT)
    targets = _targets(blocks, labels)
    mark = Fingerprint("blocks")
    for block in blocks:
        mark.text(f"{block.corruption} {block.severity}")
        mark.array(block.pixels)
    mark.targets({"label": labels}, CLASSES)
    return MappedSet(
        name=f"cifar10c:{where}",
        ids=_Ids(blocks, count),
        targets=targets,
        class_names=CLASSES,
        fingerprint=mark.hex(),
        remarks=_remarks(folder, names, blocks, count),
        blocks=blocks,
        count=count,
    )


def _none_of(folder: Path, names: Sequence[str]) -> str:
    there = [name for name in CORRUPTIONS if os.path.lexists(folder / f"{name}.npy")]
    if not there:
        return "The folder holds no array of a corruption."
    return f"The folder has no {' or '.join(f'{name}.npy' for name in names)}; it has: {', '.join(there)}."


def _targets(blocks: Sequence[Block], labels: Array) -> Mapping[str, Array]:
    count = len(labels)
    names = strings([block.corruption for block in blocks])
    return {
        "label": np.tile(labels, len(blocks)),
        "corruption": np.repeat(names, count),
        "severity": np.repeat(np.array([block.severity for block in blocks], np.int64), count),
        "source": np.tile(np.arange(count, dtype=np.int64), len(blocks)),
    }


def _labels(folder: Path, where: str) -> Array:
    """Of the test images: the file has them once for each severity."""
    labels = _array(folder / "labels.npy", where, mapped=False)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or len(labels) % len(SEVERITIES):
        problem = f"labels.npy is {labels.dtype} {labels.shape}, not whole numbers, five times as many as test images."
        raise nothing(problem, "cifar10c", where, _WAY_OUT)
    if labels.min() < 0 or labels.max() >= len(CLASSES):
        problem = f"labels.npy holds labels from {labels.min()} to {labels.max()}; CIFAR-10 has 0 to 9."
        raise nothing(problem, "cifar10c", where, _WAY_OUT)
    each = labels.reshape(len(SEVERITIES), -1)
    if (each != each[0]).any():
        problem = "labels.npy does not repeat the labels of the test images for each severity."
        raise nothing(
            problem, "cifar10c", where, "Unpack CIFAR-10-C.tar again: the images are in the order of the test set."
        )
    return np.asarray(each[0], np.int64)


def _blocks(folder: Path, name: str, count: int, where: str) -> Iterator[Block]:
    """Those of one corruption, or none if there is no such file."""
    file = folder / f"{name}.npy"
    if not os.path.lexists(file):
        return
    severities = (0,) if name == CLEAN else SEVERITIES
    wanted = (len(severities) * count, SIDE, SIDE, 3)
    pixels = _array(file, where)
    if pixels.dtype != np.uint8 or pixels.shape != wanted:
        problem = f"{file.name} is {pixels.dtype} {pixels.shape}, not uint8 {wanted} as labels.npy has it."
        raise nothing(problem, "cifar10c", where, _WAY_OUT)
    for k, severity in enumerate(severities):
        yield Block(name, severity, pixels[k * count : (k + 1) * count])


def _array(file: Path, where: str, mapped: bool = True) -> Array:
    """An array of numbers; content that would have to be unpickled is never read."""
    try:
        found = np.load(file, mmap_mode="r" if mapped else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise nothing(f"There is no {file.name}.", "cifar10c", where, _WAY_OUT) from error
    except (OSError, ValueError, EOFError, MemoryError, OverflowError) as error:
        way_out = "Unpack CIFAR-10-C.tar again, or remove the file."
        raise nothing(f"{file.name} cannot be read: {error}.", "cifar10c", where, way_out) from error
    if not isinstance(found, np.ndarray):
        found.close()
        raise nothing(f"{file.name} is an archive, not an array.", "cifar10c", where, _WAY_OUT)
    return found if found.flags.c_contiguous else np.ascontiguousarray(found)


def _remarks(folder: Path, names: Sequence[str], blocks: Sequence[Block], count: int) -> tuple[str, ...]:
    known = {f"{name}.npy" for name in (*CORRUPTIONS, CLEAN, "labels")}
    odd = [entry.name for entry in folder.iterdir() if entry.suffix == ".npy" and entry.name not in known]
    remarks = (*missing({(b.corruption, b.severity) for b in blocks}, names), *strangers(odd, "arrays are"), CORRUPTED)
    if count != PUBLISHED:
        remarks = (
            f"There are {count:,} test images; CIFAR-10-C has {PUBLISHED:,}: this is not the whole set.",
            *remarks,
        )
    return remarks
