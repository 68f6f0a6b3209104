"""Recipes: everything that training depends on but the net, the images and the seed, as data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from eyechart.core.catalogue import make_remedies
from eyechart.core.remedy import Remedy
from eyechart.core.settings import misfit
from eyechart.core.view import Precision
from eyechart.errors import SettingError, UnknownNameError
from eyechart.train.augment import Augment, Mix, Step, augment_of
from eyechart.train.objective import Objective, objective_of

Named = dict[str, Any]  # name and settings
LATER = ("ghost_batches",)  # trainings begun before there was such a field go on
SUCH_AS = {"epochs": "epochs = 15", "lr": "lr = 0.1"}
ELSEWHERE = {  # what others call it -> the field
    "learning_rate": "lr",
    "base_lr": "lr",
    "min_lr": "final_lr",
    "num_epochs": "epochs",
    "optimizer": "optimiser",
    "wd": "weight_decay",
    "scheduler": "schedule",
    "lr_scheduler": "schedule",
    "gamma": "factor",
    "warmup_epochs": "warmup",
    "grad_clip": "clip",
    "loss": "objective",
    "criterion": "objective",
    "label_smoothing": 'objective = {name = "cross_entropy", label_smoothing = ...}',
    "augmentation": "augment",
    "transforms": "augment",
    "amp": "precision",
    "seed": "--seed",
    "arch": "--arch",
    "model": "--arch",
}


class Recipe(BaseModel):
    """How a net is trained. TOML files hold these fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    about: str = Field("", description="What it is, and where it comes from.")
    epochs: int = Field(ge=1, description="Times that every image is shown.")
    batch_size: int = Field(128, ge=1, description="Images a step, over all processes.")
    ghost_batches: int = Field(
        1, ge=1, description="BatchNorm sees a batch in so many equal parts; with torchrun each process's share is one."
    )
    optimiser: Literal["sgd", "adam", "adamw", "adagrad", "adadelta", "rmsprop"] = Field("sgd", description="Which.")
    lr: float = Field(gt=0, description="Learning rate at the start, after warm-up.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Of sgd and rmsprop.")
    nesterov: bool = Field(False, description="Momentum taken ahead (sgd).")
    weight_decay: float = Field(0.0, ge=0, description="Of all parameters.")
    schedule: Literal["constant", "cosine", "steps"] = Field("constant", description="How the learning rate falls.")
    milestones: tuple[int, ...] = Field((), description="Epochs at which it is multiplied (steps).")
    factor: float = Field(0.1, gt=0, description="By which it is multiplied (steps).")
    final_lr: float = Field(0.0, ge=0, description="Where it ends (cosine).")
    warmup: float = Field(0.0, ge=0, description="Epochs in which it rises from 0.")
    ema: float = Field(
        0.0, ge=0, lt=1, description="Decay of the running mean of weights that is kept in the end; 0 = none."
    )
    start: Literal["default", "xavier"] = Field(
        "default", description="Weights at the start: the net's own, or Xavier's."
    )
    precision: Precision = Field("float32", description="Of convolutions and matrices; weights and loss are float32.")
    clip: float = Field(0.0, ge=0, description="Largest norm of the whole gradient; 0 = any.")
    shuffled_labels: bool = Field(
        False, description="Labels dealt out anew once, by the seed (Wang et al., CVPR 2020)."
    )
    remedies: tuple[str | Named, ...] = Field(
        (), description="Changes of the architecture before training, each a name, or a name with settings."
    )
    augment: tuple[Named, ...] = Field((), description="Steps, each a name with settings.")
    objective: Named = Field({"name": "cross_entropy"}, description="A name with settings.")

    @field_validator("objective", mode="before")
    @classmethod
    def _by_name(cls, objective: object) -> object:
        """A name alone stands for itself with the settings it comes with."""
        return {"name": objective} if isinstance(objective, str) else objective

    @field_validator("augment", mode="before")
    @classmethod
    def _each_by_name(cls, augment: object) -> object:
        steps = [augment] if isinstance(augment, (str, dict)) else augment
        return [cls._by_name(step) for step in steps] if isinstance(steps, (list, tuple)) else steps

    @model_validator(mode="after")
    def _one_schedule(self) -> Recipe:
        if self.schedule == "steps" and not self.milestones:
            raise ValueError('give milestones, such as [60, 90], to schedule = "steps"; without, the rate never falls')
        if self.schedule != "steps" and self.milestones:
            raise ValueError(f'give schedule = "steps" to milestones, or milestones = []: it is "{self.schedule}"')
        if self.schedule != "cosine" and self.final_lr:
            raise ValueError(f'give schedule = "cosine" to final_lr, or final_lr = 0: it is "{self.schedule}"')
        if self.warmup > self.epochs:
            raise ValueError(f"give a warmup of {self.epochs} or less, the epochs there are, or lr is never reached")
        return self

    @model_validator(mode="after")
    def _parts_exist(self) -> Recipe:
        steps, goal = self.steps(), self.goal()
        two = [step for step in steps if isinstance(step, Mix) and step.mixes_labels]
        if len(two) > 1:
            raise ValueError(f"augment gives images two labels twice ({two[0]}, {two[1]}); keep one of the steps")
        if two and not goal.two_labels:
            raise ValueError(f"{two[0]} gives images two labels, and {self.objective['name']} takes one")
        wide = [k for k, step in enumerate(steps) if isinstance(step, Augment) and not step.in_range]
        if wide and wide[0] < len(steps) - 1:
            raise ValueError(f"{steps[wide[0]]} leaves [0, 1]; make it the last step, or have it rescaled or clipped")
        if wide and not goal.any_range:
            raise ValueError(f"{steps[wide[0]]} leaves [0, 1], and {self.objective['name']} needs pixels within")
        self.cures()
        return self

    def told(self) -> dict[str, Any]:
        """Plain data that a training is known by; fields added later count only where they are used."""
        found = self.model_dump(mode="json")
        return {k: v for k, v in found.items() if k not in LATER or v != type(self).model_fields[k].default}

    def steps(self) -> tuple[Step, ...]:
        """The augmentation, ready to use."""
        return tuple(augment_of(step) for step in self.augment)

    def cures(self) -> tuple[Remedy, ...]:
        """The changes of the architecture, ready to be made.

        Raises:
            UnknownNameError: no such remedy or setting.
            SettingError: a remedy that changes weights or input and not the architecture.
        """
        asked = [{"name": one} if isinstance(one, str) else dict(one) for one in self.remedies]
        named = [(str(one.pop("name", "")), one) for one in asked]
        made = [remedy for name, own in named for remedy in make_remedies([name], {name: own})]
        if others := [remedy.name for remedy in made if not remedy.structural]:
            way_out = "Train first, then: eyechart treat. Here: antialias, polyphase, dense_stride."
            raise SettingError(
                "Only a change of the architecture can stand before training.",
                setting="recipe.remedies",
                value=others[0],
                way_out=way_out,
            )
        return tuple(made)

    def identity(self) -> dict[str, Any]:
        """What makes a training the one it is. Without remedies as before there were any: such trainings go on."""
        told = self.model_dump(mode="json")
        return told if self.remedies else {name: value for name, value in told.items() if name != "remedies"}

    def goal(self) -> Objective:
        """The objective, ready to use."""
        return objective_of(self.objective)


