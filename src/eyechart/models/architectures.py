"""Architectures by name: how to build one, and what its usual weights expect of a picture."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import timm
import torchvision
from timm.data.config import resolve_model_data_config
from torch import Tensor, nn
from torchvision.models import get_model_builder, get_model_weights

from eyechart.errors import PreprocessingError, UnknownNameError
from eyechart.models.class_names import Classes
from eyechart.models.dotted import attribute_classes, attribute_preprocessing, find_object, make_module
from eyechart.models.nets import OWN_NETS
from eyechart.models.preprocessing import FILTERS, Preprocessing

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Architecture:
    """A net without weights.

    Attributes:
        name: as the user wrote it.
        build: (number of classes or None for the usual one, the weights to come) -> module.
        takes_classes: whether the number of classes can be chosen.
        preprocessing: of its usual weights, given the built module; None if unknown.
        classes: (names, ids) known for the built module.
        imagenet: whether 1,000 outputs mean ImageNet's classes.
    """

    name: str
    build: Callable[[int | None, State], nn.Module]
    takes_classes: bool
    preprocessing: Callable[[nn.Module], Preprocessing | None]
    classes: Callable[[nn.Module], Classes] = lambda module: ((), ())
    imagenet: bool = False


def architecture_of(spec: str, *, setting: str = "--arch") -> Architecture:
    """Look up ``torchvision:NAME``, ``timm:NAME``, ``eyechart:NAME`` or ``pkg.module:factory``.

    Raises:
        UnknownNameError, SettingError: there is none of that name, or it cannot be imported.
    """
    prefix, _, name = spec.partition(":")
    if prefix == "torchvision":
        return _torchvision(spec, name)
    if prefix == "timm":
        return _timm(spec, name)
    if prefix == "eyechart":
        return _own(spec, name)
    return _dotted(spec, setting)


def torchvision_names() -> list[str]:
    """Image classifiers of torchvision."""
    return list(torchvision.models.list_models(module=torchvision.models))


def torchvision_preprocessing(transforms: Any) -> Preprocessing:
    """The geometry and normalisation of a weights' ``transforms()``.

    Raises:
        PreprocessingError: it is not the preset of a classifier.
    """
    try:
        crop, resize = transforms.crop_size, transforms.resize_size
        return Preprocessing(
            size=(crop[0], crop[-1]),
            resize=resize[0] if len(resize) == 1 else tuple(resize),
            interpolation=transforms.interpolation.value,
            mean=tuple(transforms.mean),
            std=tuple(transforms.std),
        )
    except AttributeError as error:
        raise _unusual("torchvision", repr(transforms)) from error


def timm_geometry(module: nn.Module) -> Preprocessing:
    """The geometry and normalisation that timm's evaluation uses for ``module``.

    Raises:
        PreprocessingError: a way of cropping that ``Preprocessing`` cannot express.
    """
    config: dict[str, Any] = resolve_model_data_config(module)  # type: ignore[no-untyped-call]
    _, height, width = config["input_size"]
    scaled = tuple(math.floor(side / config["crop_pct"]) for side in (height, width))
    squash = config["crop_mode"] == "squash"
    known = squash or (config["crop_mode"] == "center" and height == width)
    if not known or config["interpolation"] not in FILTERS:
        raise _unusual("timm", ", ".join(f"{key} {value}" for key, value in config.items()))
    return Preprocessing(
        size=(height, width),
        resize=(scaled[0], scaled[1]) if squash else scaled[0],
        interpolation=config["interpolation"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )


def _torchvision(spec: str, name: str) -> Architecture:
    if name not in torchvision_names():
        raise UnknownNameError.of(name, torchvision_names(), setting="--arch torchvision:")

    def build(num_classes: int | None, state: State) -> nn.Module:
        options: dict[str, Any] = {} if num_classes is None else {"num_classes": num_classes}
        if name in ("googlenet", "inception_v3"):  # their published weights move the normalisation into the net
            aux = any(key.lower().startswith("aux") for key in state)
            options |= {"transform_input": True, "aux_logits": aux, "init_weights": False}
        module: nn.Module = get_model_builder(name)(weights=None, **options)
        return module

    def preprocessing(module: nn.Module) -> Preprocessing:
        return torchvision_preprocessing(get_model_weights(name).DEFAULT.transforms())

    return Architecture(spec, build, True, preprocessing, imagenet=True)


def _timm(spec: str, name: str) -> Architecture:
    if not timm.is_model(name):
        raise UnknownNameError.of(name, timm.list_models(), setting="--arch timm:")

    def build(num_classes: int | None, state: State) -> nn.Module:
        options: dict[str, Any] = {} if num_classes is None else {"num_classes": num_classes}
        module: nn.Module = timm.create_model(name, pretrained=False, **options)
        return module

    return Architecture(spec, build, True, timm_geometry, imagenet=True)


def _own(spec: str, name: str) -> Architecture:
    if name not in OWN_NETS:
        raise UnknownNameError.of(name, OWN_NETS, setting="--arch eyechart:")
    own = OWN_NETS[name]

    def build(num_classes: int | None, state: State) -> nn.Module:
        return own.build() if num_classes is None else own.build(num_classes)

    def classes(module: nn.Module) -> Classes:
        last = list(module.state_dict().values())[-1]
        return (own.class_names if len(last) == len(own.class_names) else (), ())

    return Architecture(spec, build, True, lambda module: own.preprocessing, classes)


def _dotted(spec: str, setting: str) -> Architecture:
    factory = find_object(spec, setting=setting)
    takes_classes = callable(factory) and "num_classes" in _parameters(factory)

    def build(num_classes: int | None, state: State) -> nn.Module:
        options = {} if num_classes is None else {"num_classes": num_classes}
        return make_module(factory, spec, **options)

    def preprocessing(module: nn.Module) -> Preprocessing | None:
        return attribute_preprocessing(module, factory)

    def classes(module: nn.Module) -> Classes:
        return attribute_classes(module, factory), ()

    return Architecture(spec, build, takes_classes, preprocessing, classes)


def _parameters(factory: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(factory).parameters
    except (TypeError, ValueError):  # callables written in C tell nothing
        return {}


def _unusual(library: str, value: str) -> PreprocessingError:
    return PreprocessingError(
        f"The preprocessing that {library} names for this model is not a resize and a centre crop.",
        setting="--preprocess",
        value=value,
        way_out=f"Write what comes nearest into a file and give it with --preprocess: {Preprocessing.EXAMPLE}",
    )
