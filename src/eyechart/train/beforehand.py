"""Before the first step: what would otherwise be found after the last."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from eyechart.errors import EyechartError, SettingError
from eyechart.images.image_set import ImageSet
from eyechart.models.answers import resolve_outputs
from eyechart.models.chance_guard import global_chance_untouched
from eyechart.models.normalise import Normaliser
from eyechart.models.preprocessing import Preprocessing
from eyechart.models.private_copy import plain_copy
from eyechart.models.probe import Probe, probe_frames
from eyechart.train.recipe import Recipe

TRIED = 2  # frames: BatchNorm wants more than one


def check_classes(labels: np.ndarray[Any, Any], images: ImageSet) -> None:
    """``labels``: (n,) of the training images as output numbers, -1 = none. Raises SettingError: nothing to tell apart."""
    classes = np.unique(labels[labels >= 0])
    if len(classes) == 1:
        way_out = "Give images of two classes or more, each in a folder of its own, or --labels."
        raise SettingError("All images are of one class.", setting="--images", value=images.name, way_out=way_out)


def check_other_images(training: ImageSet, tests: ImageSet) -> None:
    """Raises SettingError: the images to prove or watch on are those that are trained on."""
    if tests.fingerprint == training.fingerprint:
        way_out = "Give images that it is not trained on; without --test-images there is no proof."
        sentence = "The test images are those it is trained on: that would prove what it knows by heart."
        raise SettingError(sentence, setting="--test-images", value=tests.name, way_out=way_out)


def check_start(recipe: Recipe) -> None:
    """Raises SettingError: the recipe would throw away the weights that are given to start from."""
    if recipe.start != "default":
        way_out = "Give --change start=default, or --arch in place of --start."
        sentence = "The recipe draws weights anew, and those to start from would be lost."
        raise SettingError(sentence, setting="recipe.start", value=recipe.start, way_out=way_out)


def check_net(net: nn.Module, preprocessing: Preprocessing, classes: int, name: str) -> None:
    """Let a copy of the net answer a few frames, and learn from them.

    Args:
        net: as it will be trained; stays as it is.
        preprocessing: of the net.
        classes: outputs that it must have.
        name: of the architecture or model.

    Raises:
        ModelOutputError: it fails on its frames, or gives no (n, classes) finite reals.
        SettingError: other outputs than classes, probabilities, nothing to train, or it cannot be trained on frames.
    """
    with global_chance_untouched():
        device = next((p.device for p in net.parameters()), torch.device("cpu"))
        found = Probe.of(plain_copy(net).eval(), preprocessing, name, device)
        kind, _ = resolve_outputs(found.rows, "auto" if found.rows.shape[1] > 1 else "embedding", name)
        if (given := found.rows.shape[1]) != classes:
            sentence = (
                f"The net gives {given:,} number{'s' if given > 1 else ''} an image, and there are {classes:,} classes."
            )
            way_out = f"Let its factory take num_classes, or build it with {classes:,} outputs."
            raise SettingError(sentence, setting="--arch", value=name, way_out=way_out)
        if kind == "probabilities":
            way_out = "Leave its softmax out: training wants logits."
            raise SettingError("The net answers with probabilities.", setting="--arch", value=name, way_out=way_out)
        _try_a_step(plain_copy(net), preprocessing, device, name)


def _try_a_step(net: nn.Module, preprocessing: Preprocessing, device: torch.device, name: str) -> None:
    net = net.train().to(memory_format=torch.channels_last)
    trained = [p for p in net.parameters() if p.requires_grad]
    if not trained:
        way_out = "Give a net with parameters that take gradients (requires_grad)."
        raise SettingError("There is nothing to train in the net.", setting="--arch", value=name, way_out=way_out)
    frames = probe_frames(preprocessing)[:TRIED].to(device)
    frames = Normaliser.of(preprocessing, device)(frames, torch.empty_like(frames))
    try:
        rows = net(frames)
        if not isinstance(rows, torch.Tensor):
            raise TypeError(f"it returns a {type(rows).__name__} and not a tensor of logits")
        torch.autograd.backward(cross_entropy(rows, torch.zeros(TRIED, dtype=torch.int64, device=device)))
    except EyechartError:
        raise
    except Exception as error:  # whatever a user's forward raises
        raise SettingError(
            f"The net cannot be trained on frames of shape {tuple(frames.shape)}: {type(error).__name__}: "
            f"{' '.join(str(error).split())[:300]}.",
            setting="--arch",
            value=name,
            way_out="It must answer in training mode with logits, one row an image, for frames laid out channels_last "
            "(reshape or flatten in place of view).",
        ) from error
