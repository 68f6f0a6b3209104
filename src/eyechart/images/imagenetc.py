"""``imagenetc:DIR``: pictures in ``<corruption>/<severity>/<class>/``, as in ImageNet-C (Hendrycks & Dietterich, 2019)."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from eyechart.images.corrupted import CLEAN, CORRUPTED, CORRUPTIONS, SEVERITIES, chosen, missing, nothing, strangers
from eyechart.images.fingerprint import Fingerprint
from eyechart.images.folder import FolderSet
from eyechart.images.ids import PathIds, printable
from eyechart.images.labels import strings
from eyechart.images.walk import walk

_WAY_OUT = (
    "Give the folder that holds gaussian_noise, shot_noise and so on, each with the folders 1 to 5, as in ImageNet-C."
)
ABOUT = "stimuli.json"  # left by ``eyechart stimuli`` beside pictures of its own making


@dataclass
class _Found:
    """What lies in the folders of corruptions and severities; ImageNet-C has 3.75 million pictures, so little is kept of each.

    Attributes:
        paths: from the set's folder, in order.
        sizes, labels, sources: of the files; numbers of classes (-1 = none) and test images are in the order of appearance.
        cells: (corruption, severity) -> how many pictures.
        classes: class folder -> its number.
        images: (number of the class, file name without ending) -> number of the test image.
        refused: place in ``paths`` -> (status, reason).
        passed_over: how many files are no images.
        made_here: how many of the folders ``eyechart stimuli`` has filled.
    """

    paths: list[str] = field(default_factory=list)
    sizes: array[int] = field(default_factory=lambda: array("q"))
    labels: array[int] = field(default_factory=lambda: array("q"))
    sources: array[int] = field(default_factory=lambda: array("q"))
    cells: dict[tuple[str, int], int] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=lambda: {"": -1})
    images: dict[tuple[int, str], int] = field(default_factory=dict)
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)
    passed_over: int = 0
    made_here: int = 0

    def add(self, below: str, path: str, size: int) -> None:
        """Take note of one file."""
        folder, _, name = path.rpartition("/")
        label = self.classes.setdefault(folder, len(self.classes) - 1)
        image = label, os.path.splitext(name)[0]
        self.paths.append(f"{below}/{path}")
        self.sizes.append(size)
        self.labels.append(label)
        self.sources.append(self.images.setdefault(image, len(self.images)))


def open_imagenetc(where: str) -> FolderSet:
    """List ``DIR``, or ``DIR#fog,frost`` for some corruptions alone.

    Targets: ``label`` by class folder; ``corruption``; ``severity``, 1 to 5; ``source``, a number for each test image: class
    and file name without ending are the same under all corruptions. Test images as they are may lie in ``clean/0/<class>/``:
    corruption ``clean``, severity 0.

    Raises:
        UnknownNameError: a corruption after ``#`` is none.
        ImagesError: there is no such folder, or it holds no corruption.
    """
    folder, names = chosen(where, "imagenetc")
    try:
        there = {entry.name for entry in os.scandir(folder) if entry.is_dir()}
    except (OSError, ValueError) as error:
        raise nothing("There is no such folder, or it cannot be listed.", "imagenetc", where, _WAY_OUT) from error
    found, odd = _Found(), [f"{name}/{one}" for name in names if name in there for one in _others(folder, name)]
    for name in names:
        for severity in (0,) if name == CLEAN else SEVERITIES:
            if os.path.isdir(os.path.join(folder, name, str(severity))):
                _list(folder, name, severity, found)
    if not any(severity for _, severity in found.cells):
        raise nothing("The folder holds no corrupted pictures.", "imagenetc", where, _WAY_OUT)
    odd += there - {*CORRUPTIONS, CLEAN}
    return _set(
        f"imagenetc:{where}", folder, found, (*_remarks(found, names), *strangers(odd, "folders are"), CORRUPTED)
    )


def _others(folder: str, name: str) -> Iterator[str]:
    """Folders of a corruption that are no severity."""
    known = {"0"} if name == CLEAN else {str(s) for s in SEVERITIES}
    with os.scandir(os.path.join(folder, name)) as entries:
        yield from (entry.name for entry in entries if entry.is_dir() and entry.name not in known)


def _list(folder: str, corruption: str, severity: int, found: _Found) -> None:
    """Add what lies below one corruption at one severity."""
    below, first = f"{corruption}/{severity}", len(found.paths)
    cell = walk(os.path.join(folder, below))
    for path, size in sorted([*cell.files, *((path, -1) for path in cell.refused)]):
        if size < 0:
            found.refused[len(found.paths)] = cell.refused[path]
        found.add(below, path, size)
    if len(found.paths) > first:
        found.cells[corruption, severity] = len(found.paths) - first
    made = _made_here(os.path.join(folder, below, ABOUT))
    found.made_here += made
    found.passed_over += max(0, cell.passed_over.total() - 2 * made)  # its account and its table


def _made_here(file: str) -> bool:
    """Whether a file says that pictures beside it come from ``eyechart stimuli``."""
    try:
        with open(file, encoding="utf-8") as stream:
            return "identity" in json.load(stream)
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _set(name: str, folder: str, found: _Found, remarks: tuple[str, ...]) -> FolderSet:
    known = sorted(set(found.classes) - {""})
    rank = np.array(
        [known.index(label) for label in list(found.classes)[1:]] + [-1], np.int64
    )  # the last one: no class
    cells, counts = list(found.cells), list(found.cells.values())
    targets = {
        "label": rank[np.array(found.labels, np.int64)],
        "corruption": np.repeat(strings([corruption for corruption, _ in cells]), counts),
        "severity": np.repeat(np.array([severity for _, severity in cells], np.int64), counts),
        "source": np.array(found.sources, np.int64),
    }
    class_names = tuple(printable(label) for label in known)
    mark = Fingerprint("corrupted folders")
    mark.texts(f"{size} {path}" for path, size in zip(found.paths, found.sizes, strict=True))
    mark.targets({"label": targets["label"]}, class_names)
    return FolderSet(
        name=name,
        ids=PathIds(found.paths),
        targets=targets,
        class_names=class_names,
        fingerprint=mark.hex(),
        remarks=remarks,
        root=os.path.abspath(folder),
        refused=found.refused,
    )


def _remarks(found: _Found, names: Sequence[str]) -> Iterator[str]:
    yield from missing(found.cells, names)
    if found.made_here:
        yield (
            "Pictures here were made by eyechart stimuli: this is a -C-like set, not the published files, and the two do not "
            "belong in one table."
        )
    if found.passed_over:
        yield f"{found.passed_over:,} files that are not images were passed over."
