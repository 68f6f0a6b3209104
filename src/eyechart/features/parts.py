"""Finished pieces of a gallery as files: named after all that decides them, so that the same command goes on."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from eyechart.store.folder import Folder

Array = np.ndarray[Any, Any]
PARTS = "parts"


class Parts:
    """Arrays of some channels of a layer, one file a chunk.

    Args:
        folder: of the gallery.
        decided_by: all that decides what is in a part, but the channels; plain data.
    """

    def __init__(self, folder: Folder, decided_by: Mapping[str, Any]) -> None:
        text = json.dumps(decided_by, sort_keys=True)
        self._folder, self._under = folder, f"{PARTS}/{blake2b(text.encode(), digest_size=8).hexdigest()}"

    def find(self, channels: Sequence[int]) -> dict[str, Array] | None:
        """The part of these channels, if it is finished and whole."""
        data = self._folder.read(self._name(channels))
        if data is None:
            return None
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as held:
                return {name: held[name] for name in held.files}
        except (ValueError, OSError, EOFError, KeyError):  # damaged: it is made again
            return None

    def keep(self, channels: Sequence[int], part: Mapping[str, Array]) -> None:
        """Write it whole."""
        file = io.BytesIO()
        np.savez_compressed(file, **{name: np.asarray(value) for name, value in part.items()})
        self._folder.write(self._name(channels), file.getvalue())

    def _name(self, channels: Sequence[int]) -> str:
        numbers = ",".join(map(str, channels))
        return f"{self._under}/{channels[0]}-{blake2b(numbers.encode(), digest_size=6).hexdigest()}.npz"
