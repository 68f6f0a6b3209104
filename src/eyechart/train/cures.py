"""Cures that take training: what each changes of a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from eyechart.errors import SettingError, UnknownNameError
from eyechart.train.augment import augment_table
from eyechart.train.named import class_of
from eyechart.train.objective import OBJECTIVES
from eyechart.train.recipe import Named, Recipe

# Names of the literature, and the objective that each stands for.
OBJECTIVE_OF: Mapping[str, str] = {"augmix": "augmix_jsd", "pgd_at": "adversarial", "trades": "trades", "mart": "mart"}
LEADING = ("bass",)  # before crop and flip, on the image as it is


def cure_names() -> tuple[str, ...]:
    """All that take training: augmentations and objectives."""
    plain = ("cross_entropy", *OBJECTIVE_OF.values(), "crop_flip")
    return tuple(dict.fromkeys([*OBJECTIVE_OF, *(n for n in (*augment_table(), *OBJECTIVES) if n not in plain)]))


def cured(recipe: Recipe, names: Sequence[str], settings: Mapping[str, Mapping[str, Any]]) -> Recipe:
    """A recipe with cures.

    Augmentations stand behind the recipe's own, BaSS before them. AugMix is a loss over three views (Jensen-Shannon); with
    BaSS beside it, BaSS is applied in one of the views, as Lin et al. (NeurIPS 2023) combine the two; there it sees the
    batch as the recipe shows it, behind crop and flip.

    Args:
        recipe: plain; the control is trained by it.
        names: of ``cure_names``.
        settings: cure -> setting -> value.

    Raises:
        UnknownNameError: no such cure or setting.
        SettingError: two of them are objectives.
    """
    for name in names:
        if name not in cure_names():
            raise UnknownNameError.of(name, cure_names(), setting="--with", hint="See: eyechart list remedies.")
    goals = [name for name in names if name in OBJECTIVE_OF]
    if len(goals) > 1:
        way_out = "Choose one; augmentations may stand beside it."
        raise SettingError("Two objectives.", setting="--with", value=" and ".join(goals), way_out=way_out)
    steps = [{"name": name, **settings.get(name, {})} for name in names if name not in OBJECTIVE_OF]
    inside = [step for step in steps if goals == ["augmix"] and step["name"] in LEADING]
    outside = [step for step in steps if step not in inside]
    first = [step for step in outside if step["name"] in LEADING]
    augment = [*first, *recipe.augment, *(step for step in outside if step not in first)]
    changes: dict[str, Any] = {"augment": augment}
    if goals:
        changes["objective"] = _goal(goals[0], settings.get(goals[0], {}), inside)
    return Recipe(**{**recipe.model_dump(), **changes})


def _goal(name: str, own: Mapping[str, Any], inside: Sequence[Named]) -> Named:
    """``own`` of augmix are its objective's settings, or those of the augmentation in its views."""
    known = {field.name for field in fields(class_of("augmix", augment_table(), "name"))} if name == "augmix" else set()
    drawn = {setting: value for setting, value in own.items() if setting in known}
    found = {"name": OBJECTIVE_OF[name], **{setting: value for setting, value in own.items() if setting not in known}}
    if not inside and not drawn:
        return found
    if "views" in own:
        way_out = "Write them whole into the views, or leave the views out."
        what = ", ".join([*(f"augmix.{setting}" for setting in drawn), *(str(step["name"]) for step in inside)])
        raise SettingError("They would be in the views, which are given.", setting="--set", value=what, way_out=way_out)
    for step in inside:
        if step.get("p", 1.0) != 1.0:
            way_out = "Leave it out: with augmix, one of the views shows every image so."
            raise SettingError(
                "It has a view of its own.", setting=f"--set {step['name']}.p", value=step["p"], way_out=way_out
            )
    step = {"name": "augmix", **drawn}
    found["views"] = [[step], [*({**one, "p": 1.0} for one in inside), step]]
    return found
