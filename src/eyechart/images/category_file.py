"""Categories from a data file that ships with the package, from the user's own, or from the names of a model's outputs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from eyechart.errors import SettingError
from eyechart.images.categories import Categories
from eyechart.images.class_names import NameIndex, normalised, shown

BUILT_IN = ("imagenet16", "cifar10")
Entry = int | str
Table = tuple[tuple[str, tuple[Entry, ...]], ...]  # category -> outputs as written: numbers, "281-286", names

_RANGE = re.compile(r"(\d{1,9})\s*-\s*(\d{1,9})")
_HOW = "Write a TOML file with a table [categories], such as: cat = [281, '282-286', 'Egyptian cat']."


class CategoryError(SettingError):
    """Categories that cannot be used with this model."""


def read_category_file(path: str | Path, setting: str = "categories") -> Table:
    """The table of a TOML file, as it is written there.

    Raises:
        CategoryError: a file that cannot be read, or has no table ``[categories]`` with lists of outputs.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError) as error:
        known = f"Known without a file: auto, {', '.join(BUILT_IN)}."
        raise _wrong(f"The categories cannot be read: {error}.", setting, path, f"{_HOW} {known}") from error
    return as_table(data.get("categories"), setting)


def as_table(written: object, setting: str = "categories") -> Table:
    """Category -> outputs, checked for what needs no model. Raises CategoryError."""
    pairs = list(written.items()) if isinstance(written, Mapping) else written
    if not isinstance(pairs, list | tuple):
        raise _wrong("There are no categories.", setting, written, _HOW)
    table = tuple((_name(pair, setting), _entries(pair, setting)) for pair in pairs)
    names = [name for name, _ in table]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise _wrong(f"The category {shown(twice)!r} stands there twice.", setting, twice, "Join the two.")
    if len(table) < 2:
        raise _wrong("Fewer than two categories cannot compete.", setting, ", ".join(names), _HOW)
    return table


def _name(pair: Any, setting: str) -> str:
    if not (isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) and pair[0].strip()):
        raise _wrong("A category has no name.", setting, pair, _HOW)
    return normalised(pair[0])


def _entries(pair: Any, setting: str) -> tuple[Entry, ...]:
    name, entries = pair[0], pair[1]
    if not isinstance(entries, list | tuple) or not entries:
        raise _wrong(f"The category {shown(name)!r} has no outputs.", setting, entries, _HOW)
    for entry in entries:
        if isinstance(entry, bool) or not isinstance(entry, int | str):
            raise _wrong(f"Of the category {shown(name)!r} an entry is no output.", setting, entry, _HOW)
    return tuple(entries)


def built_in(name: str) -> tuple[dict[str, Any], Table]:
    """The whole data file of that name, and its table."""
    text = files("eyechart").joinpath("data", "categories", f"{name}.toml").read_text("utf-8")
    data = tomllib.loads(text)
    return data, as_table(data["categories"])


@lru_cache(maxsize=16)
def categories_for(
    wish: str | Table,
    class_names: tuple[str, ...],
    count: int,
    setting: str = "categories",
    class_ids: tuple[str, ...] = (),
) -> Categories:
    """Which outputs of a model stand for which category.

    Args:
        wish: ``auto`` (ImageNet's 1,000 classes, CIFAR-10's 10, or outputs that are themselves called after at least two of
            the 16 categories), ``imagenet16``, ``cifar10``, or a table as ``read_category_file`` gives it.
        class_names: of the outputs, () if they are not known.
        count: number of outputs.
        setting: at fault if they do not fit.
        class_ids: WordNet ids of the outputs, () if they have none: other names of the categories.

    Raises:
        CategoryError: an output out of range, one of two categories, a name that no output or several have; with ``auto``,
            outputs that are not known.
    """
    if not isinstance(wish, str):
        return Categories.of(
            "categories of your own", _resolved(wish, class_names, count, setting), class_names, class_ids
        )
    if wish == "auto":
        return _recognised(class_names, count, setting, class_ids)
    data, table = built_in(wish)
    if reason := _unlike(data, class_names, count):
        raise _wrong(f"The model is not of {wish}: {reason}.", setting, wish, _HOW)
    return Categories.of(data["title"], _resolved(table, class_names, count, setting), class_names, class_ids)


def _recognised(class_names: Sequence[str], count: int, setting: str, class_ids: Sequence[str]) -> Categories:
    for name in BUILT_IN:
        data, table = built_in(name)
        names = {normalised(one) for one in class_names}
        if not _unlike(data, class_names, count) and (count == 1000 or all(_all_in(t, names) for _, t in table)):
            return Categories.of(data["title"], _resolved(table, class_names, count, setting), class_names, class_ids)
    index = NameIndex(class_names)
    found = {name: index.find(name)[0] for name, _ in built_in("imagenet16")[1]}
    own = {name: outputs for name, outputs in found.items() if len(outputs) == 1}
    if len(own) < 2:
        named = f", called {', '.join(shown(name, 20) for name in class_names[:4])} ..." if class_names else ""
        problem = f"It is not known which of this model's {count:,} outputs{named} stand for which category."
        raise _wrong(problem, setting, "auto", f"Give a file of your own. {_HOW}")
    return Categories.of(f"{len(own)} of the 16 categories, by the outputs' own names", own, (), class_ids)


def _all_in(entries: Sequence[Entry], names: set[str]) -> bool:
    return all(normalised(str(entry)) in names for entry in entries)


def _unlike(data: Mapping[str, Any], class_names: Sequence[str], count: int) -> str:
    """Why a model is not one that a built-in table is about; empty if it may be."""
    if count != data["outputs"]:
        return f"that has {data['outputs']:,} outputs, this one {count:,}"
    for index, wanted in data.get("anchors", {}).items():
        if class_names and not {normalised(part) for part in class_names[int(index)].split(",")} & {*wanted}:
            return f"its output {index} is called {shown(class_names[int(index)])!r} and not {wanted[0]!r}"
    return ""


def _resolved(table: Table, class_names: Sequence[str], count: int, setting: str) -> dict[str, list[int]]:
    index, taken = NameIndex(class_names), dict[int, str]()
    found: dict[str, list[int]] = {}
    for category, entries in table:
        found[category] = [output for entry in entries for output in _outputs(entry, index, count, setting)]
        for output in found[category]:
            if output in taken:
                both = f"{shown(taken[output])!r} and {shown(category)!r}"
                problem = f"Output {output} is given to {both}." if taken[output] != category else ""
                problem = problem or f"Output {output} is given to {shown(category)!r} twice."
                raise _wrong(problem, setting, output, "Leave it with one category, once.")
            taken[output] = category
    return found


def _outputs(entry: Entry, index: NameIndex, count: int, setting: str) -> Iterator[int]:
    span = _RANGE.fullmatch(entry.strip()) if isinstance(entry, str) else None
    if isinstance(entry, int) or span:
        first, last = (int(span[1]), int(span[2])) if span else (int(entry), int(entry))
        if not 0 <= first <= last < count:
            raise _wrong(
                f"There is no output {entry}.", setting, entry, f"The model's outputs go from 0 to {count - 1}."
            )
        yield from range(first, last + 1)
        return
    outputs, _ = index.find(entry)
    if len(outputs) != 1:
        unknown = "the names of the model's outputs are not known" if not len(index) else index.explain(entry, outputs)
        raise _wrong(f"No single output: {unknown}.", setting, entry, "Give its number, or its name in full.")
    yield outputs[0]


def _wrong(problem: str, setting: str, value: object, way_out: str) -> CategoryError:
    return CategoryError(problem, setting=setting, value=value, way_out=way_out)
