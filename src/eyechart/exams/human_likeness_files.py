"""Files with people's answers, read once, and only as long as they hold what they held when the exam was set up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from eyechart.errors import SettingError
from eyechart.images.decisions import Decision, DecisionError, normal_condition, stem_of
from eyechart.images.decisions_csv import read_decisions
from eyechart.images.soft_labels import SoftLabels, read_soft_labels

Answered = dict[str, dict[str, Decision]]  # image -> observer -> decision
MODEL = "model"  # its name among the observers
SETTING, SOFT_LABELS = "human_likeness.table", "human_likeness.soft_labels"


def fingerprint(table: Sequence[str], soft_labels: str | None) -> str:
    """Of the content of all files; empty without any. Raises SettingError for one that cannot be read."""
    files = [(SETTING, file) for file in table]
    files += [] if soft_labels is None else [(SOFT_LABELS, soft_labels)]
    mark = blake2b(digest_size=16)
    for setting, file in files:
        mark.update(blake2b(_content(setting, file)).digest())
    return mark.hexdigest() if files else ""


def _content(setting: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        way_out = "Give the path of a file with answers of people."
        raise SettingError(
            f"The file cannot be read: {reason}.", setting=setting, value=file, way_out=way_out
        ) from error


@dataclass(frozen=True)
class Source:
    """The files of people's answers, and the mark of what they held when the exam was set up."""

    table: tuple[str, ...]
    soft_labels: str | None
    mark: str

    def people(self, condition: str | None, categories: tuple[str, ...]) -> tuple[tuple[str, ...], Answered]:
        """Observers of the table (people, or if there are none, all), and by image what they answered in the condition."""
        _check(self)
        return _people(self.table, condition, categories, self.mark)

    def shares(self, columns: int) -> SoftLabels:
        """The soft labels, of so many classes."""
        _check(self)
        return _shares(self.soft_labels or "", columns, self.mark)


@lru_cache(maxsize=8)
def _check(source: Source) -> None:
    if fingerprint(source.table, source.soft_labels) != source.mark:
        raise SettingError(
            "The files with people's answers have changed since this exam was set up.",
            setting="human_likeness",
            value=", ".join((*source.table, source.soft_labels or "")),
            way_out="Ask for the exam again, or put the former files back.",
        )


@lru_cache(maxsize=4)
def _shares(file: str, columns: int, mark: str) -> SoftLabels:
    return read_soft_labels(file, setting=SOFT_LABELS, columns=columns)


@lru_cache(maxsize=4)
def _people(
    table: tuple[str, ...], condition: str | None, categories: tuple[str, ...], mark: str
) -> tuple[tuple[str, ...], Answered]:
    found = read_decisions(table, categories, setting=SETTING)
    wanted = None if condition is None else normal_condition(condition)
    if wanted is not None and wanted not in found.conditions:
        way_out = f"There are {', '.join(found.conditions[:20])}."
        raise DecisionError(
            "No decision is of this condition.", setting="human_likeness.condition", value=condition, way_out=way_out
        )
    observers = found.people or found.observers
    if MODEL in observers:
        problem = f"An observer is called {MODEL!r}, as the one to be examined is here."
        raise DecisionError(problem, setting=SETTING, value=", ".join(table), way_out="Give it another name.")
    answered: Answered = {}
    for one in found:
        if one.observer in observers and wanted in (None, one.condition):
            by_observer = answered.setdefault(stem_of(one.imagename), {})
            for other in by_observer.values():
                _agree(one, other, found.conditions, table)
            by_observer[one.observer] = one
    asked = {name for by_observer in answered.values() for name in by_observer}
    return tuple(name for name in observers if name in asked), answered


def _agree(one: Decision, other: Decision, conditions: Sequence[str], table: tuple[str, ...]) -> None:
    """Both are about one stimulus: the same image, of one category, in one condition. Raises DecisionError."""
    called = stem_of(one.imagename)
    if one.condition != other.condition:
        problem = f"The image {called} stands there in several conditions, which are not the same picture."
        way_out = f"Set human_likeness.condition to one of {', '.join(conditions[:20])}."
    elif one.category != other.category:
        problem = f"The image {called} is {one.category} for {one.observer} and {other.category} for {other.observer}."
        way_out = "Mend the table: an image has one category."
    elif one.observer == other.observer:
        problem = f"{one.observer} answers {called} twice, as {one.image} and as {other.image}."
        way_out = "Keep one of the two answers."
    else:
        return
    raise DecisionError(problem, setting=SETTING, value=", ".join(table), way_out=way_out)
