"""Parts of a recipe by name: lazy name -> "module:Class" tables, settings checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any

from pydantic import TypeAdapter, ValidationError

from eyechart.core.settings import misfit
from eyechart.errors import SettingError, UnknownNameError


def named(settings: Mapping[str, Any], table: Mapping[str, str], part: str) -> Any:
    """The frozen dataclass that ``settings["name"]`` names, with the other settings as its fields.

    Raises:
        UnknownNameError: no such name, or no such setting.
        SettingError: a setting that does not fit.
    """
    given = dict(settings)
    name = given.pop("name", None)
    cls = class_of(str(name), table, f"{part}.name")
    known = [field.name for field in fields(cls)]
    if unknown := sorted(set(given) - set(known)):
        raise UnknownNameError.of(unknown[0], known, setting=f"{part} {name}")
    try:
        return TypeAdapter(cls).validate_python(given)
    except ValidationError as error:
        raise misfit(error, lambda field: f"{part} {name}: {field}", "") from error
    except ValueError as error:
        raise SettingError(str(error), setting=f"{part} {name}", value=given, way_out="Change the recipe.") from error


def class_of(name: str, table: Mapping[str, str], setting: str) -> Any:
    """The class that ``name`` stands for in a table. Raises UnknownNameError."""
    if name not in table:
        raise UnknownNameError.of(name, table, setting=setting)
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)
