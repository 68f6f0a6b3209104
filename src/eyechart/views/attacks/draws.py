"""Random numbers of attacks: each image's own, whatever is attacked beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from eyechart.core.chance import generator


@dataclass(frozen=True)
class Draws:
    """Streams of some images.

    Attributes:
        seed: of the run.
        stream: of the attack.
        ids: of the images.
        device: where what is drawn is wanted.
    """

    seed: int
    stream: str
    ids: tuple[str, ...]
    device: torch.device

    def of(self, chosen: torch.Tensor) -> Draws:
        """For some of the images: ``chosen`` is (n,) bool or indices."""
        index = chosen.nonzero().flatten() if chosen.dtype == torch.bool else chosen
        return replace(self, ids=tuple(self.ids[i] for i in index.tolist()))

    def drawn(self, part: str, draw: Callable[[np.random.Generator], np.ndarray[Any, Any]]) -> torch.Tensor:
        """(n, ...): ``draw`` from each image's generator, anew from its start; ``part`` names what is drawn."""
        each = [draw(generator(self.seed, f"{self.stream}/{part}", i)) for i in self.ids]
        return torch.from_numpy(np.stack(each)).to(self.device) if each else torch.empty(0, device=self.device)

    def uniform(self, part: str, shape: tuple[int, ...]) -> torch.Tensor:
        """(n, *shape) float32 uniform on [-1, 1)."""
        return self.drawn(part, lambda g: 2 * g.random(shape, dtype=np.float32) - 1)

    def normal(self, part: str, shape: tuple[int, ...]) -> torch.Tensor:
        """(n, *shape) float32 standard normal."""
        return self.drawn(part, lambda g: g.standard_normal(shape, dtype=np.float32))
