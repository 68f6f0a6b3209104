"""Random numbers of training: tables with one row an image, anew for every epoch, whatever batch an image falls into."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch

from eyechart.core.chance import generator

Kind = Literal["uniform", "normal"]


class EpochDraws:
    """What is drawn in one epoch.

    Args:
        seed: of the training.
        epoch: counted from 0.
        n: number of training images.
    """

    def __init__(self, seed: int, epoch: int, n: int) -> None:
        self._seed, self._epoch, self._n = seed, epoch, n
        self._tables: dict[tuple[str, int], np.ndarray[Any, Any]] = {}

    @cached_property
    def order(self) -> torch.Tensor:
        """(n,) int64: the order in which the images are shown."""
        return torch.from_numpy(self._generator("order").permutation(self._n))

    def uniform(self, stream: str, numbers: int, index: torch.Tensor) -> torch.Tensor:
        """(len(index), numbers) float32 uniform on [0, 1): those of the images ``index``, for what ``stream`` names."""
        key = stream, numbers
        if key not in self._tables:
            self._tables[key] = self._generator(stream).random((self._n, numbers), dtype=np.float32)
        return torch.from_numpy(self._tables[key][index.cpu().numpy()]).to(index.device)

    def noise(self, index: torch.Tensor, stream: str, shape: tuple[int, ...], kind: Kind) -> torch.Tensor:
        """(len(index), *shape) float32 for the images ``index``, from a generator of each image's own."""
        each = np.empty((len(index), *shape), np.float32)
        for row, image in zip(each, index.tolist(), strict=True):
            chance = generator(self._seed, f"train/{stream}/{self._epoch}", str(image))
            chance.random(out=row, dtype=np.float32) if kind == "uniform" else chance.standard_normal(
                out=row, dtype=np.float32
            )
        return torch.from_numpy(each).to(index.device)

    def _generator(self, stream: str) -> np.random.Generator:
        return generator(self._seed, f"train/{stream}", str(self._epoch))
