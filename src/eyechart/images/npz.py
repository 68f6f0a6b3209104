"""``npz:FILE``: images, labels and further targets from a numpy archive. Pickled content is never read."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from eyechart.errors import ImagesError
from eyechart.images.arrays import Array, ArraySet, array_set
from eyechart.images.ids import NumberedIds
from eyechart.images.labels import index_classes, strings

IMAGES = ("images", "x", "x_test", "test_images", "data")
LABELS = ("labels", "label", "y", "y_test", "test_labels", "targets")
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
    MemoryError,
    NotImplementedError,
)


def open_npz(file: str) -> ArraySet:
    """Read an archive.

    Images (``images``, ``x``, ``x_test``, ``test_images`` or ``data``) are uint8, or floats within 0..1, of shape
    (n, h, w, 3), (n, 3, h, w), (n, h, w), (n, h, w, 1) or (n, 1, h, w). Optional: labels (``labels``, ``label``,
    ``y``, ``y_test``, ``test_labels`` or ``targets``; whole numbers, negative = none, or strings), ``class_names``,
    ``ids``; every other array with one entry an image becomes a target.

    Raises:
        ImagesError: for anything else.
    """
    arrays = _read(file)
    key = next((name for name in IMAGES if name in arrays), None)
    if key is None:
        raise _wrong(f"No array holds images (there are {', '.join(arrays)[:200]}).", file, f"Name it {IMAGES[0]!r}.")
    images, remarks = _pixels(arrays.pop(key), key, file)
    count = len(images)
    given = arrays.pop("class_names", None)
    ids = _ids(arrays.pop("ids", None), count, file)
    label_key = next((name for name in LABELS if name in arrays), None)
    targets: dict[str, Array] = {}
    class_names: tuple[str, ...] = ()
    if label_key is not None:
        targets["label"], class_names = _labels(arrays.pop(label_key), given, count, file)
    for name, values in arrays.items():
        if values.shape[:1] == (count,) and name not in targets:
            targets[name] = (
                strings([str(v) for v in values]) if values.dtype.kind == "U" and values.ndim == 1 else values
            )
        else:
            remarks.append(f"The array {name[:40]!r} has not one entry an image and was passed over.")
    return array_set(f"npz:{file}", images, ids, targets, class_names, tuple(remarks))


def _read(file: str) -> dict[str, Array]:
    way_out = "Give a .npz file written by numpy.savez, without pickled objects."
    try:
        with open(file, "rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise _wrong("The file holds a single array.", file, way_out)
            with archive:
                return {name: _native(archive[name]) for name in archive.files}
    except FileNotFoundError as error:
        raise _wrong("There is no such file.", file, "Give the path of a .npz file.") from error
    except _UNREADABLE as error:
        raise _wrong(f"The file cannot be read: {error}.", file, way_out) from error


def _native(values: Any) -> Array:
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biufUS":
        raise ValueError("it holds something else than arrays of numbers or strings")
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8", "replace")
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _pixels(values: Array, key: str, file: str) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], list[str]]:
    way_out = "Give uint8 (n, h, w, 3), (n, 3, h, w) or (n, h, w), or floats within 0..1."
    values = _channels_last(values, file, way_out)
    if min(values.shape) < 1:
        raise _wrong(f"The array {key!r} is empty: {values.shape}.", file, way_out)
    if values.dtype == np.uint8:
        return values, []
    if values.dtype.kind != "f":
        raise _wrong(f"The images are of type {values.dtype}.", file, way_out)
    rounded = np.empty(values.shape, np.uint8)
    for place, image in enumerate(values):  # one by one: no second array of floats
        if not (image.min() >= 0 and image.max() <= 1):  # also catches what is not a number
            raise _wrong(f"Image {place} has values outside 0..1 ({image.min()} to {image.max()}).", file, way_out)
        rounded[place] = np.rint(image * np.float32(255))
    return rounded, [f"The images, {values.dtype} in 0..1, were rounded to 8 bits."]


def _channels_last(values: Array, file: str, way_out: str) -> Array:
    shape = values.shape
    if len(shape) == 3:
        return values
    if len(shape) == 4:
        first, last = shape[1] in (1, 3), shape[3] in (1, 3)
        if first and last:
            raise _wrong(f"The shape {shape} does not say which axis holds the colours.", file, way_out)
        if first or last:
            values = np.moveaxis(values, 1, 3) if first else values
            return values[..., 0] if values.shape[3] == 1 else values
    raise _wrong(f"Images cannot have the shape {shape}.", file, way_out)


def _labels(values: Array, given: Array | None, count: int, file: str) -> tuple[Array, tuple[str, ...]]:
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if values.shape != (count,) or values.dtype.kind not in "iuU":
        problem = f"The labels are {values.dtype} of shape {values.shape}."
        raise _wrong(problem, file, f"Give {count} whole numbers or strings.")
    if values.dtype.kind == "U":
        return index_classes([str(value) for value in values])
    labels = np.maximum(values.astype(np.int64), -1)
    most = int(labels.max()) + 1
    if given is None:
        # padded with zeros, so that sorted by name they stay in order
        return labels, tuple(f"{number:0{len(str(most - 1))}d}" for number in _small(most, file))
    names = tuple(str(name) for name in given.ravel())
    if given.dtype.kind != "U" or len(names) < most or len(set(names)) < len(names):
        problem = f"class_names holds {len(names)} entries, the greatest label is {most - 1}."
        raise _wrong(problem, file, "Give one name, different from all others, for each label.")
    return labels, names


def _small(most: int, file: str) -> range:
    if most > 1_000_000:
        raise _wrong(f"The greatest label is {most - 1}.", file, "Labels are counted from 0.")
    return range(most)


def _ids(values: Array | None, count: int, file: str) -> Sequence[str]:
    if values is None:
        return NumberedIds("", np.arange(count), max(5, len(str(count - 1))))
    ids = tuple(str(value) for value in values.ravel())
    if len(ids) != count or len(set(ids)) < count or values.dtype.kind not in "iuU":
        raise _wrong(f"ids holds {len(set(ids))} different entries for {count} images.", file, "Give one an image.")
    return ids


def _wrong(problem: str, file: str, way_out: str) -> ImagesError:
    return ImagesError(problem, setting="--images", value=f"npz:{file}", way_out=way_out)
