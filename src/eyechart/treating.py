"""From a model, remedies and images to a treated model, and the proof of what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eyechart.core.catalogue import make_remedies
from eyechart.core.remedy import Remedy
from eyechart.core.view import Plain
from eyechart.errors import SettingError
from eyechart.images.image_set import ImageSet
from eyechart.images.load import load_images
from eyechart.models.image_model import ImageModel
from eyechart.models.load import load_model
from eyechart.remedies.treatment import Treatment, treat
from eyechart.run.draw import draw
from eyechart.run.jobs import Jobs
from eyechart.run.labels import labels_or_none


def treat_model(
    model: ImageModel | str,
    remedies: Sequence[str | Remedy] | str,
    *,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    images: ImageSet | str | None = None,
    classes: str = "auto",
    out: str | Path | None = None,
) -> ImageModel:
    """Treat a model without training it. The model given stays as it is.

    Args:
        model: from ``load_model`` or ``wrap``, or a name that ``load_model`` takes alone.
        remedies: names, or remedies with settings, done in this order but for those in front of the net, which come last; one
            text holds names with commas.
        settings: remedy name -> setting -> value.
        images: to calibrate on (statistics, a filter's radius); labels are used where a remedy chooses by them.
        classes: how image classes are matched with outputs, see ``examine``.
        out: safetensors file; ``load_model`` takes it alone.

    Returns:
        The treated model, named after the first one and the remedies.

    Raises:
        EyechartError: a remedy finds nothing to treat, or needs images; settings are of none of the remedies.
    """
    model = load_model(model) if isinstance(model, str) else model
    names = [n.strip() for n in remedies.split(",") if n.strip()] if isinstance(remedies, str) else remedies
    made = [r for n in names for r in (make_remedies([n], _of(n, settings or {})) if isinstance(n, str) else [n])]
    if strange := sorted({*(settings or {})} - {r.name for r in made}):
        way_out = f"Remedies of this treatment: {', '.join(r.name for r in made)}."
        raise SettingError("Settings of no remedy that is done.", setting="settings", value=strange[0], way_out=way_out)
    found = treatment(model, made, load_images(images) if isinstance(images, str) else images, classes)
    if out is not None:
        found.save(Path(out))
    return model_of(model, found, out)


def treatment(
    model: ImageModel, remedies: Sequence[Remedy], images: ImageSet | None = None, classes: str = "auto"
) -> Treatment:
    """Treat a model; frames of all ``images`` are held in memory."""
    if images is None:
        return treat(model, remedies)
    labels, _ = labels_or_none(model, images, classes)
    frames, kept = frames_of(images, model)
    return treat(model, remedies, frames, torch.from_numpy(labels[kept]).to(frames.device))


def model_of(model: ImageModel, found: Treatment, out: str | Path | None = None) -> ImageModel:
    """A treatment's net as a model, with the first one's classes; ``out``: the file that it is saved in, by which it loads."""
    done = ", ".join(found.done)
    source = {key: value for key, value in model.source.items() if key != "spec"}  # which is the untreated net's
    saved = {} if out is None else {"spec": str(out)}
    treated = ImageModel.of(
        found.net,
        model.preprocessing,
        name=f"{model.name} + {done}",
        architecture=f"{found.recipe['architecture']} + {done}",
        outputs=model.outputs if model.outputs != "nothing" else "auto",
        device=model.device,
        source={**saved, **source, "treatment": found.recipe},
        remarks=(f"treated with {done}",),
    )
    return treated.with_classes(model.class_names, model.class_ids)


def frames_of(images: ImageSet, model: ImageModel) -> tuple[torch.Tensor, np.ndarray[Any, Any]]:
    """Frames (n, c, h, w) float32 in [0, 1] on the model's device of all images that can be decoded, and which these are."""
    nobody = np.full(len(images), -1)
    jobs = Jobs(images, nobody, np.arange(len(images)), model.preprocessing, 0)
    drawn = draw(jobs.of(range(len(images)), (Plain(),)))
    pixels = torch.from_numpy(drawn.frames[0][drawn.examined]).permute(0, 3, 1, 2)
    return pixels.to(model.device, torch.float32).div_(255), np.flatnonzero(drawn.examined)


def _of(name: str, settings: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    return {name: settings[name]} if name in settings else {}
