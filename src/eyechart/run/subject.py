"""What exams may know of a model before they ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property

import torch

from eyechart.core.exam import Subject
from eyechart.models.geometry import LayerGeometry, geometry_with
from eyechart.models.image_model import ImageModel


class _OnCpu(Mapping[str, torch.Tensor]):
    """A net's tensors, copied to the CPU one by one when asked for."""

    def __init__(self, own: Mapping[str, torch.Tensor]) -> None:
        self._own = own

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._own[name].to("cpu", torch.float32, copy=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)


class _Geometry(Mapping[str, LayerGeometry]):
    """Where layers' units lie in the picture, found out when first asked for."""

    def __init__(self, model: ImageModel) -> None:
        self._model = model

    @cached_property
    def _found(self) -> dict[str, LayerGeometry]:
        frames = self._model.laid_out(self._model.buffer(1).fill_(0.5))
        plain = self._model.plain
        found = geometry_with(plain.net if plain else self._model.net, frames, plain.layers if plain else ())
        return {layer.name: layer for layer in found}

    def __getitem__(self, name: str) -> LayerGeometry:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def subject_of(model: ImageModel, labelled: bool, training: bool = False, targets: tuple[str, ...] = ()) -> Subject:
    """What exams may know of a model and of its images: see ``Subject``."""
    known = Subject(model.preprocessing.size, model.n_outputs, model.class_names, model.kind, labelled, training)
    softmax = model.outputs == "probabilities"
    known = replace(known, class_ids=model.class_ids, targets=targets, softmax=softmax)
    known = replace(known, channels=model.preprocessing.channels)
    if model.plain is None:
        return known
    plain = model.plain
    seen = replace(known, layers=plain.layers, convolutions=plain.convolutions)
    return replace(seen, weights=_OnCpu(plain.tensors), geometry=_Geometry(model))
