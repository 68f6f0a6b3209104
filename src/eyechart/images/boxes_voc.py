"""Boxes from Pascal VOC XML files, one an image.

The files are read by expat alone, and one with a document type is refused: that is where entities are declared, which may
name other files or grow without end.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from xml.parsers import expat

from eyechart.images.annotated import Annotated, wrong

LARGEST = 16 << 20  # bytes of one file: an image's annotations take some thousand
DEEPEST = 64
SIDES = ("xmin", "ymin", "xmax", "ymax")
OBJECT, BOX, SIZE = ("annotation", "object"), ("annotation", "object", "bndbox"), ("annotation", "size")


class _UnfitError(Exception):
    """Why a file is not read."""


def voc_images(path: str, left_out: Counter[str]) -> Iterator[Annotated]:
    """The images of one file, or of all .xml files below a folder, in the order of their names.

    Raises:
        ImagesError: the folder cannot be listed or has no such file.
    """
    files = list(_files(path)) if os.path.isdir(path) else [path]
    if not files:
        raise wrong("There is no .xml file below the folder.", path)
    for file in files:
        try:
            yield _image(file)
        except _UnfitError as error:
            left_out[f"files: {error}"] += 1


def _files(folder: str) -> Iterator[str]:
    """XML files below a folder; links to folders are not followed."""
    for at, folders, names in os.walk(folder):
        folders.sort()
        yield from (os.path.join(at, name) for name in sorted(names) if name.lower().endswith(".xml"))


def _image(file: str) -> Annotated:
    """One file. Coordinates count pixels from 1, the last included: 1 to 10 covers ten pixels from the edge on."""
    entries = _entries(file)
    boxes: list[tuple[float, float, float, float] | None] = []
    for box in entries.boxes:
        left, top, right, bottom = (_number(box.get(side, "")) for side in SIDES)
        if left is None or top is None or right is None or bottom is None:
            boxes.append(None)
        else:
            boxes.append((left - 1, top - 1, right, bottom))
    width, height = (_number(entries.size.get(side, "")) for side in ("width", "height"))
    return Annotated(width, height, tuple(boxes))


class _Entries:
    """What is kept of a file: the image's size, and a table for each object's own box (not those of its parts)."""

    def __init__(self) -> None:
        self.size: dict[str, str] = {}
        self.boxes: list[dict[str, str]] = []
        self._path: list[str] = []

    def start(self, name: str, _: dict[str, str]) -> None:
        """An element begins."""
        self._path.append(name)
        if len(self._path) > DEEPEST:
            raise _UnfitError("elements are nested too deeply")
        if self._path == ["annotation", "object"]:
            self.boxes.append({})
        if len(self._path) == 1 and name != "annotation":
            raise _UnfitError("not a Pascal VOC annotation")

    def end(self, _: str) -> None:
        """An element ends."""
        self._path.pop()

    def text(self, data: str) -> None:
        """Text within the innermost element, perhaps not all of it."""
        *above, name = self._path
        table = self.size if tuple(above) == SIZE else self.boxes[-1] if tuple(above) == BOX else None
        if table is not None and len(table.get(name, "")) < 64:
            table[name] = table.get(name, "") + data


def _entries(file: str) -> _Entries:
    found, parser = _Entries(), expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = found.start, found.end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = found.text, _refuse
    try:
        with open(file, "rb") as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise _UnfitError(f"larger than {LARGEST >> 20} MB")
        parser.Parse(data, True)
    except OSError as error:
        raise _UnfitError("cannot be opened") from error
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last two: an encoding that is not known
        raise _UnfitError("not well-formed XML") from error
    return found


def _refuse(*_: object) -> None:
    raise _UnfitError("with a document type, which is refused")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
