"""Tables of decisions: which category each observer, person or network, answered for each image (format of Geirhos et al.)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from eyechart.errors import SettingError
from eyechart.images.class_names import shown

Array = np.ndarray[Any, Any]

# Of Geirhos et al. (NeurIPS 2018), in the order in which ties are decided.
CATEGORIES = (
    *("airplane", "bear", "bicycle", "bird", "boat", "bottle", "car", "cat"),
    *("chair", "clock", "dog", "elephant", "keyboard", "knife", "oven", "truck"),
)
NO_ANSWER = "na"

_PERSON = re.compile(r"subject-[0-9]+")
_DECIMAL = re.compile(r"([+-]?)(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?")
_ALL = 1_000  # folders
_BEFORE_IMAGE = 6  # fields of a name before the image's own: trial, experiment, observer, condition, category, number


class DecisionError(SettingError):
    """A table of decisions that cannot be used."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer, as it is written in the table, without blanks at the ends.

    Attributes:
        observer: ``subject-NN`` for people, anything else is a network.
        session, trial: as numbered by whoever asked.
        rt: seconds until the answer, as written; ``NaN`` if that is not known.
        response: a category, or ``na``: no answer was given.
        category: the right one; of cue-conflict images that of the shape.
        written_condition: see ``condition``.
        imagename: of Geirhos et al.: trial, experiment, observer, condition, category, a number and the image, joined by ``_``;
            or any other name.
        extra: further columns, in the order of ``DecisionTable.extra_columns``.
        folders: how many folders of a path tell its image from others of the same file name: see ``told_apart``.
    """

    observer: str
    session: str
    trial: str
    rt: str
    response: str
    category: str
    written_condition: str
    imagename: str
    extra: tuple[str, ...] = ()
    folders: int = 0

    @property
    def condition(self) -> str:
        """The condition in one spelling: see ``normal_condition``."""
        return normal_condition(self.written_condition)

    @property
    def image(self) -> str:
        """What tells the image from others: see ``image_of``."""
        return image_of(self.imagename, self.folders)

    @property
    def seconds(self) -> float | None:
        """Until the answer; None if that is not known."""
        return float(self.rt) if is_number(self.rt) else None

    @property
    def right(self) -> bool:
        """Whether the answer is the category; no answer is wrong."""
        return self.response == self.category

    @property
    def key(self) -> tuple[str, str, str]:
        """An observer answers each image once in each condition."""
        return self.observer, self.condition, self.image


@dataclass(frozen=True)
class DecisionTable:
    """Decisions of any number of observers, in the order of the files.

    Attributes:
        decisions: all of them, each key once.
        extra_columns: names of columns beside the eight of the format.
        categories: that answers can be.
        persons: observers who are people though they are not called ``subject-NN``: see ``naming_people``.
    """

    decisions: tuple[Decision, ...]
    extra_columns: tuple[str, ...] = ()
    categories: tuple[str, ...] = field(default=CATEGORIES)
    persons: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.decisions)

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.decisions)

    @property
    def observers(self) -> tuple[str, ...]:
        """In the order in which they first appear."""
        return tuple(dict.fromkeys(one.observer for one in self.decisions))

    @property
    def people(self) -> tuple[str, ...]:
        """Observers that are called ``subject-NN``, or are said to be people."""
        return tuple(name for name in self.observers if is_person(name) or name in self.persons)

    @property
    def conditions(self) -> tuple[str, ...]:
        """In one spelling each, numbers first and by size."""
        return tuple(sorted({one.condition for one in self.decisions}, key=_by_size))

    def of(self, observer: str) -> DecisionTable:
        """The decisions of one observer."""
        return replace(self, decisions=tuple(one for one in self.decisions if one.observer == observer))

    def naming_people(self, names: Sequence[str]) -> DecisionTable:
        """The same, with observers of these names or patterns (``human_*``) as people. DecisionError where one fits none."""
        fitting = {name: [o for o in self.observers if o == name or fnmatchcase(o, name)] for name in names}
        if strange := [name for name, found in fitting.items() if not found]:
            way_out = f"There are {', '.join(shown(name, 20) for name in self.observers[:20])}."
            raise DecisionError("No observer is called so.", setting="--people", value=strange[0], way_out=way_out)
        return replace(self, persons=self.persons.union(*fitting.values()))

    def without(self, conditions: Sequence[str]) -> DecisionTable:
        """All but those of some conditions, however they are spelled. Raises DecisionError for one that there is none of."""
        left_out = {normal_condition(name) for name in conditions}
        if strange := left_out - {*self.conditions}:
            known = ", ".join(shown(name, 20) for name in self.conditions[:20])
            raise DecisionError(
                "No decision is of this condition.",
                setting="--exclude",
                value=min(strange),
                way_out=f"There are {known}.",
            )
        return replace(self, decisions=tuple(one for one in self.decisions if one.condition not in left_out))


def joined(tables: Sequence[DecisionTable]) -> DecisionTable:
    """All decisions of several tables of one set of categories.

    Raises:
        DecisionError: no table, or an observer who answers an image in two of them.
    """
    if not tables:
        raise DecisionError(
            "There are no decisions.", setting="FILE", value="", way_out="Give a table, or a run with --from."
        )
    extra = tuple(dict.fromkeys(name for table in tables for name in table.extra_columns))
    found: dict[tuple[str, str, str], Decision] = {}
    for one in told_apart([one for table in tables for one in _with_columns(table, extra)]):
        if one.key in found:
            problem = f"{shown(one.observer)} answers the image {shown(one.image)} in two of the tables."
            way_out = "Keep one of the two answers, or give one of the observers another name."
            raise DecisionError(problem, setting="FILE", value=one.imagename, way_out=way_out)
        found[one.key] = one
    return DecisionTable(tuple(found.values()), extra, tables[0].categories)


def _with_columns(table: DecisionTable, extra: Sequence[str]) -> Iterator[Decision]:
    for one in table:
        more = dict(zip(table.extra_columns, one.extra, strict=True))
        yield replace(one, extra=tuple(more.get(name, "") for name in extra))


def told_apart(decisions: Sequence[Decision]) -> list[Decision]:
    """The same, where ``cat/01.png`` and ``dog/01.png`` are two images, see ``folders_needed``."""
    needed = folders_needed(decisions)
    return [
        one if (folders := needed.get(image_of(one.imagename), 0)) == one.folders else replace(one, folders=folders)
        for one in decisions
    ]


def folders_needed(decisions: Iterable[Decision], called: Callable[..., str] | None = None) -> dict[str, int]:
    """Of file names that several images have: how many folders before it tell these apart.

    The folders of a path do not count, as the same pictures lie elsewhere for others. But two paths are two images if one
    observer answered both in one condition, or if their categories differ.

    Args:
        decisions: all that are compared.
        called: from a written name and a number of folders to a name: ``image_of``, unless given.
    """
    called = called or image_of
    by_name: dict[str, list[Decision]] = {}
    for one in decisions:
        by_name.setdefault(called(one.imagename, 0), []).append(one)
    needed = {name: _folders(those, called) for name, those in by_name.items()}
    return {name: folders for name, folders in needed.items() if folders}


def _folders(those: Sequence[Decision], called: Callable[..., str]) -> int:
    most = max(called(one.imagename, _ALL).count("/") for one in those)
    return next((folders for folders in range(most) if not _mixed(those, called, folders)), most)


def _mixed(those: Sequence[Decision], called: Callable[..., str], folders: int) -> bool:
    """Whether by so many folders two images have one name."""
    answered: dict[tuple[str, str, str], str] = {}
    first: dict[str, tuple[str, str]] = {}
    for one in those:
        name, path = called(one.imagename, folders), called(one.imagename, _ALL)
        if answered.setdefault((name, one.observer, one.condition), path) != path:
            return True
        category, its_path = first.setdefault(name, (one.category, path))
        if category != one.category and its_path != path:
            return True
    return False


def is_person(observer: str) -> bool:
    """Whether an observer is called as people are: ``subject-`` and a number."""
    return bool(_PERSON.fullmatch(observer))


def is_number(text: str) -> bool:
    """Whether a text is a finite number."""
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def normal_condition(written: str) -> str:
    """One spelling of a condition: files of one data set differ in case and in zeros.

    Decimal numbers lose zeros that mean nothing; all else is only stripped and put into lower case.

    >>> [normal_condition(text) for text in ("True", " 0.00", "1.0", "0.60", ".6", "inf", "1-10-10", "1e3")]
    ['true', '0', '1', '0.6', '0.6', 'inf', '1-10-10', '1e3']
    """
    text = written.strip().lower()
    found = _DECIMAL.fullmatch(text)
    if not found:
        return text
    whole, part = found[2].lstrip("0") or "0", (found[3] or "").rstrip("0")
    number = f"{whole}.{part}" if part else whole
    return f"-{number}" if found[1] == "-" and number != "0" else number


def name_fields(imagename: str) -> tuple[str, ...]:
    """The fields of a name in the grammar of Geirhos et al., that of the image last; none of any other name."""
    parts = imagename.split("_")
    if len(parts) <= _BEFORE_IMAGE or not (len(parts[0]) >= 4 and parts[0].isascii() and parts[0].isdecimal()):
        return ()
    return (*parts[:_BEFORE_IMAGE], "_".join(parts[_BEFORE_IMAGE:]))


def image_of(imagename: str, folders: int = 0) -> str:
    """What tells an image from others, whoever saw it and when: the last field of its name, or the whole file name.

    Of a path also the last ``folders`` folders.

    >>> image_of("0001_cl_s01_cr_cat_00_n02123394_3445.JPEG"), image_of("cat/cat7-elephant1-108.png")
    ('n02123394_3445.JPEG', 'cat7-elephant1-108.png')
    >>> image_of("photos/cat/01.png", 1)
    'cat/01.png'
    """
    fields = name_fields(imagename)
    return fields[-1] if fields else "/".join(imagename.split("/")[-1 - folders :])


def stem_of(imagename: str, folders: int = 0) -> str:
    """``image_of`` without its extension, in lower case: the same picture may be stored in another format."""
    path, slash, file = image_of(imagename, folders).rpartition("/")
    return f"{path}{slash}{file.rpartition('.')[0] or file}".lower()


def _by_size(condition: str) -> tuple[bool, float, str]:
    number = bool(_DECIMAL.fullmatch(condition))
    return not number, float(condition) if number else 0.0, condition
