"""``eyechart list`` and ``eyechart show``."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.markup import escape

from eyechart.cli.console import stdout
from eyechart.errors import UnknownNameError


def list_(
    what: Annotated[
        Literal["exams", "suites", "remedies", "recipes", "augments", "models", "stimuli"],
        Parameter(help="What to list."),
    ] = "exams",
) -> None:
    """List exams, suites, remedies, recipes, augmentations, kinds of models, or kinds of stimuli with their settings."""
    {
        "exams": _exams,
        "suites": _suites,
        "remedies": _remedies,
        "recipes": _recipes,
        "augments": _augments,
        "models": _models,
        "stimuli": _stimuli,
    }[what]()


def show(name: Annotated[str, Parameter(help="Name of an exam, a remedy, an augmentation or a recipe.")]) -> None:
    """Show what an exam measures, or what a remedy or an augmentation does, with settings; or a recipe, as TOML to copy."""
    from eyechart.core.catalogue import exam_class, exam_table, remedy_class, remedy_table
    from eyechart.train.augment import augment_table
    from eyechart.train.recipe import recipe_names, recipe_text

    known = {*exam_table(), *remedy_table(), *augment_table(), *recipe_names()}
    if name not in known:
        hint = "See eyechart list exams, list remedies, list augments and list recipes."
        raise UnknownNameError.of(name, known, setting="NAME", hint=hint)
    if name in exam_table():
        exam = exam_class(name)
        _shown(exam, f"{name}", f" (version {exam.version})", "exam")
    if name in remedy_table():
        remedy = remedy_class(name)
        _shown(remedy, name, ", a remedy", "remedy")
        stdout.print(
            f"Meant to improve: {', '.join(remedy.improves)}. What speaks for it: {remedy.evidence}", markup=False
        )
    if name in augment_table():
        _shown_augment(name)
    if name in recipe_names():
        # A comment, so that all that is printed can be a file.
        stdout.print(
            f"# A recipe: eyechart train --recipe {name}; or save this as FILE.toml and give that.", markup=False
        )
        stdout.print(recipe_text(name), end="", markup=False)


def _shown(thing: Any, name: str, more: str, kind: str) -> None:
    stdout.print(f"[bold]{escape(name)}[/]{more}: {escape(thing.title)}")
    stdout.print(escape(thing.explanation))
    stdout.print()
    stdout.print(escape(inspect.getdoc(thing) or ""))
    stdout.print()
    stdout.print(f"Settings (--set {kind}.name=value):")
    for field, about in thing.model_fields.items():
        stdout.print(f"  {field} = {about.default!r}: {about.description}", markup=False)


def _shown_augment(name: str) -> None:
    from eyechart.train.augment import augment_table
    from eyechart.train.named import class_of

    step = class_of(name, augment_table(), "name")
    stdout.print(f"[bold]{escape(name)}[/], an augmentation: {escape(step.title)}")
    stdout.print(escape(inspect.getdoc(step) or ""))
    stdout.print()
    stdout.print('In a recipe, {name = "' + name + '", setting = value}:', markup=False)
    for field in dataclasses.fields(step):
        stdout.print(f"  {field.name} = {field.default!r}", markup=False)


def _augments() -> None:
    from eyechart.train.augment import augment_table
    from eyechart.train.named import class_of

    for name in augment_table():
        stdout.print(f"[bold]{escape(name):16}[/] {escape(class_of(name, augment_table(), 'name').title)}")


def _recipes() -> None:
    from eyechart.train.recipe import recipe_names, recipe_of

    for name in recipe_names():
        stdout.print(f"[bold]{escape(name):24}[/] {escape(recipe_of(name).about)}")


def _remedies() -> None:
    from eyechart.core.catalogue import remedy_class, remedy_table

    for name in remedy_table():
        stdout.print(f"[bold]{escape(name):16}[/] {escape(remedy_class(name).title)}")


def _exams() -> None:
    from eyechart.core.catalogue import exam_class, exam_table

    for name in exam_table():
        stdout.print(f"[bold]{escape(name):12}[/] {escape(exam_class(name).title)}")


def _suites() -> None:
    from eyechart.core.catalogue import SUITES

    for name, exams in SUITES.items():
        stdout.print(f"[bold]{name:12}[/] {', '.join(exams)}")


def _models() -> None:
    from eyechart.models.nets import OWN_NETS

    stdout.print(
        "torchvision:NAME[/WEIGHTS]   any classification model of torchvision, wildcards allowed", markup=False
    )
    stdout.print("timm:NAME                    any model of timm, wildcards allowed", markup=False)
    stdout.print("FILE.safetensors, FILE.pth   weights, with --arch", markup=False)
    stdout.print("FILE.pt2                     an exported program, with --trust code", markup=False)
    stdout.print("pkg.module:factory           your own, with --preprocess", markup=False)
    stdout.print("demo                         the embedded CIFAR-10 network", markup=False)
    stdout.print(f"--arch eyechart:NAME         {', '.join(sorted(OWN_NETS))}", markup=False)


def _stimuli() -> None:
    from eyechart.stimuli.kinds import KINDS, settings_of_kind

    for name, kind in KINDS.items():
        stdout.print(f"[bold]{escape(name):12}[/] {escape(kind.about)}")
        for setting, default in settings_of_kind(name).items():
            stdout.print(f"  {setting} = {default}", markup=False)
