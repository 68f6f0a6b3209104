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
            ``mixed(a, b)``, as ``eyechart.views.conflicts`` have it, the first giving the shape.
        about: one line for users.
        fixed: settings that the kind decides.
        shape, texture: whether the cue still names the image's class afterwards.
        grey: show it around mid grey, as it has no brightness of its own.
        needed: settings that must be given although the class has a default.
        within: setting -> its least and largest value.
        beyond: a setting that is a radius, beyond which the frame is to hold waves.
    """

    target: str
    about: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    shape: bool = True
    texture: bool = True
    grey: bool = False
    needed: tuple[str, ...] = ()
    within: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    beyond: str = ""


ANY = math.inf
_BANDS, _CONFLICTS = "eyechart.views.bands", "eyechart.views.conflicts"
_RADIUS = {"radius": (0, ANY)}
_GROUND = {"ground": (0, 1)}

KINDS: Mapping[str, Kind] = {
    "plain": Kind("eyechart.core.view:Plain", "the image in its frame, as a control"),
    "low-pass": Kind(
        f"{_BANDS}:Band", "coarse detail alone", {"band": "low"}, texture=False, within=_RADIUS, beyond="radius"
    ),
    "high-pass": Kind(
        f"{_BANDS}:Band", "fine detail alone, on mid grey", {"band": "high"}, grey=True, within=_RADIUS, beyond="radius"
    ),
    "band-pass": Kind(f"{_BANDS}:BandPass", "detail between two radii, on mid grey", grey=True, beyond="inner"),
    "low-rank": Kind(
        "eyechart.views.splits:LowRank",
        "largest singular values alone",
        {"band": "low"},
        within=_RADIUS,
        beyond="radius",
    ),
    "grey": Kind("eyechart.views.colours:Greyed", "without colour", within={"amount": (0, 1)}),
    "channel-shuffle": Kind("eyechart.views.colours:ChannelShuffle", "colour channels in another order", {"number": 0}),
    "false-colour": Kind("eyechart.views.tones:FalseColour", "in opponent colours"),
    "contrast": Kind("eyechart.views.tones:Contrast", "grey, with less contrast", within={"contrast": (0, 1)}),
    "edges": Kind("eyechart.views.outlines:Edges", "lines alone (Canny), black on white", texture=False),
    "silhouette": Kind(
        "eyechart.views.outlines:Silhouette",
        "black on white, of objects with masks or before a near-white ground",
        texture=False,
        within=_GROUND,
    ),
    "object-texture": Kind(
        "eyechart.views.textures:ObjectTexture",
        "a square of the object (by a mask, or before a near-white ground), repeated",
        shape=False,
        within=_GROUND,
    ),
    "patch-texture": Kind(
        "eyechart.views.textures:PatchTexture",
        "a patch of the picture, repeated",
        shape=False,
        within={"share": (0, 1)},
    ),
    "uniform-noise": Kind("eyechart.views.pixel_noise:UniformNoise", "grey, with noise", within={"width": (0, ANY)}),
    "salt-and-pepper": Kind(
        "eyechart.views.pixel_noise:SaltAndPepper", "grey, some pixels black or white", within={"share": (0, 1)}
    ),
    "blur": Kind(
        "eyechart.views.blurs:GaussianBlur",
        "blurred by a Gaussian",
        texture=False,
        within={"kernel": (1, ANY), "sigma": (0, ANY)},
    ),
    "bilateral": Kind(
        "eyechart.views.bilateral:Bilateral",
        "smoothed, but for its edges",
        texture=False,
        within={"diameter": (1, ANY), "sigma_color": (1e-3, ANY), "sigma_space": (1e-3, ANY)},
    ),
    "patch-shuffle": Kind(
        "eyechart.views.patches:PatchShuffle",
        "tiles in a random order",
        {"number": 0},
        shape=False,
        within={"grid": (2, ANY)},
    ),
    "patch-rotation": Kind(
        "eyechart.views.patches:PatchRotation", "tiles turned", {"number": 0}, shape=False, within={"grid": (2, ANY)}
    ),
    "phase-scramble": Kind(
        "eyechart.views.scrambles:PhaseScramble",
        "random phases, so no shapes",
        {"number": 0, "clip": True},
        shape=False,
        within={"width": (0, 180)},
    ),
    "whitened": Kind(
        "eyechart.views.scrambles:Whitened",
        "all amplitudes alike",
        {"clip": True},
        texture=False,
        within={"amount": (0, 1)},
    ),
    "phase-swap": Kind(
        f"{_CONFLICTS}:PhaseSwap",
        "phase of one image, amplitude of another",
        {"number": 0},
        within={"mix": (0, 1), "taper": (0, 1)},
    ),
    "hybrid": Kind(
        f"{_CONFLICTS}:BandHybrid",
        "coarse detail of one image, fine detail of another",
        {"number": 0},
        needed=("radius",),
        within={**_RADIUS, "taper": (0, 1)},
        beyond="radius",
    ),
    "object": Kind(
        "eyechart.views.parts:ObjectOnParts",
        "the middle of one image on shuffled tiles of another",
        {"number": 0},
        within={"share": (0.05, 1), "grid": (1, ANY)},
    ),
    "corruption": Kind(
        "eyechart.views.corruptions.picture:CorruptedPicture",
        "noise, blur, weather or compression, like those of CIFAR-10-C and ImageNet-C",
        needed=("corruption", "severity"),
    ),
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

    def check_side(self, side: int) -> None:
        """Raises SettingError where no wave of a frame of ``side`` pixels lies beyond its radius."""
        finest = math.hypot(side // 2, side // 2)
        radius = getattr(self.make, self.kind.beyond) if self.kind.beyond else 0.0
        if radius >= finest > 0:
            raise SettingError(
                f"The finest wave of a frame of {side} x {side} pixels has the radius {finest:.4g}: nothing lies beyond.",
                setting=f"{self.name}.{self.kind.beyond}",
                value=radius,
                way_out=f"Give less than {finest:.4g}, or larger frames with --size.",
            )


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
        f.name for f in dataclasses.fields(cls) if f.name in known and _needed(kind, f) and f.name not in settings
    ]:
        raise SettingError(
            f"{name} needs {' and '.join(missing)}.",
            setting=f"{name}.{missing[0]}",
            value="none",
            way_out=_way(missing[0]),
        )
    made = _checked(name, cls, {**kind.fixed, **settings})
    for setting, (least, most) in kind.within.items():
        _check_within(f"{name}.{setting}", getattr(made, setting), least, most)
    return Recipe(name, kind, made)


def settings_of_kind(name: str) -> dict[str, str]:
    """The settings of a kind with their defaults in words; ``(needed)`` where there is none."""
    kind = find_kind(name)
    return {
        f.name: "(needed)" if _needed(kind, f) else repr(f.default)
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


def _check_within(setting: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        way_out = f"Give {least:g} or more." if most == ANY else f"Give {least:g} to {most:g}."
        raise SettingError("It is out of range.", setting=setting, value=value, way_out=way_out)


def _needed(kind: Kind, one: dataclasses.Field[Any]) -> bool:
    return one.name in kind.needed or (
        one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
    )


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
