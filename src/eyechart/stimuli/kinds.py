"""Kinds of stimuli by name: lazy name -> class tables, and a kind with its settings."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from eyechart.core.settings import misfit
from eyechart.core.view import View
from eyechart.errors import SettingError, UnknownNameError

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class Kind:
    """One kind of stimuli.

    Attributes:
        target: ``module:Class`` of a frozen dataclass whose fields are the settings: a view; a ``Transfer``; or anything with
            ``mixed(a, b)``, which makes (n, c, h, w) of two batches of ``Pixels``, the first giving the shape.
        about: one line for users.
        fixed: settings that the kind decides.
        shape, texture: whether the cue still names the image's class afterwards.
        grey: show it around mid grey, as it has no brightness of its own.
    """

    target: str
    about: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    shape: bool = True
    texture: bool = True
    grey: bool = False


KINDS: Mapping[str, Kind] = {
    "plain": Kind("eyechart.core.view:Plain", "the image in its frame, as a control"),
    "low-pass": Kind("eyechart.views.bands:Band", "coarse detail alone", {"band": "low"}, texture=False),
    "high-pass": Kind("eyechart.views.bands:Band", "fine detail alone, on mid grey", {"band": "high"}, grey=True),
    "band-pass": Kind("eyechart.views.bands:BandPass", "detail between two radii, on mid grey", grey=True),
    "low-rank": Kind("eyechart.views.splits:LowRank", "largest singular values alone", {"band": "low"}),
    "phase-swap": Kind("eyechart.stimuli.mixtures:PhaseSwap", "phase of one image, amplitude of another"),
    "hybrid": Kind("eyechart.stimuli.mixtures:Hybrid", "coarse detail of one image, fine detail of another"),
    "style": Kind("eyechart.stimuli.gatys:Gatys", "style transfer by optimisation (Gatys), with your VGG-19"),
    "adain": Kind("eyechart.stimuli.adain:AdaIN", "style transfer in one pass, with your encoder and decoder"),
}


@dataclass(frozen=True)
class Recipe:
    """A kind with its settings.

    Attributes:
        name: of the kind.
        kind: itself.
        make: the value of the kind's class.
    """

    name: str
    kind: Kind
    make: Any

    @property
    def mixes(self) -> bool:
        """Whether it needs a second image."""
        return not isinstance(self.make, View) or hasattr(self.make, "mixed")

    @property
    def settings(self) -> dict[str, Any]:
        """Plain data; files by their names alone."""
        values = {f.name: getattr(self.make, f.name) for f in dataclasses.fields(self.make)}
        return {name: _plain(value) for name, value in values.items()}


def find_kind(name: str) -> Kind:
    """A kind by its name, or ``pkg.module:Class`` of a view of your own. Raises UnknownNameError with the nearest names."""
    if name in KINDS:
        return KINDS[name]
    if _DOTTED.fullmatch(name):
        return Kind(name, "your own")
    hint = "Or name a view of your own as pkg.module:Class. See: eyechart list stimuli."
    raise UnknownNameError.of(name, KINDS, setting="KIND", hint=hint)


def recipe(name: str, settings: Mapping[str, Any]) -> Recipe:
    """A kind with settings; those not given keep their defaults.

    Raises:
        UnknownNameError: there is no such kind, or no such setting.
        SettingError: a setting is missing or does not fit, or the class cannot be used.
    """
    kind = find_kind(name)
    cls = _class_of(name, kind)
    known = [f.name for f in dataclasses.fields(cls) if f.init and f.name not in kind.fixed]
    for setting in settings:
        if setting not in known:
            raise UnknownNameError.of(setting, known, setting="--set", hint=f"These are the settings of {name}.")
    if missing := [
        f.name for f in dataclasses.fields(cls) if f.name in known and _needed(f) and f.name not in settings
    ]:
        raise SettingError(
            f"{name} needs {' and '.join(missing)}.",
            setting=f"{name}.{missing[0]}",
            value="none",
            way_out=_way(missing[0]),
        )
    return Recipe(name, kind, _checked(name, cls, {**kind.fixed, **settings}))


def settings_of_kind(name: str) -> dict[str, str]:
    """The settings of a kind with their defaults in words; ``(needed)`` where there is none."""
    kind = find_kind(name)
    return {
        f.name: "(needed)" if _needed(f) else repr(f.default)
        for f in dataclasses.fields(_class_of(name, kind))
        if f.init and f.name not in kind.fixed
    }


def _checked(name: str, cls: type[Any], settings: Mapping[str, Any]) -> Any:
    try:
        return TypeAdapter(cls).validate_python(settings)
    except ValidationError as error:
        raise misfit(error, lambda setting: f"{name}.{setting}", "See: eyechart list stimuli.") from error
    except (PydanticUserError, NameError) as error:
        problem = f"The types of its settings cannot be checked: {str(error).splitlines()[0]}"
        way_out = "Name types that can be imported where the class is defined."
        raise SettingError(problem, setting="KIND", value=name, way_out=way_out) from error


def _class_of(name: str, kind: Kind) -> type[Any]:
    module, _, attribute = kind.target.partition(":")
    way_out = "Name a frozen dataclass as pkg.module:Class, a view or one with mixed(a, b)."
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SettingError(f"It cannot be imported: {error}.", setting="KIND", value=name, way_out=way_out) from error
    view = isinstance(found, type) and (issubclass(found, View) or hasattr(found, "mixed") or hasattr(found, "opened"))
    if not (view and dataclasses.is_dataclass(found)):
        raise SettingError("This makes no stimuli.", setting="KIND", value=name, way_out=way_out)
    return cast("type[Any]", found)


def _needed(one: dataclasses.Field[Any]) -> bool:
    return one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING


def _way(setting: str) -> str:
    flag = f"--{setting} FILE" if setting in ("weights", "decoder") else f"--set {setting}=VALUE"
    return f"Add {flag}."


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    try:
        return json.loads(json.dumps(value))
    except TypeError:  # a value of a view of the user's own
        return repr(value)
