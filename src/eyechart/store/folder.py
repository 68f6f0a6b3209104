"""A run folder, local or at an fsspec URL."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import fsspec

from eyechart.errors import RunFolderError


class Folder:
    """Named byte strings under one root. Names use ``/``.

    Raises:
        RunFolderError: where the root cannot be reached, read or written.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = str(root)
        try:
            self._fs, self._path = fsspec.core.url_to_fs(self.root)
        except (ImportError, ValueError) as error:
            raise self._cannot("opened", error) from error
        self.local = Path(self._path) if "file" in _protocols(self._fs) else None

    def check_writable(self) -> None:
        """Fail now rather than after the first shard; leaves nothing behind. Raises RunFolderError."""
        if self.local is None:
            self.write(".writable", b"")
            self.remove(".writable")
            return
        there = next(path for path in (self.local, *self.local.parents) if path.exists())
        if not there.is_dir():
            raise self._cannot("written", NotADirectoryError(f"{there} is not a folder"))
        if not os.access(there, os.W_OK | os.X_OK):
            raise self._cannot("written", PermissionError(f"{there} is not writable"))

    def write(self, name: str, data: bytes) -> None:
        """Write whole: a reader sees the old content or the new, never a part."""
        try:
            if self.local is not None:
                _replace(self.local / name, data)
            else:
                self._fs.pipe_file(f"{self._path}/{name}", data)
        except OSError as error:
            raise self._cannot("written", error) from error

    def read(self, name: str) -> bytes | None:
        """The content, or None if there is no such file."""
        try:
            content = self._fs.cat_file(f"{self._path}/{name}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._cannot("read", error) from error
        return bytes(content)

    def names(self, under: str) -> list[str]:
        """Names of the files directly in the subfolder ``under``, sorted."""
        try:
            self._fs.invalidate_cache()
            found = self._fs.ls(f"{self._path}/{under}", detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._cannot("read", error) from error
        return sorted(str(path).replace(os.sep, "/").rsplit("/", 1)[-1] for path in found)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        try:
            self._fs.rm_file(f"{self._path}/{name}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._cannot("written", error) from error

    def write_json(self, name: str, value: Any) -> None:
        """Write plain data as JSON; NaN is an error."""
        self.write(name, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())

    def read_json(self, name: str) -> Any:
        """Plain data, or None if there is no such file. Raises RunFolderError if it is not JSON."""
        data = self.read(name)
        if data is None:
            return None
        try:
            return json.loads(data)
        except ValueError as error:
            raise RunFolderError(
                f"{name} is damaged: {error}.",
                setting="run folder",
                value=self.root,
                way_out=f"Remove {name} and give the same command again, or choose another folder.",
            ) from error

    def _cannot(self, done: str, error: BaseException) -> RunFolderError:
        way_out = "Choose another folder with --out, or mend its permissions and free space."
        return RunFolderError(
            f"The run folder cannot be {done}: {error}.", setting="--out", value=self.root, way_out=way_out
        )


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
