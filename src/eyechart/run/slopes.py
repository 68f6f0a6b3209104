"""Reading layers with the slope of the answer: how the lead of the class that is answered changes with what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from eyechart.core.tap import SlopeTap
from eyechart.models.answers import lead, tensor_of
from eyechart.models.image_model import TINY, ImageModel
from eyechart.models.layers import Layer, Watch

Array = np.ndarray[Any, Any]


def sloped(model: ImageModel, tap: SlopeTap, readable: tuple[str, ...], pixels: Tensor) -> dict[str, Array]:
    """What the tap reads of shown ``pixels`` (n, c, h, w), not normalised, by layer: (n, ...) float32.

    The net before folding is asked, and the slope is that of ``lead``. A layer on which the answer does not hang, such as one
    that is left before the end or works without gradients, has the slope zero.

    Args:
        model: answers logits, or probabilities, whose logarithms are taken.
        tap: reads ``readable`` layers.
        readable: of the tap's layers, those whose outputs are one an image.
        pixels: as shown.
    """
    if model.plain is None:
        raise ValueError(f"{model.name} has no layers")
    net, held = model.plain.net, dict[str, tuple[Layer, Tensor]]()

    def keep(layer: Layer, output: Tensor) -> Tensor | None:
        if layer.name not in readable:
            return None
        held[layer.name] = layer, output * 1
        return held[layer.name][1] * 1  # what follows may work in place

    frames = model.normalise(pixels, model.buffer(len(pixels)))
    with torch.inference_mode(False), torch.enable_grad():
        shown = model.laid_out(frames.clone()).requires_grad_()
        with Watch(net, keep):
            rows = tensor_of(net(shown), len(frames), model.name)
        if model.outputs == "probabilities":
            rows = rows.clamp_min(TINY).log()
        own = lead(rows).sum()  # each image's own: nets in evaluation mode do not mix them
        followed = {name: output for name, (_, output) in held.items() if output.requires_grad and own.requires_grad}
        found = torch.autograd.grad(own, list(followed.values()), allow_unused=True) if followed else ()
    slopes = dict(zip(followed, found, strict=True))
    read: dict[str, Array] = {}
    for name, (layer, output) in held.items():
        slope = slopes.get(name)
        numbers = tap.read(layer, output.detach(), torch.zeros_like(output) if slope is None else slope)
        read[name] = numbers.float().cpu().numpy()
    return read
