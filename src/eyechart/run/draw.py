"""Drawing source views of images. Runs in decode workers, so it must not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.core.chance import generator
from eyechart.core.view import Frame, SourceView
from eyechart.errors import ImagesError
from eyechart.images.image_set import Source, UndecodableError
from eyechart.images.original import Original
from eyechart.models.preprocessing import Preprocessing

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Job:
    """Some images, and the source views wanted of each."""

    ids: tuple[str, ...]
    sources: tuple[Source, ...]
    views: tuple[SourceView, ...]
    preprocessing: Preprocessing
    seed: int


@dataclass(frozen=True)
class Drawn:
    """What a job gives.

    Attributes:
        frames: (views, n, h, w, c) uint8; black where an image or view could not be drawn.
        notes: per view, name -> (n,) float.
        valid: (views, n), False where a view cannot be drawn for an image.
        status, reason: (n,) ``ok``, ``converted`` or what was wrong; see UndecodableError.
    """

    frames: Array
    notes: tuple[dict[str, Array], ...]
    valid: Array
    status: tuple[str, ...]
    reason: tuple[str, ...]

    @property
    def examined(self) -> Array:
        """(n,) bool: the images that could be decoded."""
        return np.array([s in ("ok", "converted") for s in self.status], bool)


def draw(job: Job) -> Drawn:
    """Decode each image once and draw its views.

    Raises:
        ImagesError: an image failed in another way than by an UndecodableError.
    """
    height, width = job.preprocessing.size
    n, channels = len(job.ids), job.preprocessing.channels
    frames = np.zeros((len(job.views), n, height, width, channels), np.uint8)
    valid = np.zeros((len(job.views), n), bool)
    notes: list[list[dict[str, float]]] = [[{} for _ in range(n)] for _ in job.views]
    status, reason = ["ok"] * n, [""] * n
    for i, source in enumerate(job.sources):
        try:
            original = source.open()
        except UndecodableError as bad:
            status[i], reason[i] = bad.status, bad.reason
            continue
        except Exception as error:  # a defect of a user's own source
            raise ImagesError(
                f"The image could not be opened: {type(error).__name__}: {error}.",
                setting="image",
                value=job.ids[i],
                way_out="Mend its source, or let it raise UndecodableError for images that cannot be shown.",
            ) from error
        if original.remark:
            status[i], reason[i] = "converted", original.remark
        for v, view in enumerate(job.views):
            frame = _frame(view, original, job, i)
            valid[v, i] = frame.valid
            notes[v][i] = dict(frame.notes)
            picture = frame.picture.convert("L") if channels == 1 else frame.picture
            frames[v, i] = np.asarray(picture).reshape(height, width, channels)
    return Drawn(frames, tuple(_columns(rows) for rows in notes), valid, tuple(status), tuple(reason))


def _frame(view: SourceView, original: Original, job: Job, i: int) -> Frame:
    return view.frame(original, job.preprocessing, generator(job.seed, view.stream, job.ids[i]))


def _columns(rows: list[dict[str, float]]) -> dict[str, Array]:
    names = {name for row in rows for name in row}
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in sorted(names)}
