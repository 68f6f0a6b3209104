"""Images in class folders (``DIR/<class>/**/file``), or in a flat folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.errors import ImagesError
from eyechart.images.fingerprint import Fingerprint
from eyechart.images.ids import PathIds, printable
from eyechart.images.image_set import ImageSet, Source
from eyechart.images.sources import FileSource, RefusedSource
from eyechart.images.walk import Found, walk

_WAY_OUT = "Give a folder of images, npz:FILE, cifar10:DIR, parquet:GLOB or demo."

Labels = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, eq=False, kw_only=True)
class FolderSet(ImageSet):
    """Images below a folder, sorted by relative posix path, which is also their id.

    Attributes:
        root: absolute path of the folder.
        refused: place -> (status, reason) of entries that are counted but not read, such as links out of the folder.
    """

    ids: PathIds
    root: str
    refused: Mapping[int, tuple[str, str]]

    def source(self, index: int) -> Source:
        """The file, or why it is not read."""
        if index in self.refused:
            return RefusedSource(*self.refused[index])
        return FileSource(os.path.join(self.root, self.ids.path(index)))


def open_folder(folder: str, *, labelled: bool = True, name: str = "") -> FolderSet:
    """List the images below ``folder``.

    Args:
        folder: path of the folder.
        labelled: take the folders directly below as the classes; without any, the set has no labels.
        name: of the set, if not the path.

    Raises:
        ImagesError: where the folder is missing, cannot be listed, or holds no images.
    """
    found = _walked(folder)
    rows = _rows(found)
    ids = PathIds(path for path, _ in rows)
    refused = {place: found.refused[path] for place, (path, size) in enumerate(rows) if size < 0}
    remarks = _passed_over(found.passed_over)
    targets: dict[str, np.ndarray[Any, Any]] = {}
    class_names: tuple[str, ...] = ()
    if labelled:
        labels, class_names, more = _by_folder(rows, found.folders)
        targets = {} if labels is None else {"label": labels}
        remarks += more
    mark = Fingerprint("folder")
    mark.texts(f"{size} {path}" for path, size in rows)
    mark.targets(targets, class_names)
    return FolderSet(
        name=name or folder,
        ids=ids,
        targets=targets,
        class_names=class_names,
        fingerprint=mark.hex(),
        remarks=remarks,
        root=os.path.abspath(folder),
        refused=refused,
    )


def _walked(folder: str) -> Found:
    try:
        found = walk(folder)
    except (OSError, ValueError) as error:
        problem = "The image folder cannot be listed."
        if isinstance(error, FileNotFoundError):
            problem = "There is no such image folder."
        elif isinstance(error, NotADirectoryError):
            problem = "The images are not a folder."
        raise _wrong(problem, folder, _WAY_OUT) from error
    if not found.files and not found.refused:
        seen = ", ".join(f"{count} {kind}" for kind, count in found.passed_over.most_common(5)) or "nothing at all"
        raise _wrong(
            f"The folder holds no images (it holds {seen}).", folder, "Give a folder with image files below it."
        )
    return found


def _rows(found: Found) -> list[tuple[str, int]]:
    rows = found.files + [(path, -1) for path in found.refused]
    rows.sort()
    return rows


def _by_folder(
    rows: list[tuple[str, int]], folders: list[str]
) -> tuple[Labels | None, tuple[str, ...], tuple[str, ...]]:
    tops = [path.partition("/")[0] if "/" in path else "" for path, _ in rows]
    classes = sorted(set(tops) - {""})
    if not classes:
        return None, (), ("No class folders: the images have no labels. Give --labels to name them.",)
    place = {"": -1} | {top: index for index, top in enumerate(classes)}
    labels = np.fromiter((place[top] for top in tops), dtype=np.int64, count=len(tops))
    remarks = []
    if loose := int((labels < 0).sum()):
        remarks.append(f"{loose} entries lie beside the class folders and have no label.")
    if empty := len(set(folders) - set(classes)):
        remarks.append(f"{empty} folders without images are not taken as classes.")
    if len(classes) == 1:
        remarks.append("There is one class folder only; if the classes lie deeper, give the folder that holds them.")
    return labels, tuple(printable(name) for name in classes), tuple(remarks)


def _passed_over(kinds: Counter[str]) -> tuple[str, ...]:
    if not kinds:
        return ()
    listed = ", ".join(f"{count} {printable(kind)[:40]}" for kind, count in sorted(kinds.items())[:8])
    more = f", {len(kinds) - 8} more kinds" if len(kinds) > 8 else ""
    count = kinds.total()
    what = "1 file that is not an image was" if count == 1 else f"{count:,} files that are not images were"
    return (f"{what} passed over ({listed}{more}).",)


def _wrong(problem: str, folder: str, way_out: str) -> ImagesError:
    return ImagesError(problem, setting="--images", value=printable(folder), way_out=way_out)
