"""Files with people's answers, read once, and only as long as they hold what they held when the exam was set up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from eyechart.errors import SettingError
from eyechart.images.decisions import Decision, DecisionError, folders_needed, normal_condition, stem_of
from eyechart.images.decisions_csv import read_decisions
from eyechart.images.soft_labels import SoftLabels, read_soft_labels

MODEL = "model"  # its name among the observers
SETTING, SOFT_LABELS = "human_likeness.table", "human_likeness.soft_labels"


@dataclass(frozen=True)
class Answered:
    """What people answered.

    Attributes:
        observers: people, or if there are none, all.
        by_image: name -> observer -> decision, in the condition asked for.
        folders: of file names that several images have, how many folders tell these apart.
    """

    observers: tuple[str, ...]
    by_image: Mapping[str, Mapping[str, Decision]]
    folders: Mapping[str, int]

    def called(self, imagename: str) -> str:
        """The name in ``by_image`` of a picture, wherever it lies and in whatever format."""
        return stem_of(imagename, self.folders.get(stem_of(imagename), 0))

    def of(self, imagename: str) -> Mapping[str, Decision]:
        """By observer; nothing of an image that nobody answered."""
        return self.by_image.get(self.called(imagename), {})


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

    def people(self, condition: str | None, categories: tuple[str, ...]) -> Answered:
        """What the table holds in the condition."""
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
def _people(table: tuple[str, ...], condition: str | None, categories: tuple[str, ...], mark: str) -> Answered:
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
    chosen = [one for one in found if one.observer in observers and wanted in (None, one.condition)]
    asked = {one.observer for one in chosen}
    answered = Answered(tuple(name for name in observers if name in asked), {}, folders_needed(chosen, stem_of))
    return replace(answered, by_image=_by_image(chosen, answered, found.conditions, table))


def _by_image(
    chosen: Sequence[Decision], answered: Answered, conditions: Sequence[str], table: tuple[str, ...]
) -> dict[str, dict[str, Decision]]:
    found: dict[str, dict[str, Decision]] = {}
    for one in chosen:
        by_observer = found.setdefault(answered.called(one.imagename), {})
        for other in by_observer.values():
            _agree(one, other, conditions, table)
        by_observer[one.observer] = one
    return found


def _agree(one: Decision, other: Decision, conditions: Sequence[str], table: tuple[str, ...]) -> None:
    """Both are about one stimulus: the same image, of one category, in one condition. Raises DecisionError."""
    called = stem_of(one.imagename, one.folders)
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
