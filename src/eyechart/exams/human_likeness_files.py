"""Files with people's answers, read once, and only as long as they hold what they held when the exam was set up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from eyechart.errors import SettingError
from eyechart.images.decisions import Decision, DecisionError, is_person, normal_condition, stem_of
from eyechart.images.decisions_csv import read_decisions
from eyechart.images.soft_labels import SoftLabels, read_soft_labels

Answered = dict[str, dict[str, Decision]]  # image -> observer -> decision


def fingerprint(files: Sequence[str]) -> str:
    """Of the content of all files; empty without any. Raises SettingError for one that cannot be read."""
    if not files:
        return ""
    mark = blake2b(digest_size=16)
    for file in files:
        try:
            mark.update(blake2b(Path(file).read_bytes()).digest())
        except OSError as error:
            reason = error.strerror or str(error)
            way_out = "Give the path of a file with answers of people."
            raise SettingError(
                f"The file cannot be read: {reason}.", setting="human_likeness", value=file, way_out=way_out
            ) from error
    return mark.hexdigest()


def people_in(
    table: tuple[str, ...], condition: str | None, mark: str, files: tuple[str, ...]
) -> tuple[tuple[str, ...], Answered]:
    """Observers of a table (people, or if there are none, all), and by image what they answered in the condition."""
    _check(mark, files)
    return _people(table, condition, mark)


def shares_in(file: str, mark: str, files: tuple[str, ...]) -> SoftLabels:
    """Soft labels of a file."""
    _check(mark, files)
    return _shares(file, mark)


@lru_cache(maxsize=8)
def _check(mark: str, files: tuple[str, ...]) -> None:
    if fingerprint(files) != mark:
        raise SettingError(
            "The files with people's answers have changed since this exam was set up.",
            setting="human_likeness",
            value=", ".join(files),
            way_out="Ask for the exam again, or put the former files back.",
        )


@lru_cache(maxsize=4)
def _shares(file: str, mark: str) -> SoftLabels:
    return read_soft_labels(file, setting="human_likeness.soft_labels")


@lru_cache(maxsize=4)
def _people(table: tuple[str, ...], condition: str | None, mark: str) -> tuple[tuple[str, ...], Answered]:
    found = read_decisions(table, setting="human_likeness.table")
    wanted = None if condition is None else normal_condition(condition)
    if wanted is not None and wanted not in found.conditions:
        way_out = f"There are {', '.join(found.conditions[:20])}."
        raise DecisionError(
            "No decision is of this condition.", setting="human_likeness.condition", value=condition, way_out=way_out
        )
    observers = found.people or found.observers
    answered: Answered = {}
    for one in found:
        if (is_person(one.observer) or not found.people) and wanted in (None, one.condition):
            by_observer = answered.setdefault(stem_of(one.imagename), {})
            if one.observer in by_observer:
                raise DecisionError(
                    f"{one.observer} answers the image {one.image} in several conditions.",
                    setting="human_likeness.table",
                    value=", ".join(table),
                    way_out=f"Set human_likeness.condition to one of {', '.join(found.conditions[:20])}.",
                )
            by_observer[one.observer] = one
    return observers, answered
