"""What exams may know of a model before they ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch

from eyechart.core.exam import Subject
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


def subject_of(model: ImageModel, labelled: bool) -> Subject:
    """What exams may know of a model and whether its images have labels."""
    known = Subject(model.preprocessing.size, model.n_outputs, model.class_names, model.kind, labelled)
    if model.plain is None:
        return known
    plain = model.plain
    return replace(known, layers=plain.layers, convolutions=plain.convolutions, weights=_OnCpu(plain.tensors))
