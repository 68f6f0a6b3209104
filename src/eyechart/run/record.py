"""The run's record, ``run.json``: what was examined, how, with what and where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from eyechart.core.exam import Exam
from eyechart.errors import RunFolderError
from eyechart.images.image_set import ImageSet
from eyechart.models.image_model import ImageModel
from eyechart.run.identity import compare
from eyechart.run.plan import exam_key
from eyechart.store.folder import Folder

SCHEMA = 1
RECORD = "run.json"


class Record:
    """The record of a run folder, new or found.

    What a command sets out to do stands under ``begun`` until it is done, and then takes the place of what stood there:
    the record of a finished run stays true while it is being extended.

    Attributes:
        new: nothing stands in the folder yet.
        slots: folder names of the models, in order; empty for a new run.

    Raises:
        RunFolderError: the record is damaged.
        IdentityError: the folder holds another run; says in what they differ.
    """

    def __init__(self, folder: Folder, identity: Mapping[str, Any]) -> None:
        self._folder = folder
        found = folder.read_json(RECORD)
        if found is not None and (not isinstance(found, dict) or not isinstance(found.get("identity"), dict)):
            way_out = f"Remove {RECORD} and give the same command again, or choose another folder with --out."
            raise RunFolderError(f"{RECORD} is damaged.", setting="--out", value=folder.root, way_out=way_out)
        if found:
            compare(found["identity"], identity, folder.root)
        self._stored: dict[str, Any] = found or {"schema": SCHEMA, "identity": dict(identity), "started": now()}
        self.new = not found
        self.slots: list[str] = self._stored.get("slots", [])

    @property
    def limit(self) -> int:
        """Images that the run has finished, 0 if it has not."""
        return int(self._stored.get("limit", 0))

    @property
    def training(self) -> Mapping[str, Any]:
        """The training images beside those examined, as recorded; empty if there were none."""
        return dict(self._stored.get("training", {}))

    @property
    def exams(self) -> Mapping[str, Mapping[str, Any]]:
        """Exams that the run has finished, with version, key and settings."""
        return dict(self._stored.get("exams", {}))

    def begin(self, state: Mapping[str, Any]) -> None:
        """Write down what is about to be done."""
        self._stored |= {"slots": self.slots, "begun": {"at": now(), **state}}
        self._folder.write_json(RECORD, self._stored)

    def end(self, state: Mapping[str, Any]) -> None:
        """It is done."""
        self._stored.pop("begun", None)
        self._stored.pop("training", None)  # they take part only where they are given
        self._stored |= {"ended": now(), **state, "exams": {**self.exams, **state["exams"]}}
        self._folder.write_json(RECORD, self._stored)


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def about_exam(exam: Exam, identity: str) -> dict[str, Any]:
    """An exam, as recorded."""
    return {"version": exam.version, "key": exam_key(exam, 0, identity), "settings": exam.model_dump(mode="json")}


def about_images(images: ImageSet) -> dict[str, Any]:
    """The images, as recorded."""
    return {
        "name": images.name,
        "n": len(images),
        "classes": len(images.class_names),
        "exif": "orientation is not applied, as in torchvision and timm evaluation",
        "remarks": list(images.remarks),
    }


def about_model(slot: str, classes: list[str], model: ImageModel) -> dict[str, Any]:
    """A model, as recorded; ``classes``: how the images' classes were matched with its outputs."""
    return {
        "slot": slot,
        "classes": classes,
        "name": model.name,
        "fingerprint": model.fingerprint,
        "outputs": model.outputs,
        "n_outputs": model.n_outputs,
        "class_names": list(model.class_names),
        "preprocessing": model.preprocessing.to_dict(),
        "device": str(model.device),
        "remarks": list(model.remarks),
        "source": dict(model.source),
    }
