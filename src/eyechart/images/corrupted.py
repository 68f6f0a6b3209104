"""What sets of corrupted pictures have in common: which corruption, how severe, and of which test image."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Literal, get_args

import numpy as np

from eyechart.errors import ImagesError, UnknownNameError
from eyechart.images.ids import printable

# As their files and folders are called: fifteen for the mean corruption error, then the four meant for validation.
Name = Literal[
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "frost",
    "fog",
    "brightness",
    "contrast",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
    "speckle_noise",
    "gaussian_blur",
    "spatter",
    "saturate",
]
CORRUPTIONS: tuple[Name, ...] = get_args(Name)
SEVERITIES = (1, 2, 3, 4, 5)
CLEAN = "clean"  # ours: the same test images as they are, at severity 0
CORRUPTED = (  # a remark
    "These pictures are corrupted already: exams other than corruptions take each for an image as it is. "
    "In an exam, --limit counts test images."
)
COLUMNS = ("corruption", "severity", "source")

Array = np.ndarray[Any, Any]


def chosen(where: str, scheme: str) -> tuple[str, tuple[str, ...]]:
    """``DIR`` or ``DIR#fog,frost``: the folder, and the corruptions that are read, in their order.

    Raises:
        UnknownNameError: one of them is none.

    >>> chosen("set#frost,fog", "cifar10c")
    ('set', ('frost', 'fog'))
    """
    folder, mark, listed = where.rpartition("#")
    if not mark:
        return where, (*CORRUPTIONS, CLEAN)
    names = tuple(dict.fromkeys(name.strip() for name in listed.split(",")))
    for name in names:
        if name not in (*CORRUPTIONS, CLEAN):
            raise UnknownNameError.of(name, (*CORRUPTIONS, CLEAN), setting="--images", hint=f"In {scheme}:{where}.")
    return folder, names


def missing(found: Collection[tuple[str, int]], wanted: Iterable[str]) -> tuple[str, ...]:
    """A remark on the (corruption, severity) that are wanted and not there; none where all are."""
    gone = [name for name in wanted if name != CLEAN and not any((name, s) in found for s in SEVERITIES)]
    gaps = [
        f"{name} {s}" for name in wanted if name not in (CLEAN, *gone) for s in SEVERITIES if (name, s) not in found
    ]
    remarks = []
    if gone:
        remarks.append(f"Corruptions that are not there: {', '.join(gone)}.")
    if gaps:
        more = f" and {len(gaps) - 8} more" if len(gaps) > 8 else ""
        remarks.append(f"Severities that are not there: {', '.join(gaps[:8])}{more}.")
    return tuple(remarks)


def strangers(names: Iterable[str], what: str) -> tuple[str, ...]:
    """A remark on files or folders that are no corruption; none where there are none."""
    odd = sorted(names)
    listed = ", ".join(printable(name)[:40] for name in odd[:8]) + (", ..." if len(odd) > 8 else "")
    return (f"{len(odd)} {what} no corruption and passed over ({listed}).",) if odd else ()


def nothing(what: str, scheme: str, where: str, way_out: str) -> ImagesError:
    """The error where a set holds no corruption, or what it holds cannot be used."""
    return ImagesError(what, setting="--images", value=printable(f"{scheme}:{where}"), way_out=way_out)
