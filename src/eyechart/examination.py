"""The Python interface: examine models on images, open runs, write reports."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from eyechart.core.catalogue import SUITES, make_exams
from eyechart.core.exam import Exam
from eyechart.core.view import Precision
from eyechart.errors import SettingError
from eyechart.images.image_set import ImageSet
from eyechart.images.load import load_images
from eyechart.models.image_model import ImageModel
from eyechart.models.load import load_model
from eyechart.report.run_page import write_report
from eyechart.run.options import RunOptions
from eyechart.run.provenance import command_line
from eyechart.run.reporter import Reporter, Silent
from eyechart.run.session import Session
from eyechart.store.folder import Folder
from eyechart.store.run_folder import Run

__all__ = ["exam_names", "examine", "open_run", "write_report"]


def examine(
    model: ImageModel | str | Sequence[ImageModel],
    images: ImageSet | str,
    exams: Sequence[str | Exam] | str = "standard",
    *,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    out: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    batch_size: int | Literal["auto"] = "auto",
    workers: int | Literal["auto"] = "auto",
    max_bad: int = 0,
    classes: Literal["auto", "sorted"] = "auto",
    precision: Precision = "float32",
    training: ImageSet | str | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """Examine a model on images. Asked again with the same ``out``, it goes on where it stopped.

    Args:
        model: from ``load_model`` or ``wrap``, a name that ``load_model`` takes alone, or several models.
        images: from ``load_images``, or a name that it takes alone.
        exams: names, exams with settings, or a suite (``quick``, ``standard``, ``full``).
        settings: exam name -> setting -> value.
        out: run folder, local or an fsspec URL; a new temporary folder if None.
        limit, seed, batch_size, workers, max_bad, precision: see ``RunOptions``.
        classes: how image classes are matched with outputs: by name or wnid, or (``sorted``) by their sorted order.
        training: images that the model was fitted to, for exams that compare with them (``clean``, ``bands``,
            ``partial_invariance``).
        reporter: told how the run goes.

    Returns:
        The run. Its report is not written yet: see ``write_report``.

    Raises:
        EyechartError: one of its kinds, each with setting, value and way out. BadImagesError comes after everything that
            could be measured has been written.
    """
    models = (
        [load_model(model)] if isinstance(model, str) else [model] if isinstance(model, ImageModel) else list(model)
    )
    folder = Folder(out if out is not None else tempfile.mkdtemp(prefix="eyechart-"))
    session = Session(
        models=models,
        images=load_images(images) if isinstance(images, str) else images,
        exams=_exams(exams, settings or {}),
        folder=folder,
        options=RunOptions.of(
            limit=limit, seed=seed, batch_size=batch_size, workers=workers, max_bad=max_bad, precision=precision
        ),
        reporter=reporter or Silent(),
        classes=classes,
        command=command_line(),
        training=load_images(training) if isinstance(training, str) else training,
    )
    session.run()
    return open_run(folder.root)


def open_run(path: str | Path) -> Run:
    """Open a run folder for reading. Raises RunFolderError."""
    return Run(path)


def exam_names(exams: str | None, suite: str) -> list[str]:
    """Names of the exams asked for: a comma-separated list, or a suite."""
    if exams is not None:
        return [name.strip() for name in exams.split(",") if name.strip()]
    if suite not in SUITES:
        raise SettingError("Unknown suite.", setting="--suite", value=suite, way_out=f"Known: {', '.join(SUITES)}.")
    return list(SUITES[suite])


def _exams(exams: Sequence[str | Exam] | str, settings: Mapping[str, Mapping[str, Any]]) -> list[Exam]:
    if isinstance(exams, str):
        names = exam_names(None if exams in SUITES else exams, exams)
        return make_exams(names, settings)
    named = make_exams([e for e in exams if isinstance(e, str)], settings)
    return [*named, *(e for e in exams if isinstance(e, Exam))]
