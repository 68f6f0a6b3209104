"""From an architecture, a recipe and images to a trained model that loads again by itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from eyechart.core.exam import Exam
from eyechart.core.remedy import Patient
from eyechart.errors import ClassMapError, SettingError, at_least_one
from eyechart.images.image_set import ImageSet
from eyechart.images.load import load_images
from eyechart.images.part import part_of, split
from eyechart.models.architectures import architecture_of
from eyechart.models.chance_guard import global_chance_untouched
from eyechart.models.image_model import ImageModel
from eyechart.models.load import load_model
from eyechart.models.preprocessing import Preprocessing
from eyechart.models.private_copy import device_of
from eyechart.models.treated import KEY, SCHEMA
from eyechart.remedies.treatment import operated
from eyechart.run.labels import labels_for
from eyechart.run.spread import Rank
from eyechart.store.folder import Folder
from eyechart.train.beforehand import check_classes, check_net, check_other_images, check_start
from eyechart.train.deal import shuffled
from eyechart.train.loop import Trainer
from eyechart.train.present import write_page
from eyechart.train.recipe import Recipe, recipe_of
from eyechart.train.record import WEIGHTS
from eyechart.train.resident import Resident
from eyechart.train.watch import Watching, with_labels

WATCHED = 1000  # images of each kind


def train_model(
    arch: str | ImageModel,
    images: ImageSet | str,
    recipe: Recipe | str,
    out: str | Path,
    *,
    preprocess: Preprocessing | str | Path = "auto",
    limit: int | None = None,
    seed: int = 0,
    device: str = "auto",
    watch: Sequence[Exam] = (),
    every: int = 1,
    test_images: ImageSet | str | None = None,
    max_bad: int | None = None,
    classes: str = "auto",
    said: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> ImageModel:
    """Train a net, or train one on. The same call with the same folder goes on where it was stopped.

    Args:
        arch: an architecture as for ``load_model``, with random weights; or a model, whose weights are the start.
        images: labelled; for an architecture its classes become the net's outputs.
        recipe: a recipe, a built-in one's name, or a TOML file.
        out: folder of log, checkpoints and ``model.safetensors``.
        preprocess: how a picture becomes the net's frame; ``auto`` as the architecture says.
        limit: at most so many images, the first of the seeded, stratified order.
        seed: of weights, order and augmentation.
        device: see ``load_model``.
        watch: exams that the net sits every ``every`` epochs, on training images and, where given, on test images.
        test_images: to watch on; other ones than those that are trained on.
        max_bad: images that may be undecodable before training is refused; None: any number. They are told and left out.
        classes: how the classes of images are matched with outputs of a model that is trained on, see ``examine``.
        said: told of each epoch's line of the log, and of remarks, which have a ``note`` alone.

    Returns:
        The trained model.

    Raises:
        TrainingError: the loss became infinite or NaN; checkpoints are kept.
        IdentityError: the folder holds another training.
        BadImagesError: more images than ``max_bad`` cannot be decoded; nothing was trained.
        EyechartError: others of its kinds.
    """
    whole = load_images(images) if isinstance(images, str) else images
    recipe = recipe_of(recipe) if isinstance(recipe, str) else recipe
    place = _place(device) if not isinstance(arch, ImageModel) else arch.device
    tests = load_images(test_images) if isinstance(test_images, str) else test_images
    if tests is not None:
        check_other_images(whole, tests)
    at_least_one(every=every)
    if isinstance(arch, ImageModel):
        check_start(recipe, arch)
    start = _treated(_start(arch, whole, preprocess, seed), recipe)
    chosen, _ = split(whole, limit or len(whole), seed)
    labels = _labels(start.model, chosen, classes)
    check_classes(labels, chosen)
    check_net(start.net, start.preprocessing, start.outputs, start.name)
    data = Resident.of(chosen, labels, start.preprocessing, place)
    data.check(max_bad)
    folder = Folder(out)
    folder.check_writable()
    watching = None
    if watch:
        sets = {"train": _as_trained(chosen, data, recipe, seed, whole)}
        sets |= {} if tests is None else {"test": split(tests, WATCHED, seed)[0]}
        known = start.preprocessing, start.class_names
        watching = Watching(watch, sets, *known, every, recipe.epochs, f"{folder.root}/watch", seed, place)
    about = {"start": start.fingerprint, "arch": start.arch}
    trainer = Trainer(
        start.net, recipe, data, start.preprocessing, folder, seed=seed, watch=watching, said=said, about=about
    )
    net = trainer.run()
    if trainer.processes.first:
        folder.write(WEIGHTS, _bytes(net, start, recipe, seed, whole))
    trainer.processes.wait()
    trained = load_model(f"{folder.root}/{WEIGHTS}", device=str(place), trust="code")
    if trainer.processes.first:
        present_training(trained, recipe, out)
    return trained


def present_training(trained: ImageModel, recipe: Recipe, out: str | Path) -> None:
    """Write OUT/report.html, the page of a training: curves, what was watched, and a link to the proof if it is there."""
    about = trained.source["treatment"]
    write_page(Folder(out), recipe, f"Training of {about['architecture'] or trained.name}", about["training"])


def _place(device: str) -> torch.device:
    """Under ``torchrun`` each process has a GPU of its own, where there are any."""
    found, rank = device_of(device), Rank.from_environment()
    return torch.device("cuda", rank.local) if rank.of > 1 and found == torch.device("cuda") else found


@dataclass(frozen=True, eq=False)
class _Start:
    """A net to begin with, and what it is; ``model``: whose weights it has; ``remedies``: what was then changed of it."""

    net: nn.Module
    arch: str
    preprocessing: Preprocessing
    class_names: tuple[str, ...]
    fingerprint: str = ""
    model: ImageModel | None = None
    remedies: tuple[Mapping[str, Any], ...] = ()

    @property
    def outputs(self) -> int:
        """Numbers that the net gives an image."""
        return self.model.n_outputs if self.model is not None else len(self.class_names)

    @property
    def name(self) -> str:
        """As the user calls it."""
        return self.model.name if self.model is not None else self.arch


def _start(arch: str | ImageModel, images: ImageSet, preprocess: Preprocessing | str | Path, seed: int) -> _Start:
    if isinstance(arch, ImageModel):
        if arch.plain is None:
            raise SettingError("There is no network to train.", setting="model", value=arch.name, way_out="Give one.")
        net = copy.deepcopy(arch.plain.net).requires_grad_(True)
        spec = str(arch.source.get("arch", ""))
        return _Start(net, spec, arch.preprocessing, arch.class_names, arch.fingerprint, arch)
    if not images.class_names:
        way_out = "Give images in class folders, or --labels."
        raise SettingError("The images have no classes.", setting="--images", value=images.name, way_out=way_out)
    found = architecture_of(arch)
    with global_chance_untouched():
        torch.manual_seed(seed)
        net = found.build(len(images.class_names) if found.takes_classes else None, {})
    if isinstance(preprocess, Preprocessing):
        seen: Preprocessing | None = preprocess
    else:
        seen = found.preprocessing(net) if str(preprocess) == "auto" else Preprocessing.from_file(preprocess)
    if seen is None:
        way_out = f"Give --preprocess FILE.toml such as: {Preprocessing.EXAMPLE}"
        raise SettingError(
            "Nothing says what the net's frame is.", setting="--preprocess", value="auto", way_out=way_out
        )
    return _Start(net, arch, seen, images.class_names)


def _treated(start: _Start, recipe: Recipe) -> _Start:
    """The recipe's remedies done to the architecture; weights that were there stay."""
    if not recipe.remedies:
        return start
    found = operated(Patient(start.net, start.preprocessing), recipe.cures())
    return replace(start, net=found.net, remedies=found.steps)


