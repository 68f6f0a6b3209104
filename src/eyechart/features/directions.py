"""Directions among the channels of a layer, from a file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zlib import error as BadStreamError

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from eyechart.errors import SettingError

Array = np.ndarray[Any, Any]
SETTING = "--direction"
WAY_OUT = "Give .npz, .npy or .safetensors with arrays of one number a channel, or of one row a direction."
MOST = 256


def read_directions(path: str | Path) -> dict[str, Array]:
    """Directions by name: each array (channels,) under its own, each row of an array (n, channels) with its number.

    Args:
        path: ``.npz`` or ``.safetensors``, or ``.npy``, whose array bears the file's name.

    Raises:
        SettingError: the file cannot be read, or holds no directions: numbers that are not finite, all zero, or no numbers.
    """
    found: dict[str, Array] = {}
    for name, array in _arrays(Path(path)).items():
        if array.ndim not in (1, 2) or array.dtype.kind not in "fiu" or not array.size:
            raise _refused(f"The array {name} is no direction", path)
        rows = {name: array} if array.ndim == 1 else {f"{name}[{i}]": row for i, row in enumerate(array)}
        found |= {key: row.astype(np.float32) for key, row in rows.items()}
    for name, row in found.items():
        if not np.isfinite(row).all() or not row.any():
            raise _refused(f"The direction {name} has no length, or numbers that are not finite", path)
    if not 0 < len(found) <= MOST:
        raise _refused(f"The file holds {len(found)} directions, and not 1 to {MOST}", path)
    return found


def check_fit(directions: Mapping[str, Array], layer: str, channels: int) -> None:
    """Raises SettingError if a direction has not one number for each channel of a layer."""
    for name, row in directions.items():
        if len(row) != channels:
            problem = f"The direction has {len(row)} numbers, and {layer} has {channels} channels."
            way_out = "Name the layer that it is of with --layer."
            raise SettingError(problem, setting=SETTING, value=name, way_out=way_out)


def _arrays(path: Path) -> dict[str, Array]:
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        held = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        if isinstance(held, np.ndarray):
            return {path.stem: held}
        with held:
            found = {name: held[name] for name in held.files}
        if not all(isinstance(array, np.ndarray) for array in found.values()):
            raise ValueError("it holds more than arrays, as files of torch.save() do; save its tensors as .safetensors")
        return found
    except (OSError, ValueError, EOFError, TypeError, SafetensorError, BadZipFile, BadStreamError) as error:
        raise _refused(f"The file cannot be read: {str(error).rstrip('.')}", path) from error


def _refused(problem: str, path: str | Path) -> SettingError:
    return SettingError(f"{problem}.", setting=SETTING, value=str(path), way_out=WAY_OUT)
