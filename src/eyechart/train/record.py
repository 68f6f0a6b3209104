"""What a folder's training is, ``training.json``: no other training takes its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from eyechart.errors import IdentityError, RunFolderError
from eyechart.store.folder import Folder
from eyechart.train import checkpoint

SCHEMA = 1
FILE = "training.json"
WEIGHTS = "model.safetensors"


class Record:
    """The record of a training folder.

    Args:
        folder: of the training.
        identity: of the training, as its checkpoints bear it.
        about: plain data that says what the training is, compared with what stands there.

    Raises:
        IdentityError: the folder holds another training, finished or not, or a model that is not of this one.
        RunFolderError: the record is damaged.
    """

    def __init__(self, folder: Folder, identity: str, about: Mapping[str, Any]) -> None:
        self._folder = folder
        self._about: dict[str, Any] = json.loads(json.dumps(dict(about)))  # tuples as lists, as they are read again
        found = folder.read_json(FILE)
        self.new = found is None
        if found is None:
            self._refuse_foreign(identity)
        elif not isinstance(found, dict) or not isinstance(found.get("about"), dict):
            way_out = f"Remove {FILE} and give the same command again, or choose another folder with --out."
            raise RunFolderError(f"{FILE} is damaged.", setting="--out", value=folder.root, way_out=way_out)
        elif found["about"] != self._about:
            raise self._other(f": {difference(found['about'], self._about)}")

    def write(self, **more: Any) -> None:
        """Take the folder; ``more``: what else is to be known of the training, for the page."""
        self._folder.write_json(FILE, {"schema": SCHEMA, "about": self._about, **more})

    def release(self) -> None:
        """Leave the folder to others, if nothing of this training is kept there."""
        if self.new and not checkpoint.epochs_kept(self._folder) and not self._folder.names("watch"):
            self._folder.remove(FILE)

    def _refuse_foreign(self, identity: str) -> None:
        """Folders of before there was a record, and models of another origin."""
        kept = checkpoint.identities(self._folder)
        if identity not in kept and (kept or self._folder.read(WEIGHTS) is not None):
            raise self._other("" if kept else f", or a model of another origin ({WEIGHTS})")

    def _other(self, how: str) -> IdentityError:
        epochs = checkpoint.epochs_kept(self._folder)
        more = "" if epochs or self.new else f", or remove {FILE} from this one if nothing is running there"
        return IdentityError(
            f"The folder holds another training{how}. It was left as it is.",
            setting="--out",
            value=self._folder.root,
            way_out=f"Choose another folder with --out{more}; the former settings would go on with it.",
        )


def remarks(folder: Folder) -> list[str]:
    """What was to be known of the training in a folder; nothing where there is no record."""
    return list((folder.read_json(FILE) or {}).get("remarks", []))


def difference(theirs: Any, mine: Any) -> str:
    """The first place in which two plain values differ.

    >>> difference({"seed": 0, "recipe": {"lr": 0.1}}, {"seed": 0, "recipe": {"lr": 0.2}})
    'recipe lr 0.1 there, 0.2 now'
    """
    if isinstance(theirs, Mapping) and isinstance(mine, Mapping):
        key = next(key for key in {**theirs, **mine} if theirs.get(key) != mine.get(key))
        return f"{key} {difference(theirs.get(key), mine.get(key))}"
    there, now = (json.dumps(one, ensure_ascii=False) for one in (theirs, mine))
    return f"{there[:120]} there, {now[:120]} now"