def recipe_names() -> list[str]:
    """Names of the built-in recipes."""
    found = files("eyechart").joinpath("data", "recipes").iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in found if entry.name.endswith(".toml"))


def recipe_of(name: str, **changes: Any) -> Recipe:
    """A built-in recipe, or one in a TOML file, with some fields changed.

    Raises:
        UnknownNameError: no such recipe or field.
        SettingError: the file cannot be read, or a value does not fit.
    """
    if not name.endswith(".toml"):
        if name not in recipe_names():
            hint = "Or give a TOML file."
            raise UnknownNameError.of(name, recipe_names(), setting="--recipe", hint=hint)
        text = recipe_text(name)
    else:
        text = _text(Path(name))
    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(name, error) from error
    _check_names(name, settings, changes)
    try:
        return Recipe(**{**settings, **changes})
    except ValidationError as error:
        raise _misfit(name, changes, error) from error


def recipe_text(name: str) -> str:
    """A built-in recipe as it stands in its file, TOML."""
    return files("eyechart").joinpath("data", "recipes", f"{name}.toml").read_text(encoding="utf-8")


def _check_names(name: str, settings: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Raises UnknownNameError for a field that there is not, SettingError for one that is missing."""
    known = Recipe.model_fields
    for field in sorted({*settings, *changes} - set(known)):
        setting = "--change" if field in changes else f"--recipe {name}"
        if isinstance(inside := settings.get(field), dict) and set(inside) & set(known):
            way_out = f"Write its fields at the top of the file, without the line [{field}]."
            raise UnknownNameError("Unknown name.", setting=setting, value=field, way_out=way_out)
        if meant := ELSEWHERE.get(field.lower()):
            raise UnknownNameError("Unknown name.", setting=setting, value=field, way_out=f"Did you mean {meant}?")
        raise UnknownNameError.of(field, known, setting=setting)
    needed = [field for field, about in known.items() if about.is_required()]
    for field in needed:
        if field not in {**settings, **changes}:
            raise SettingError(
                f"The recipe does not say {field}.",
                setting="--recipe",
                value=name,
                way_out=f"Add {field}: {str(known[field].description).lower().rstrip('.')}; such as {SUCH_AS[field]}.",
            )


def _misfit(name: str, changes: Mapping[str, Any], error: ValidationError) -> SettingError:
    if not error.errors()[0]["loc"]:  # of several fields together: a sentence of our own
        words = str(error.errors()[0]["ctx"]["error"]).rstrip(".")
        way_out = f"{words[:1].upper()}{words[1:]}."
        return SettingError("The settings do not fit together.", setting="--recipe", value=name, way_out=way_out)
    return misfit(error, lambda field: f"--change {field}" if field in changes else f"{name}: {field}", "")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(str(path), error) from error


def _unreadable(name: str, error: Exception) -> SettingError:
    way_out = "Give a TOML file, or the name of a built-in recipe."
    return SettingError(f"The recipe cannot be read: {error}.", setting="--recipe", value=name, way_out=way_out)
