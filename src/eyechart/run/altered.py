"""Models with other weights."""

from __future__ import annotations

from collections.abc import Callable

import torch

from eyechart.core.weights import Weights
from eyechart.models.image_model import ImageModel
from eyechart.models.statistics import settle

MOST_KEPT = 8  # nets

Settle = Callable[[torch.nn.Module], None]


class OtherWeights:
    """A model with other weights: the latest few are kept, and the oldest of them makes room for a new one.

    Args:
        model: with its own weights.
        calibration: gives the first so many plain frames (n, c, h, w) uint8, for weights that settle on images.
    """

    def __init__(self, model: ImageModel, calibration: Callable[[int], torch.Tensor] | None) -> None:
        self._model, self._calibration = model, calibration
        self._kept: dict[Weights, ImageModel] = {}
        self._kinds: set[type[Weights]] = set()

    def model(self, weights: Weights, among: int = 1) -> ImageModel:
        """The model with these weights; good until so many others were asked for that it is written over.

        Args:
            among: how many are asked for in turn; of more than are kept none would be met again, and only one is.
        """
        most = MOST_KEPT if among <= MOST_KEPT else 1
        self._kinds.add(type(weights))
        if weights in self._kept:
            self._kept[weights] = self._kept.pop(weights)
        else:
            spare = None
            while len(self._kept) >= most:
                spare = self._kept.pop(next(iter(self._kept)))
            self._kept[weights] = altered(self._model, weights, self._settle(weights), spare)
        return self._kept[weights]

    def forget(self) -> None:
        """Let go of all, and of what their weights were made from."""
        self._kept.clear()
        for kind in self._kinds:
            kind.let_go()
        if self._model.plain is not None:
            self._model.plain.tidy()

    def _settle(self, weights: Weights) -> Settle:
        """What takes BatchNorm's statistics anew, if the weights ask for that."""
        if not weights.settled_on:
            return _as_it_is
        if self._calibration is None:
            raise ValueError(f"{weights} settle on images, and there are none")
        frames = self._calibration(weights.settled_on).to(self._model.device)
        shown = self._model.laid_out(self._model.normalise(frames, self._model.buffer(len(frames))))
        return lambda net: settle(net, shown)


def _as_it_is(net: torch.nn.Module) -> None:
    """Statistics are kept."""


def altered(
    model: ImageModel, weights: Weights, settle: Settle = _as_it_is, spare: ImageModel | None = None
) -> ImageModel:
    """The model with other weights; ``settle``: see ``PlainNet.altered``; ``spare``: one that may be written over."""
    if model.plain is None:
        raise ValueError(f"{model.name} has no weights")
    into = None if spare is None else spare.net
    net = model.plain.altered(lambda own, kernels: dict(weights.changed(own, kernels)), settle, into)
    return spare if spare is not None and spare.net is net else model.with_net(net)


def can_alter(model: ImageModel, weights: Weights) -> bool:
    """Whether the model has the weights that are to be changed."""
    return model.plain is not None and weights.suits(model.plain.tensors, model.plain.convolutions)
