"""Finished pieces of a gallery as files: named after all that decides them, so that the same command goes on."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any
from zipfile import BadZipFile
from zlib import error as BadStreamError

import numpy as np

from eyechart.features.mosaic import Mosaic
from eyechart.store.folder import Folder

Array = np.ndarray[Any, Any]
PARTS = "parts"


class Parts:
    """Arrays by name, one file each.

    Args:
        folder: of the gallery.
        decided_by: all that decides what is in a part, but its name; plain data.
    """

    def __init__(self, folder: Folder, decided_by: Mapping[str, Any]) -> None:
        text = json.dumps(decided_by, sort_keys=True)
        self._folder, self._under = folder, f"{PARTS}/{blake2b(text.encode(), digest_size=8).hexdigest()}"

    def named(self, name: str, make: Callable[[], Mapping[str, Array]]) -> Mapping[str, Array]:
        """Arrays of this name that are there, or made now."""
        file = f"{self._under}/named-{blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=6).hexdigest()}.npz"
        held: Mapping[str, Array] | None = self._read(file)
        if held is None:
            held = make()
            self._write(file, held)
        return held

    def mosaic(self, name: str, make: Callable[[], Mosaic]) -> Mosaic:
        """A mosaic that is there, or made now."""

        def arrays() -> dict[str, Array]:
            made = make()
            return {"picture": made.picture, "strength": made.strength, "told": np.array([made.told, name])}

        held = self.named(name, arrays)
        return Mosaic(held["picture"], held["strength"], str(held["told"][0]), name)

    def _read(self, file: str) -> dict[str, Array] | None:
        data = self._folder.read(file)
        if data is None:
            return None
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as held:
                return {name: held[name] for name in held.files}
        except (ValueError, OSError, EOFError, KeyError, BadZipFile, BadStreamError):  # damaged: it is made again
            return None

    def _write(self, file: str, part: Mapping[str, Array]) -> None:
        data = io.BytesIO()
        np.savez_compressed(data, allow_pickle=False, **{name: np.asarray(value) for name, value in part.items()})
        self._folder.write(file, data.getvalue())
