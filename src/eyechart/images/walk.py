"""List the images below a folder, without following links out of it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

from eyechart.images.decode import image_extensions

_LINKED_FOLDER = "It is a link to a folder; links to folders are not followed."
_LINKED_OUT = "It is a link to a place outside the image folder."


@dataclass
class Found:
    """What lies below a folder.

    Attributes:
        files: (relative posix path, size in bytes) of the images, in no order.
        refused: relative path -> (status, reason) of entries that count as images but are not read.
        passed_over: extension -> number of files that are not images.
        folders: names of the folders (not links) directly below the root.
    """

    files: list[tuple[str, int]] = field(default_factory=list)
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    passed_over: Counter[str] = field(default_factory=Counter)
    folders: list[str] = field(default_factory=list)


def walk(root: str) -> Found:
    """List ``root``. Raises OSError only where ``root`` itself cannot be listed."""
    found, inside = Found(), os.path.realpath(root)
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(os.path.join(root, below)) as entries:
                for entry in entries:
                    _sort_in(entry, below, inside, found, waiting)
        except OSError as error:
            if not below:
                raise
            found.refused[below.rstrip("/")] = ("unreadable", f"The folder cannot be listed: {error.strerror}.")
    return found


def _sort_in(entry: os.DirEntry[str], below: str, inside: str, found: Found, waiting: list[str]) -> None:
    path = below + entry.name
    if entry.is_symlink():
        _sort_in_link(entry, path, inside, found)
    elif entry.is_dir():
        if not entry.name.startswith("."):
            waiting.append(f"{path}/")
            if not below:
                found.folders.append(entry.name)
    elif _is_image(entry.name) and entry.is_file():
        found.files.append((path, entry.stat().st_size))
    else:
        _pass_over(entry.name, found)


def _sort_in_link(entry: os.DirEntry[str], path: str, inside: str, found: Found) -> None:
    if not entry.name.startswith(".") and _leads_to_folder(entry):
        found.refused[path] = ("outside", _LINKED_FOLDER)
    elif not _is_image(entry.name):
        _pass_over(entry.name, found)
    elif not _within(os.path.realpath(entry.path), inside):
        found.refused[path] = ("outside", _LINKED_OUT)
    else:
        try:
            found.files.append((path, entry.stat().st_size))
        except OSError:
            found.refused[path] = ("missing", "It is a link that leads nowhere.")


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _within(real: str, inside: str) -> bool:
    return real == inside or real.startswith(inside.rstrip(os.sep) + os.sep)


def _is_image(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in image_extensions()


def _pass_over(name: str, found: Found) -> None:
    ending = os.path.splitext(name)[1].lower()
    found.passed_over["hidden" if name.startswith(".") else ending or "no extension"] += 1
