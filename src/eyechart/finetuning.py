"""Training a model on with a cure, beside a control that is trained on without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from eyechart.core.remedy import Remedy
from eyechart.errors import SettingError
from eyechart.images.image_set import ImageSet
from eyechart.images.part import split
from eyechart.models.image_model import ImageModel
from eyechart.remedies.treatment import Treatment
from eyechart.train.cures import cured
from eyechart.train.recipe import Recipe
from eyechart.training import train_model
from eyechart.treating import model_of, treatment

CALIBRATE = 500

Said = Callable[[str, Mapping[str, Any]], None]  # (arm, line of its log)


@dataclass(frozen=True)
class Arms:
    """Both nets after training, and what was done to the architecture of one.

    Attributes:
        control: the model, trained on as long, in the same order and by the same seed, with nothing else changed.
        treated: with remedies and cures.
        treatment: of the architecture; None where there was none.
    """

    control: ImageModel
    treated: ImageModel
    treatment: Treatment | None = None


def finetune(
    model: ImageModel,
    images: ImageSet,
    recipe: Recipe,
    out: str | Path,
    *,
    remedies: Sequence[Remedy] = (),
    cures: Sequence[str] = (),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    limit: int | None = None,
    classes: str = "auto",
    said: Said = lambda *_: None,
) -> Arms:
    """Train both arms; the same call with the same folder goes on where it was stopped.

    Args:
        model: stays as it is.
        images: labelled, to train on; the first 500 calibrate remedies that need images.
        recipe: of the control; the cures change it for the other arm.
        out: folder; ``control`` and ``treated`` lie in it.
        remedies: done before training.
        cures: augmentations and objectives, by name.
        settings: cure -> setting -> value.
        seed, limit, classes: see ``train_model``.
        said: told of each epoch of each arm, and of remarks, which have a ``note`` alone.

    Raises:
        SettingError: there is neither a remedy nor a cure, or the recipe has remedies of its own.
    """
    if not remedies and not cures:
        raise SettingError("No cure.", setting="--with", value="", way_out="See: eyechart list remedies.")
    if recipe.remedies:  # the control would have them, too
        way_out = "Name them with --with, so that the control is trained without them."
        raise SettingError("The recipe changes the net.", setting="--recipe", value=recipe.remedies, way_out=way_out)
    changed = cured(recipe, cures, settings or {})
    found, begin = None, model
    if remedies:
        found = treatment(model, remedies, split(images, min(CALIBRATE, len(images)), seed)[0], classes)
        begin = model_of(model, found)
        for name, lines in found.done.items():
            for line in (*lines, *(f"left as it is: {one}" for one in found.refused[name])):
                said("treated", {"note": f"{name}: {line}"})
    whole = [("control", model, recipe), ("treated", begin, changed)]
    control, treated = (
        replace(
            train_model(
                start, images, plan, Path(out) / arm, limit=limit, seed=seed, classes=classes, said=partial(said, arm)
            ),
            name=f"{model.name} + {', '.join([*(r.name for r in remedies), *cures])}" if arm == "treated" else arm,
        )
        for arm, start, plan in whole
    )
    return Arms(replace(control, name=f"{model.name} (control)"), treated, found)
