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
from safetensors.torch import load_file

from eyechart.errors import SettingError

Array = np.ndarray[Any, Any]
SETTING = "--direction"
WAY_OUT = "Give .npz, .npy or .safetensors with arrays of one number a channel, or of one row a direction."
MOST = 256


def read_directions(path: str | Path) -> dict[str, Array]:
    """Directions of length 1 by name: each array (channels,) under its own, each row of an array (n, channels) with its number.

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
        found |= {key: row.astype(np.float64) for key, row in rows.items()}
    for name, row in found.items():
        if not np.isfinite(row).all() or not row.any():
            raise _refused(f"The direction {name} has no length, or numbers that are not finite", path)
    if not 0 < len(found) <= MOST:
        raise _refused(f"The file holds {len(found)} directions, and not 1 to {MOST}", path)
    return {name: _unit(row) for name, row in found.items()}


def check_fit(directions: Mapping[str, Array], layer: str, channels: int) -> None:
    """Raises SettingError if a direction has not one number for each channel of a layer."""
    for name, row in directions.items():
        if len(row) != channels:
            problem = f"The direction has {len(row)} numbers, and {layer} has {channels} channels."
            turned = "Turn the array, since a direction is one row. " if len(row) == 1 else ""
            way_out = f"{turned}Name the layer that it is of with --layer, and leave out arrays that are no directions."
            raise SettingError(problem, setting=f"{SETTING}, array", value=name, way_out=way_out)


def _arrays(path: Path) -> dict[str, Array]:
    try:
        if path.suffix == ".safetensors":
            return {name: tensor.float().numpy() for name, tensor in load_file(path).items()}
        held = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        if isinstance(held, np.ndarray):
            return {path.stem: held}
        with held:
            found = {name: held[name] for name in held.files}
        if not all(isinstance(array, np.ndarray) for array in found.values()):
            raise ValueError("it holds more than arrays, as files of torch.save() do; save its tensors as .safetensors")
        return found
    except (OSError, ValueError, EOFError, TypeError, SafetensorError, BadZipFile, BadStreamError) as error:
        why = "it holds no arrays of numbers" if "allow_pickle" in str(error) else str(error).rstrip(".")
        raise _refused(f"The file cannot be read: {why}", path) from error


def _unit(row: Array) -> Array:
    """At length 1, whatever the numbers' size: a direction has no other."""
    near = row / np.abs(row).max()  # whose square neither overflows nor vanishes
    found: Array = (near / np.linalg.norm(near)).astype(np.float32)
    return found


def _refused(problem: str, path: str | Path) -> SettingError:
    return SettingError(f"{problem}.", setting=SETTING, value=str(path), way_out=WAY_OUT)
