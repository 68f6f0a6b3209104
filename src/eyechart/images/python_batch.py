"""Read CIFAR's official python batches, which are pickles, without letting them run anything.

Only four names can be looked up in the pickle, and each is answered by an inert stand-in of ours: nothing of numpy's
own unpickling is reached either.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, Never

import numpy as np

from eyechart.errors import ImagesError, TrustError

_WAY_OUT = "Unpack the official cifar-10-python.tar.gz again."
_BYTES = 32 * 32 * 3

Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def read_batch(file: Path) -> tuple[Bytes, Bytes]:
    """Images (n, 32, 32, 3) and labels (n,) of one batch.

    Raises:
        TrustError: for a pickle that asks for anything but an array.
        ImagesError: for a file that is broken, or is not such a batch.
    """
    content = _unpickled(file)
    entries = {_text(key): value for key, value in content.items()} if isinstance(content, dict) else {}
    pixels, labels = entries.get("data"), entries.get("labels")
    if not isinstance(pixels, _Array) or not isinstance(labels, list):
        raise _wrong("The file holds no CIFAR-10 batch.", file)
    try:
        values, places = pixels.bytes(), np.array(labels, dtype=np.uint8)
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong(f"The batch is broken: {error}.", file) from error
    if values.shape != (len(labels), _BYTES) or places.ndim != 1 or not len(labels) or places.max() > 9:
        raise _wrong(f"The batch holds {len(labels)} labels for an array {values.shape}.", file)
    return values.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), places


def _unpickled(file: Path) -> Any:
    try:
        with open(file, "rb") as stream:
            return _Inert(io.BytesIO(stream.read()), encoding="bytes").load()
    except _RefusedError as error:
        raise TrustError(
            f"The file {file.name} would run code on loading: it asks for {error}.",
            setting="--images",
            value=f"cifar10:{file}",
            way_out=f"It is no official batch; do not use it. {_WAY_OUT}",
        ) from error
    except Exception as error:  # a broken pickle raises nearly every type there is
        raise _wrong(f"The file cannot be read: {type(error).__name__}: {error}.", file) from error


class _RefusedError(Exception):
    """The pickle asks for something that is not on the list."""


class _Dtype:
    """Stands for numpy.dtype."""

    def __init__(self, code: Any = "", *flags: Any) -> None:
        self.code = _text(code)

    def __setstate__(self, state: Any) -> None:
        """Byte order and the like, which do not matter for single bytes."""


class _Array:
    """Stands for numpy.ndarray: keeps what the pickle says of it."""

    state: tuple[Any, ...] = ()

    def __setstate__(self, state: Any) -> None:
        self.state = tuple(state)

    def bytes(self) -> Bytes:
        """The array. Raises TypeError or ValueError unless it is one of uint8 whose size fits."""
        _, shape, dtype, by_columns, data = self.state
        if not isinstance(dtype, _Dtype) or dtype.code != "u1" or not isinstance(data, bytes):
            raise TypeError("its array is not uint8")
        return np.frombuffer(data, np.uint8).reshape(shape, order="F" if by_columns else "C")


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _encode(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or _text(encoding) not in ("latin1", "latin-1"):
        raise _RefusedError("an encoding that is not latin1")
    return text.encode("latin-1")  # how protocol 2 of Python 3 writes bytes


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _Inert(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise _RefusedError(f"{module}.{name}"[:200])
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Never:
        raise _RefusedError("an object outside the file")


def _text(value: Any) -> str:
    """A name in the pickle. Nothing else is turned into text: of nested tuples, that could take for ever."""
    return value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def _wrong(problem: str, file: Path) -> ImagesError:
    return ImagesError(problem, setting="--images", value=f"cifar10:{file}", way_out=_WAY_OUT)
