"""Pictures that were corrupted before: what their targets say of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b

import numpy as np

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.words import figure
from eyechart.exams.corruptions_cells import CODES, SEVERITIES, STRANGE, Cell, Say
from eyechart.images.corrupted import CLEAN
from eyechart.stats.intervals import share_of

NO_SOURCES = (
    "it needs a column `source`, with the test image that each picture was made of, or each would count as an image of its own "
    "(add it where the columns `corruption` and `severity` stand)"
)


def in_files(subject: Subject) -> bool:
    """Whether the images say themselves what was done to them."""
    return {"corruption", "severity"} <= {*subject.targets}


def unreadable(cells: Iterable[Cell], targets: Mapping[str, Array]) -> str:
    """Why such pictures tell nothing of these corruptions and severities; empty if they do.

    At one place, all of one corruption and severity, each picture is of a test image of its own. At several it may be of the
    same ones, and only ``source`` says so.
    """
    wanted, plain = {(CODES[name], s) for name, s in cells}, (CODES[CLEAN], 0)
    places = {*zip(*(codes.tolist() for codes in _codes(targets)), strict=True)} & {*wanted, plain}
    if places <= {plain}:
        return "it holds none of the corruptions that are asked for"
    return NO_SOURCES if len(places) > 1 and "source" not in targets else ""


def left_out(say: Say, rows: Mapping[str, Array], at: Mapping[str, str]) -> Iterator[Estimate]:
    """Pictures that are in no figure: of no known corruption and severity, or followed by another of the same."""
    corruption, severity = rows["corruption"], rows["severity"]
    strange = (corruption == STRANGE) | ((severity <= 0) & (corruption != CODES[CLEAN]))
    places = np.stack([corruption, severity, rows["source"]], 1, dtype=np.int64)[::-1]
    repeated = np.ones(len(places), bool)
    repeated[np.unique(places, axis=0, return_index=True)[1]] = False
    yield say("left_out", at=dict(at), **figure(share_of(strange | repeated[::-1])))


def columns(batch: Batch) -> dict[str, Array]:
    """Of each picture ``corruption``, its place in the published order, ``severity``, and ``source``, its test image."""
    corruption, severity = _codes(batch.targets)
    return {"corruption": corruption, "severity": severity, "source": _sources(batch)}


def _codes(targets: Mapping[str, Array]) -> tuple[Array, Array]:
    """(n,) places in the published order, and severities; -1 where either is none."""
    names = [CODES.get(str(name).strip().lower(), STRANGE) for name in targets["corruption"]]
    severities = [_LEVELS.get(str(value).strip().removesuffix(".0"), STRANGE) for value in targets["severity"]]
    corruption = np.array(names, np.int8)
    return corruption, np.where(corruption == CODES[CLEAN], 0, np.array(severities, np.int8)).astype(np.int8)


def _sources(batch: Batch) -> Array:
    """(n,) numbers of the test images: as they are given, else by their names; a picture by itself where nothing is."""
    given = batch.targets.get("source", np.array(batch.ids, dtype=object))
    if given.dtype.kind in "iu":
        return np.asarray(given.astype(np.int64) & 0xFFFFFFFF, np.uint32)
    return np.array([number_of(str(name)) for name in given], np.uint32)


def number_of(name: str) -> int:
    """A number below 2^32, drawn by a name."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "little")


_LEVELS = {str(severity): severity for severity in (0, *SEVERITIES)}
