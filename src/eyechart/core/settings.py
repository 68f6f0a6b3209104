"""Settings of exams and runs: what several of them check, and what does not fit, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import AfterValidator, ValidationError

# What is wrong, by pydantic's name for it: its own wording is for programmers.
WORDS = {
    "greater_than_equal": "Give {ge:g} or more",
    "greater_than": "Give more than {gt:g}",
    "less_than_equal": "Give {le:g} or less",
    "less_than": "Give less than {lt:g}",
    "literal_error": "Give {expected}",
    "too_short": "Give at least {min_length}",
    "too_long": "Give no more than {max_length}",
    "finite_number": "Give a finite number",
}
KINDS = {
    "int": "Give a whole number",
    "float": "Give a number",
    "bool": "Give true or false",
    "string": "Give text",
    "tuple": 'Give a list, such as ["a", "b"] or [1, 2]',
    "list": 'Give a list, such as ["a", "b"] or [1, 2]',
    "dict": 'Give a table, such as {"a": 1}',
    "none": "Give null",
    "missing": "It is missing",
}


def _each_once(names: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(names)) < len(names):
        raise ValueError("name each once")
    return names


Distinct = AfterValidator(_each_once)  # of a tuple: nothing twice


def in_words(error: ValidationError) -> tuple[str, Any, str]:
    """The first setting that does not fit: its name (places within it by their number), its value, and the way out."""
    first, *others = error.errors()
    top = first["loc"][:1]
    ways = [_way_out(one) for one in (first, *others) if one["loc"][:1] == top]
    alternatives = list(dict.fromkeys(ways))
    name = ".".join(str(part) for part in (first["loc"] if len(alternatives) == 1 else top))
    return name, first["input"], f"{'; or: '.join(alternatives)}."


def _way_out(one: Mapping[str, Any]) -> str:
    kind, context = str(one["type"]), one.get("ctx", {})
    if kind in WORDS:
        return WORDS[kind].format_map({**context, "expected": _options(context.get("expected", ""))})
    if kind == "value_error":
        said = str(context["error"])
        return said[:1].upper() + said[1:]
    return KINDS.get(kind.partition("_")[0], str(one["msg"]))


def _options(expected: str) -> str:
    """``'a' or 'b'`` without quotes."""
    return expected.replace("'", "")
