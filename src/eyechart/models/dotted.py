"""Models out of the user's own code: ``pkg.module:factory``."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from eyechart.errors import SettingError, UnknownNameError
from eyechart.models.preprocessing import Preprocessing


def find_object(spec: str, *, setting: str) -> object:
    """Import ``pkg.module`` (the working directory counts) and take ``factory`` from it.

    Raises:
        SettingError: the module cannot be imported.
        UnknownNameError: it has no such name.
    """
    path, _, name = spec.partition(":")
    try:
        with _working_directory_importable():
            found: object = importlib.import_module(path)
    except Exception as error:  # the user's module runs on import and may raise anything
        if path.endswith(".py"):
            raise _file(path, name or "factory", spec, setting) from error
        raise SettingError(
            f"The Python module {path} cannot be imported: {type(error).__name__}: {error}.",
            setting=setting,
            value=spec,
            way_out="Run from the folder that holds it, or install it; write pkg.module:factory.",
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise UnknownNameError.of(part, [n for n in dir(found) if n[0] != "_"], setting=f"{setting} {path}:")
        found = getattr(found, part)
    return found


def _file(path: str, name: str, spec: str, setting: str) -> SettingError:
    folder, _, file = path.replace("\\", "/").rpartition("/")
    where = f"Run from the folder {folder}" if folder else "Run from its folder"
    way_out = f"{where} and give the module and the factory's name: {file.removesuffix('.py')}:{name}."
    return SettingError("A module goes by its name, not by its file.", setting=setting, value=spec, way_out=way_out)


def can_import(package: str) -> bool:
    """Whether there is a top-level ``package``, here or installed."""
    with _working_directory_importable():
        return importlib.util.find_spec(package) is not None


def make_module(factory: object, spec: str, **options: object) -> nn.Module:
    """Call ``factory`` (or take it, if it is a module already).

    Raises:
        SettingError: it fails, or gives something else than an nn.Module.
    """
    module = factory
    if not isinstance(factory, nn.Module):
        if not callable(factory):
            raise _no_module(spec, factory)
        try:
            with _working_directory_importable():
                module = factory(**options)
        except Exception as error:  # the user's code
            raise SettingError(
                f"The factory fails: {type(error).__name__}: {error}.",
                setting="model",
                value=spec,
                way_out="Give a callable that needs no arguments and returns an nn.Module.",
            ) from error
    if not isinstance(module, nn.Module):
        raise _no_module(spec, module)
    return module


def attribute_preprocessing(*holders: object) -> Preprocessing | None:
    """The ``preprocessing`` attribute (a Preprocessing or a dict of its fields) of the first that has one."""
    for holder in holders:
        found = getattr(holder, "preprocessing", None)
        if isinstance(found, Preprocessing):
            return found
        if isinstance(found, dict):
            return Preprocessing.from_dict(found, where=f"{type(holder).__name__}.preprocessing")
    return None


def attribute_classes(*holders: object) -> tuple[str, ...]:
    """The ``class_names`` attribute of the first that has one; empty if none has."""
    for holder in holders:
        found = getattr(holder, "class_names", None)
        if isinstance(found, (list, tuple)):
            return tuple(str(name) for name in found)
    return ()


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _no_module(spec: str, found: object) -> SettingError:
    return SettingError(
        f"This is a {type(found).__name__}, not a model.",
        setting="model",
        value=spec,
        way_out="Name an nn.Module, or a callable that returns one.",
    )
