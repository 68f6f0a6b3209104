"""A layer within reach: what it says of frames, with gradients, and nothing of the net behind it is run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from eyechart.errors import SettingError, UnknownNameError
from eyechart.models.fold import refolded
from eyechart.models.image_model import ImageModel
from eyechart.models.layers import Layer, Watch
from eyechart.views.feature_maps import as_maps, map_of

OUTPUTS = "outputs"  # the net's own answers, beside its layers


class _Reached(Exception):
    """The last layer that was asked for has spoken."""


@dataclass(frozen=True)
class Held:
    """A layer and its channels.

    Attributes:
        layer: the step of the net.
        channels: how many.
        plane: (height, width) of its maps for the model's own frame; None of a plain vector.
    """

    layer: Layer
    channels: int
    plane: tuple[int, int] | None


class Reach:
    """Layers of a model as differentiable functions of pixels.

    A copy of the net is asked: frozen, in evaluation mode, BatchNorm folded into all convolutions whose own outputs are not
    asked for. The model's own net is left as it is.

    Args:
        model: from ``load_model`` or ``wrap``.
        layers: names as ``eyechart layers`` lists them, or ``outputs``.

    Raises:
        UnknownNameError: there is no such layer.
        SettingError: the net cannot be watched, or a layer's output is not one an image or holds no channels.
    """

    def __init__(self, model: ImageModel, layers: Sequence[str]) -> None:
        self.model = model
        self.layers = tuple(dict.fromkeys(layers))
        self.held = {name: held_by(model, name) for name in self.layers}
        self._last = self._last_used()
        preprocessing = model.preprocessing
        shape = (1, preprocessing.channels, 1, 1)
        self._mean = torch.tensor(preprocessing.mean, device=model.device).view(shape)
        self._std = torch.tensor(preprocessing.std, device=model.device).view(shape)

    @cached_property
    def net(self) -> nn.Module:
        """The copy that is asked."""
        plain = self.model.plain
        if plain is None:  # held_by has refused all layers but the outputs
            return self.model.net
        pairs = tuple(pair for pair in plain.pairs if pair.layer not in self.layers)
        with torch.no_grad():
            net = refolded(copy.deepcopy(plain.net), pairs).eval()
        if self.model.channels_last:
            net = net.to(memory_format=torch.channels_last)
        return net.requires_grad_(False)

    def __call__(self, pixels: Tensor) -> dict[str, Tensor]:
        """What the layers say of ``pixels`` (n, c, h, w) in [0, 1]: name -> maps (n, channels, rows, columns).

        A plain vector is a map of one place. Differentiable with respect to the pixels.

        Raises:
            SettingError: a layer is not reached with frames of this size.
        """
        return self.of_frames((pixels - self._mean) / self._std)

    def of_frames(self, frames: Tensor) -> dict[str, Tensor]:
        """The same of normalised frames (n, c, h, w)."""
        met: dict[str, Tensor] = {}
        if self.model.channels_last:
            frames = frames.contiguous(memory_format=torch.channels_last)
        with self._listening(met):
            try:
                answer = self.net(frames)
            except _Reached:
                answer = None
        if OUTPUTS in self.layers and answer is not None:
            met[OUTPUTS] = answer[0] if isinstance(answer, (tuple, list)) else answer
        for name in self.layers:
            if name not in met:
                raise SettingError(
                    "The layer is not reached.", setting="--layer", value=name, way_out="See: eyechart layers MODEL."
                )
        return {name: self._maps(name, met[name], frames) for name in self.layers}

    def bears(self, size: tuple[int, int]) -> bool:
        """Whether the layers are reached, with a map of one place at least, with frames of ``size`` (height, width)."""
        frames = torch.zeros(1, self.model.preprocessing.channels, *size, device=self.model.device)
        try:
            with torch.no_grad():
                found = self.of_frames(frames)
        except Exception:  # whatever a net raises that demands one size
            return False
        return all(maps.shape[1] == self.held[name].channels and maps.numel() for name, maps in found.items())

    def _maps(self, name: str, output: Tensor, frames: Tensor) -> Tensor:
        held = self.held[name]
        if held.plane is None:
            return output.reshape(*output.shape[:2], 1, 1)
        shaped = Layer(name, held.layer.kind, tuple(output.shape[1:]), each=True)
        found = map_of(shaped, (frames.shape[2], frames.shape[3]))
        if isinstance(found, str):  # small maps: arranged as for the model's own frame
            own = map_of(held.layer, self.model.preprocessing.size)
            if isinstance(own, str) or own.arrangement not in ("channels first", "channels last"):
                raise SettingError(f"The layer holds no maps: {found}.", setting="--layer", value=name, way_out=_OTHER)
            return output if own.arrangement == "channels first" else output.movedim(-1, 1)
        return as_maps(output, found)

    def _last_used(self) -> str:
        if OUTPUTS in self.layers:
            return OUTPUTS
        order = [layer.name for layer in self.model.plain.layers] if self.model.plain else []
        return max(self.layers, key=order.index)

    @contextmanager
    def _listening(self, met: dict[str, Tensor]) -> Iterator[None]:
        """While it is entered, outputs of the layers are put into ``met``; the last ends the pass."""
        wanted = set(self.layers) - {OUTPUTS}
        if len(wanted) == 1 and (module := self._module(next(iter(wanted)))) is not None and OUTPUTS not in self.layers:
            handle = module.register_forward_hook(_stopping(met, self._last))
            try:
                yield
            finally:
                handle.remove()
            return
        if not wanted:
            yield
            return

        def see(layer: Layer, output: Tensor) -> None:
            if layer.name in wanted:
                met[layer.name] = output.clone()  # what follows may change it in place
            if layer.name == self._last:
                raise _Reached

        with Watch(self.net, see):
            yield

    def _module(self, name: str) -> nn.Module | None:
        """The module whose first call is the layer; None of a function, or of a later call."""
        return dict(self.net.named_modules()).get(name)


def held_by(model: ImageModel, name: str) -> Held:
    """A layer by name, and how many channels it has.

    Raises:
        UnknownNameError, SettingError: see ``Reach``.
    """
    if name == OUTPUTS:
        return Held(Layer(OUTPUTS, "linear", (model.n_outputs,)), model.n_outputs, None)
    steps = {layer.name: layer for layer in model.plain.layers} if model.plain else {}
    if not steps:
        way_out = "Put the steps into torch modules, and give the model's own code if this is an exported or scripted program."
        raise SettingError("No step of this model can be watched.", setting="--layer", value=name, way_out=way_out)
    if name not in steps:
        raise UnknownNameError.of(name, [*steps, OUTPUTS], setting="--layer", hint="See: eyechart layers MODEL.")
    layer = steps[name]
    if not layer.each:
        raise SettingError("Its outputs are not one an image.", setting="--layer", value=name, way_out=_OTHER)
    if len(layer.shape) == 1:
        return Held(layer, layer.shape[0], None)
    found = map_of(layer, model.preprocessing.size)
    if not isinstance(found, str):
        channels = as_maps(torch.empty((1, *layer.shape), device="meta"), found).shape[1]
        return Held(layer, channels, (found.height, found.width))
    if len(layer.shape) == 3:  # maps too small to tell (c, h, w) from (h, w, c) by their proportions: the usual order
        return Held(layer, layer.shape[0], (layer.shape[1], layer.shape[2]))
    raise SettingError(f"The layer holds no channels: {found}.", setting="--layer", value=name, way_out=_OTHER)


def _stopping(met: dict[str, Tensor], name: str) -> Callable[..., None]:
    def hook(module: nn.Module, args: Any, output: Any) -> None:
        first = output[0] if isinstance(output, (tuple, list)) and output else output
        if isinstance(first, Tensor):
            met[name] = first
            raise _Reached

    return hook


_OTHER = "Choose another layer. See: eyechart layers MODEL."
