"""One vector an image: what a classifier's last step reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from eyechart.core.tap import Tap
from eyechart.models.layers import Layer
from eyechart.views.feature_maps import as_maps, map_of

WEIGHTED = ("linear", "convolution")


@dataclass(frozen=True)
class FeatureVector(Tap):
    """A layer's output as it is, where it is a vector; else its mean over places or tokens: (n, c).

    Attributes:
        frame: (height, width) of the model's input.
    """

    frame: tuple[int, int] = (0, 0)

    def read(self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None) -> torch.Tensor | None:
        """None of an output of more than three axes."""
        if len(layer.shape) not in (1, 2, 3):
            return None
        if len(layer.shape) == 1:
            return output
        held = map_of(layer, self.frame)
        if not isinstance(held, str):
            return as_maps(output, held).mean((2, 3))
        return output.mean((2, 3) if len(layer.shape) == 3 else 1)  # of maps too small for map_of, or other tokens


def penultimate(layers: Sequence[Layer], n_classes: int) -> str | None:
    """The last step before the one whose weights make the classes, at the end or at each place: what the classifier reads.

    Steps after that one, and those around it, have one number a class, too; so may a layer before it, which counts.
    """
    classified = False
    for layer in reversed(layers):
        if not layer.each or not 1 <= len(layer.shape) <= 3:
            continue
        channels = layer.shape[-1 if len(layer.shape) == 2 else 0]
        if channels != n_classes or (classified and layer.kind != "block"):
            return layer.name
        classified = classified or layer.kind in WEIGHTED
    return None
