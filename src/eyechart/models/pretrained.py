"""Models of torchvision and timm with the weights they publish."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn
from torchvision.models import WeightsEnum, get_model, get_model_weights

from eyechart.errors import CheckpointError, UnknownNameError
from eyechart.models.architectures import architecture_of, timm_geometry, torchvision_names, torchvision_preprocessing
from eyechart.models.class_names import Classes, imagenet_classes
from eyechart.models.preprocessing import Preprocessing

PREFIXES = ("torchvision:", "timm:")


@dataclass(frozen=True)
class Pretrained:
    """A module, with its published weights unless it was left without, and what these expect of a picture."""

    module: nn.Module
    architecture: str
    preprocessing: Callable[[], Preprocessing]
    classes: Classes
    source: Mapping[str, Any]


def pretrained(spec: str, *, weights: bool = True) -> Pretrained:
    """Load ``torchvision:NAME[/WEIGHTS]`` or ``timm:NAME[.TAG]`` through the library's own code and cache.

    Args:
        spec: of the model.
        weights: False builds it with random weights, and downloads nothing.

    Raises:
        UnknownNameError: no such model or weights.
        CheckpointError: the weights can be neither downloaded nor found in the cache.
    """
    library, _, name = spec.partition(":")
    if library == "torchvision":
        return _torchvision(spec, *name.partition("/")[::2], load=weights)
    return _timm(spec, name, load=weights)


def expand(spec: str) -> list[str]:
    """Names that a wildcard (``timm:resnet*``, ``torchvision:*``) stands for; a spec without one stands for itself.

    Only models with published weights count. timm's tags (``resnet18.a1_in1k``) are matched if the pattern has a dot.

    Raises:
        UnknownNameError: nothing matches.
    """
    library, _, pattern = spec.partition(":")
    if not spec.startswith(PREFIXES) or not any(sign in pattern for sign in "*?["):
        return [spec]
    names = timm.list_pretrained() if library == "timm" and "." in pattern else _names(library)
    matches = [f"{library}:{name}" for name in names if fnmatchcase(name, pattern)]
    if not matches:
        raise UnknownNameError.of(pattern, names, setting=f"model {library}:", hint="No model matches the wildcard.")
    return matches


def known_models() -> list[str]:
    """Every spec with published weights, timm's tags left out."""
    return [f"{library}:{name}" for library in ("torchvision", "timm") for name in _names(library)]


@cache
def _names(library: str) -> tuple[str, ...]:
    if library == "torchvision":
        return tuple(torchvision_names())
    return tuple(dict.fromkeys(name.partition(".")[0] for name in timm.list_pretrained()))


def _torchvision(spec: str, name: str, wanted: str, *, load: bool) -> Pretrained:
    if name not in torchvision_names():
        raise UnknownNameError.of(name, torchvision_names(), setting="model torchvision:")
    enum = get_model_weights(name)
    member = wanted.rpartition(".")[2] or "DEFAULT"
    if member not in enum.__members__:
        raise UnknownNameError.of(wanted, enum.__members__, setting=f"model torchvision:{name}/")
    weights: WeightsEnum = enum[member]
    file = Path(weights.url).name
    try:
        blank = architecture_of(f"torchvision:{name}")
        module: nn.Module = get_model(name, weights=weights) if load else blank.build(None, {})
    except Exception as error:  # network, disk, a cut file in the cache: each has its own kind
        cache_folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise _unavailable(spec, error, f"Put {file} into {cache_folder}") from error
    names = tuple(weights.meta["categories"])
    ids = imagenet_classes()[1] if len(names) == 1000 else ()
    source = {"weights": f"{type(weights).__name__}.{weights.name}", "url": weights.url}
    return Pretrained(
        module,
        f"torchvision:{name}",
        lambda: torchvision_preprocessing(weights.transforms()),
        (names, ids),
        source,
    )


def _timm(spec: str, name: str, *, load: bool) -> Pretrained:
    base, _, tag = name.partition(".")
    if not timm.is_model(base):
        raise UnknownNameError.of(name, _names("timm"), setting="model timm:")
    published = [full for full in timm.list_pretrained() if full.partition(".")[0] == base]
    if load and not published:
        way_out = f"Name a weights file with --arch timm:{base}."
        raise CheckpointError("timm publishes no weights for this model.", setting="model", value=spec, way_out=way_out)
    if tag and name not in published:
        raise UnknownNameError.of(name, published, setting="model timm:")
    try:
        module: nn.Module = timm.create_model(name, pretrained=load)
    except Exception as error:  # the hub's client, network, disk and timm each raise their own kinds
        from huggingface_hub import constants  # noqa: PLC0415 - only needed for its path

        raise _unavailable(
            spec, error, f"Download it where there is a network and copy {constants.HF_HUB_CACHE}"
        ) from error
    config: Mapping[str, Any] = getattr(module, "pretrained_cfg", {})
    source = {key: config[key] for key in ("tag", "hf_hub_id", "url", "license") if config.get(key)}
    source["weights"] = f"{config.get('architecture', base)}.{config.get('tag', '')}".rstrip(".")
    return Pretrained(module, f"timm:{base}", lambda: timm_geometry(module), ((), ()), source)


def _unavailable(spec: str, error: Exception, how: str) -> CheckpointError:
    library, _, name = spec.partition(":")
    return CheckpointError(
        f"The published weights cannot be had: {type(error).__name__}: {' '.join(str(error).split())[:160]}.",
        setting="model",
        value=spec,
        way_out=f"{how}, or name a weights file with --arch {library}:{name.partition('/')[0].partition('.')[0]}.",
    )
