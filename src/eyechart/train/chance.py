"""Random numbers of training: tables with one row an image, anew for every epoch, whatever batch an image falls into."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch

from eyechart.core.chance import generator


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

    def _generator(self, stream: str) -> np.random.Generator:
        return generator(self._seed, f"train/{stream}", str(self._epoch))
