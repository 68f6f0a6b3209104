"""What is wrong with a setting, in plain words: wherever settings are checked, whoever gave them; and a check of many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import AfterValidator, ValidationError
from pydantic_core import ErrorDetails

from eyechart.errors import SettingError

WANTED: Mapping[str, str] = {  # kind of error -> what is to be given; limits come from the error's context
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller number",
    "int_type": "a whole number",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "{le:g} or less",
    "dict_type": 'names with values, such as {{"name": [1, 2]}}',
    "list_type": 'a list, such as [1, 2] or ["a", "b"]',
    "literal_error": "{expected}",
    "missing": "a list with one entry more",
    "none_required": "nothing",
    "string_type": "text",
    "too_long": "a list of at most {max_length}",
    "too_short": "a list of {min_length} or more",
    "tuple_type": 'a list, such as [1, 2] or ["a", "b"]',
}


def _each_once(names: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(names)) < len(names):
        raise ValueError("name each once")
    return names


Distinct = AfterValidator(_each_once)  # of a tuple: nothing twice


def misfit(error: ValidationError, named: Callable[[str], str], hint: str) -> SettingError:
    """The first setting that does not fit, with all that it could be instead.

    Args:
        error: from the check.
        named: what the user calls a setting, from the name of its field.
        hint: where to read on, a whole sentence.
    """
    first = error.errors()[0]
    field, *inside = first["loc"] or ("",)
    alike = [e for e in error.errors() if e["loc"][:1] == first["loc"][:1]]
    place = "".join(f"[{part}]" for part in inside if isinstance(part, int) and first["type"] != "missing")
    way_out = f"{_advice([e for e in alike if not place or e['type'] != 'too_short'])} {hint}".strip()
    setting = f"{named(str(field))}{place}".rstrip(".: ")  # of several settings together: the exam
    value = first["input"]
    if not first["loc"] and isinstance(value, Mapping):
        value = ", ".join(f"{name} = {one}" for name, one in value.items())
    return SettingError("The setting does not fit.", setting=setting, value=value, way_out=way_out)


def _advice(errors: list[ErrorDetails]) -> str:
    """One sentence: what a check of our own says, or what the field's kind and limits allow."""
    own = [e["ctx"]["error"] for e in errors if e["type"] == "value_error"]
    words = str(own[0]) if own else f"give {' or '.join(dict.fromkeys(map(_wanted, errors)))}"
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def _wanted(error: ErrorDetails) -> str:
    context: dict[str, Any] = error.get("ctx", {})
    return WANTED.get(error["type"], "a value of another kind").format_map(context).replace("'", "")