def _labels(model: ImageModel | None, images: ImageSet, classes: str) -> np.ndarray[Any, Any]:
    if model is not None:
        try:
            return labels_for(model, images, classes)[0]
        except ClassMapError as error:
            way_out = "Give images of its classes; for other ones: eyechart train --arch ..., without --start."
            raise ClassMapError(
                f"{error.problem} A model that is trained on keeps its outputs: a new head for other classes is not put on.",
                setting=error.setting,
                value=error.value,
                way_out=way_out,
            ) from error
    if images.labels is None:
        raise SettingError(
            "The images have no labels.", setting="--images", value=images.name, way_out="Give --labels."
        )
    return np.asarray(images.labels, np.int64)


def _as_trained(chosen: ImageSet, data: Resident, recipe: Recipe, seed: int, whole: ImageSet) -> ImageSet:
    """The first of the training images, with the labels that are trained on."""
    where = {name: k for k, name in enumerate(chosen.ids)}
    labels = shuffled(data.labels, seed) if recipe.shuffled_labels else data.labels
    some = data.ids[:WATCHED]
    part = part_of(chosen, [where[name] for name in some], f"{whole.name} (training)")
    return with_labels(part, labels[: len(some)]) if recipe.shuffled_labels else part


def _trained(start: _Start, recipe: Recipe, seed: int, images: ImageSet) -> dict[str, Any]:
    return {
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
        "images": images.name,
        "fingerprint": images.fingerprint,
        "start": start.fingerprint,
        "start_name": "" if start.model is None else start.model.name,
    }


def _bytes(net: nn.Module, start: _Start, recipe: Recipe, seed: int, images: ImageSet) -> bytes:
    """Weights, and in their header all that it takes to load them again."""
    earlier = {} if start.model is None else dict(start.model.source.get("treatment", {}))
    about = {
        "schema": SCHEMA,
        "architecture": start.arch,
        "outputs": "logits",
        "n_outputs": start.outputs,
        "preprocessing": start.preprocessing.to_dict(),
        "class_names": list(start.class_names),
        "class_ids": [] if start.model is None else list(start.model.class_ids),
        "remedies": [*earlier.get("remedies", []), *start.remedies],
        "training": _trained(start, recipe, seed, images),
    }
    state = {name: value.detach().cpu().contiguous().clone() for name, value in net.state_dict().items()}
    return save(state, {KEY: json.dumps(about)})
