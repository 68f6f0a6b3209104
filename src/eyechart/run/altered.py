"""Models with other weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from eyechart.core.weights import Weights
from eyechart.models.image_model import ImageModel


def altered(
    model: ImageModel, weights: Weights, settle: Callable[[torch.nn.Module], None] = lambda _: None
) -> ImageModel:
    """The model with other weights; ``settle``: see ``PlainNet.altered``."""
    if model.plain is None:
        raise ValueError(f"{model.name} has no weights")
    return replace(model, net=model.plain.altered(lambda own, kernels: dict(weights.changed(own, kernels)), settle))


def can_alter(model: ImageModel, weights: Weights) -> bool:
    """Whether the model has the weights that are to be changed."""
    if model.plain is None:
        return False
    try:
        weights.changed(model.plain.tensors, model.plain.convolutions)
    except LookupError:  # no such layer, or no parameter of that name
        return False
    return True
