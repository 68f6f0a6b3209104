"""Drawing source views of images. Runs in decode workers, so it must not import torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from eyechart.core.chance import generator
from eyechart.core.view import Frame, SourceView
from eyechart.errors import ImagesError
from eyechart.images.image_set import Source, UndecodableError
from eyechart.images.original import Original
from eyechart.images.sources import RefusedSource
from eyechart.models.preprocessing import Preprocessing

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Companion:
    """The image that stands beside another: its id, source, label (the model's output number) and place in the order."""

    id: str
    source: Source
    label: int
    position: int

    @property
    def notes(self) -> dict[str, float]:
        """What frames of it are noted with."""
        return {"partner_label": self.label, "partner_position": self.position}


@dataclass(frozen=True)
class Job:
    """Some images, the source views wanted of each, and, by the partner's number, whoever stands beside each."""

    ids: tuple[str, ...]
    sources: tuple[Source, ...]
    views: tuple[SourceView, ...]
    preprocessing: Preprocessing
    seed: int
    beside: Mapping[int, tuple[Companion, ...]] = field(default_factory=dict)

    def part(self, some: slice) -> Job:
        """The job for some of the images."""
        beside = {number: companions[some] for number, companions in self.beside.items()}
        return replace(self, ids=self.ids[some], sources=self.sources[some], beside=beside)

    def without_partners(self, numbers: Collection[int], status: str, reason: str) -> Job:
        """The job with some of the partners not to be opened, for the reason given."""
        refused = RefusedSource(status, reason)
        lost = {n: tuple(replace(c, source=refused) for c in self.beside[n]) for n in numbers}
        return replace(self, beside={**self.beside, **lost})


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
            original = _opened(source, job.ids[i])
        except UndecodableError as bad:
            status[i], reason[i] = bad.status, bad.reason
            continue
        if original.remark:
            status[i], reason[i] = "converted", original.remark
        originals: dict[int | None, Original | None] = {None: original}
        for v, view in enumerate(job.views):
            frame = _frame(view, originals, job, i)
            valid[v, i] = frame.valid
            notes[v][i] = dict(frame.notes)
            picture = frame.picture.convert("L") if channels == 1 else frame.picture
            frames[v, i] = np.asarray(picture).reshape(height, width, channels)
    return Drawn(frames, tuple(_columns(rows) for rows in notes), valid, tuple(status), tuple(reason))


def _opened(source: Source, name: str) -> Original:
    """The decoded image. Raises UndecodableError, and ImagesError for whatever else goes wrong."""
    try:
        return source.open()
    except UndecodableError:
        raise
    except Exception as error:  # a defect of a user's own source
        raise ImagesError(
            f"The image could not be opened: {type(error).__name__}: {error}.",
            setting="image",
            value=name,
            way_out="Mend its source, or let it raise UndecodableError for images that cannot be shown.",
        ) from error


def _frame(view: SourceView, originals: dict[int | None, Original | None], job: Job, i: int) -> Frame:
    """What the view shows of image i, or of its partner; ``originals`` remembers, by partner, what has been opened."""
    companion = None if view.partner is None else job.beside[view.partner][i]
    if companion is not None and view.partner not in originals:
        originals[view.partner] = _openable(companion)
    original, about = originals[view.partner], {} if companion is None else companion.notes
    if original is None:
        return Frame(Image.new("RGB", job.preprocessing.size[::-1]), about, valid=False)
    frame = view.frame(original, job.preprocessing, generator(job.seed, view.stream, job.ids[i]))
    return replace(frame, notes={**frame.notes, **about}) if about else frame


def _openable(companion: Companion) -> Original | None:
    """A partner's original, or None: the image itself is examined all the same."""
    try:
        return _opened(companion.source, companion.id)
    except UndecodableError:
        return None


def _columns(rows: list[dict[str, float]]) -> dict[str, Array]:
    names = {name for row in rows for name in row}
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in sorted(names)}
