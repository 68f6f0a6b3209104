"""A layer within reach: what it says of frames, with gradients, and nothing of the net behind it is run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from eyechart.errors import SettingError, UnknownNameError
from eyechart.models.answers import tensor_of
from eyechart.models.fold import refolded
from eyechart.models.geometry import LayerGeometry
from eyechart.models.image_model import ImageModel
from eyechart.models.layers import Layer, Watch, first_tensor
from eyechart.run.subject import subject_of
from eyechart.views import channel_readings
from eyechart.views.feature_maps import Map, as_maps

OUTPUTS = "outputs"  # the net's own answers, beside its layers


class _Reached(Exception):
    """The last layer that was asked for has spoken."""


@dataclass(frozen=True)
class Held:
    """A layer and its channels.

    Attributes:
        layer: the step of the net.
        channels: how many.
        map: how it holds them for the model's own frame, as the exam ``channels`` reads them; None of a plain vector.
    """

    layer: Layer
    channels: int
    map: Map | None


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
            met[OUTPUTS] = tensor_of(answer, len(frames), self.model.name)
        for name in self.layers:
            if name not in met:
                raise SettingError(
                    "The layer is not reached.", setting="--layer", value=name, way_out="See: eyechart layers MODEL."
                )
        return {name: self._maps(name, met[name]) for name in self.layers}

    def bears(self, size: tuple[int, int]) -> bool:
        """Whether the layers are reached, with a map of one place at least, with frames of ``size`` (height, width)."""
        frames = torch.zeros(1, self.model.preprocessing.channels, *size, device=self.model.device)
        try:
            with torch.no_grad():
                found = self.of_frames(frames)
        except Exception:  # whatever a net raises that demands one size
            return False
        return all(maps.shape[1] == self.held[name].channels and maps.numel() for name, maps in found.items())

    def _maps(self, name: str, output: Tensor) -> Tensor:
        own = self.held[name].map
        if own is None:
            return output.reshape(*output.shape[:2], 1, 1)
        if own.arrangement.startswith("tokens"):  # as many as the frame has room for
            count = output.shape[-2] - own.extra
            side = isqrt(max(count, 0))
            if count != own.height * own.width and side * side != count:
                raise SettingError("Its tokens are no square.", setting="--layer", value=name, way_out=_OTHER)
            own = own if count == own.height * own.width else own._replace(height=side, width=side)
        return as_maps(output, own)

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
    check_used(model, name)
    if name not in steps:
        raise UnknownNameError.of(name, [*steps, OUTPUTS], setting="--layer", hint="See: eyechart layers MODEL.")
    place = geometry_of(model).get(name)
    found = channel_readings.held_by(steps[name], model.preprocessing.size, place.axes if place else None)
    if isinstance(found, str):
        raise SettingError(f"The layer holds no channels: {found}.", setting="--layer", value=name, way_out=_OTHER)
    return Held(steps[name], channel_readings.channels_in(steps[name], found), found)


def check_used(model: ImageModel, name: str) -> None:
    """Raises SettingError if the net has a module of this name that it does not use for its own frames."""
    if model.plain is None or any(layer.name == name for layer in model.plain.layers):
        return
    if name and name in dict(model.plain.net.named_modules()):
        raise SettingError(
            "The net has this layer, but does not use it for an image, or gets no tensor from it.",
            setting="--layer",
            value=name,
            way_out=_OTHER,
        )


_KNOWN: WeakKeyDictionary[ImageModel, Mapping[str, LayerGeometry]] = WeakKeyDictionary()


def geometry_of(model: ImageModel) -> Mapping[str, LayerGeometry]:
    """Where the units of a model's layers lie, found out once a model."""
    if model not in _KNOWN:
        _KNOWN[model] = dict(subject_of(model, labelled=False).geometry)
    return _KNOWN[model]


def _stopping(met: dict[str, Tensor], name: str) -> Callable[..., None]:
    def hook(module: nn.Module, args: Any, output: Any) -> None:
        first = first_tensor(output)
        if first is not None:
            met[name] = first
            raise _Reached

    return hook


_OTHER = "Choose another layer. See: eyechart layers MODEL."
