"""``cifar10:DIR``: CIFAR-10 from its official python batches, or from lossless sheets of 1,000 images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from eyechart.errors import ImagesError
from eyechart.images.arrays import ArraySet, array_set
from eyechart.images.decode import decode
from eyechart.images.ids import NumberedIds
from eyechart.images.image_set import UndecodableError
from eyechart.images.python_batch import read_batch

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE, COLUMNS, ROWS = 32, 40, 25
_PER_SHEET = COLUMNS * ROWS
_WAY_OUT = "Give the folder of test_batch (the official python version), or of test_00.webp and test_labels.npz."

Split = Literal["test", "train"]
Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def open_cifar10(where: str) -> ArraySet:
    """Read ``DIR``, ``DIR#test`` (the same) or ``DIR#train``.

    Ids are ``test/00000`` and so on, the place in the official order, so that the two formats agree.

    Raises:
        ImagesError: where there is neither format, or its files are broken.
    """
    folder, split = _split(where)
    name = f"cifar10:{where}"
    for place in (folder, folder / "cifar-10-batches-py"):
        if (place / ("test_batch" if split == "test" else "data_batch_1")).is_file():
            return _from_batches(place, split, name)
    if (folder / f"{split}_labels.npz").is_file():
        return _from_sheets(folder, split, name)
    raise _wrong(f"The folder holds no {split} images of CIFAR-10.", folder, _WAY_OUT)


def cifar_set(name: str, images: Pixels, labels: Pixels, split: Split, numbers: Any) -> ArraySet:
    """Put a set together; ``numbers`` are places in the official order."""
    ids = NumberedIds(f"{split}/", np.asarray(numbers, dtype=np.int64))
    return array_set(name, images, ids, {"label": labels.astype(np.int64)}, CLASSES)


def read_sheet(file: Path, count: int = _PER_SHEET) -> Pixels:
    """The first ``count`` tiles of a sheet, row by row, (count, 32, 32, 3)."""
    try:
        picture = decode(file).picture
    except UndecodableError as error:
        raise _wrong(f"The sheet {file.name} cannot be decoded: {error.reason}", file, _WAY_OUT) from error
    if picture.size[0] != COLUMNS * SIDE or picture.size[1] * COLUMNS // SIDE < count or picture.size[1] % SIDE:
        raise _wrong(
            f"The sheet {file.name} has the size {picture.size}.", file, "Sheets are 40 columns of 32 x 32 tiles."
        )
    rows = np.asarray(picture).reshape(-1, SIDE, COLUMNS, SIDE, 3)
    return rows.swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)[:count]


def write_sheet(images: Pixels, file: Path) -> None:
    """Write (n, 32, 32, 3) images as a lossless WebP sheet; absent tiles of the last row are black."""
    rows = -(-len(images) // COLUMNS)
    tiles = np.zeros((rows * COLUMNS, SIDE, SIDE, 3), np.uint8)
    tiles[: len(images)] = images
    sheet = tiles.reshape(rows, COLUMNS, SIDE, SIDE, 3).swapaxes(1, 2).reshape(rows * SIDE, COLUMNS * SIDE, 3)
    Image.fromarray(sheet).save(file, format="WEBP", lossless=True, exact=True)


def _split(where: str) -> tuple[Path, Split]:
    folder, mark, split = where.rpartition("#")
    if not mark or split not in ("test", "train"):
        return Path(where), "test"
    return Path(folder), "train" if split == "train" else "test"


def _from_batches(folder: Path, split: Split, name: str) -> ArraySet:
    files = ["test_batch"] if split == "test" else [f"data_batch_{number}" for number in range(1, 6)]
    parts = [read_batch(folder / file) for file in files]
    images = np.concatenate([pixels for pixels, _ in parts])
    return cifar_set(name, images, np.concatenate([labels for _, labels in parts]), split, np.arange(len(images)))


def _from_sheets(folder: Path, split: Split, name: str) -> ArraySet:
    labels, present = _sheet_labels(folder / f"{split}_labels.npz")
    numbers = np.flatnonzero(present)
    images = np.empty((len(numbers), SIDE, SIDE, 3), np.uint8)
    filled = 0
    for start in range(0, len(labels), _PER_SHEET):
        here = present[start : start + _PER_SHEET]
        tiles = read_sheet(folder / f"{split}_{start // _PER_SHEET:02d}.webp", len(here))[here]
        images[filled : filled + len(tiles)] = tiles
        filled += len(tiles)
    return cifar_set(name, images, labels[numbers], split, numbers)


def _sheet_labels(file: Path) -> tuple[Pixels, np.ndarray[Any, np.dtype[np.bool_]]]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            labels, present = archive["labels"], archive["present"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise _wrong(f"{file.name} cannot be read: {error}.", file, _WAY_OUT) from error
    if labels.ndim != 1 or labels.dtype != np.uint8 or present.shape != labels.shape or present.dtype != np.bool_:
        raise _wrong(f"{file.name} has unexpected arrays.", file, "It holds labels (uint8) and present (bool).")
    if not present.any() or labels.max() > 9:
        raise _wrong(f"{file.name} has no images, or labels above 9.", file, _WAY_OUT)
    return labels, present


def _wrong(problem: str, where: Path, way_out: str) -> ImagesError:
    return ImagesError(problem, setting="--images", value=f"cifar10:{where}", way_out=way_out)
