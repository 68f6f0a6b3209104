"""Attacks through the engine, and models on which their outcome is known."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from eyechart.core.query import Answers, Query
from eyechart.core.view import Attacked, Pixels, Precision
from eyechart.models.image_model import ImageModel
from eyechart.run.draw import draw
from eyechart.run.forward import Forwarder
from eyechart.run.jobs import Jobs
from eyechart.run.plan import source_views
from eyes import LinearEye, image_set, noise_images, seen_by

SIZE = 6


def linear(seed: int = 0, classes: int = 2) -> tuple[ImageModel, np.ndarray]:
    weight = torch.randn(classes, 3 * SIZE * SIZE, generator=torch.Generator().manual_seed(seed))
    return seen_by(LinearEye(weight), SIZE), weight.numpy()


def attacked(model: ImageModel, images: np.ndarray, labels: np.ndarray, queries: Sequence[Query]) -> Answers:
    pictures = image_set(images, labels)
    views = source_views(queries)
    job = Jobs(pictures, labels, np.arange(len(images)), model.preprocessing, 0).of(range(len(images)), views)
    with torch.inference_mode():
        return Forwarder(model, 16, 0).answers(queries, views, draw(job), tuple(pictures.ids), labels)


def middling(n: int) -> np.ndarray:
    """Images that no small change takes beyond [0, 1]."""
    return (64 + noise_images(n, SIZE) // 2).astype(np.uint8)


class CurvedEye(nn.Module):
    """Two layers and three classes, drawn at random: nothing about it is known but that it is not linear."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        chance = torch.Generator().manual_seed(seed)
        self.net = nn.Sequential(nn.Conv2d(3, 12, 3), nn.BatchNorm2d(12), nn.ReLU(), nn.Flatten(), nn.Linear(192, 3))
        for p in self.net.parameters():
            p.data.copy_(torch.randn(p.shape, generator=chance))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.03 * self.net(x)


def curved(n: int) -> tuple[ImageModel, np.ndarray, np.ndarray]:
    model, images = seen_by(CurvedEye(), SIZE), noise_images(n, SIZE, 3)
    return model, images, told(model, images)


def batch_of(
    model: ImageModel, images: np.ndarray, labels: np.ndarray, precision: Precision = "float32", first: int = 0
) -> Pixels:
    """Images (n, h, w, c) uint8 as attacks are handed them; ids are their numbers, counted from ``first``."""
    pixels = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float().div(255)
    ids = tuple(f"{first + i:04d}" for i in range(len(images)))
    handed = Attacked(model, np.asarray(labels), precision)
    return Pixels(pixels.contiguous(memory_format=torch.channels_last), ids, 0, attacked=handed)


def told(model: ImageModel, images: np.ndarray) -> np.ndarray:
    """(n,) what the model says, so that it is right on all."""
    return model(torch.from_numpy(images).permute(0, 3, 1, 2)).argmax(1).numpy()


class Meter(TorchDispatchMode):
    """How many bytes of tensors are alive at a time, at most, among those made meanwhile: ``most``."""

    def __init__(self) -> None:
        super().__init__()
        self._alive: dict[int, int] = {}
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            storage = tensor.untyped_storage() if isinstance(tensor, torch.Tensor) else None
            if storage is not None and storage._cdata not in self._alive:
                self._alive[storage._cdata] = storage.nbytes()
                weakref.finalize(storage, self._alive.pop, storage._cdata, None)
        self.most = max(self.most, sum(self._alive.values()))
        return made
