"""What a corruption is: a function of a batch and of parameters, which a severity and the frame's size choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.core.view import Pixels

Column = Literal["cifar", "tiny", "imagenet"]
Family = Literal["noise", "blur", "weather", "digital"]
Parameters = tuple[Any, ...]
SIDES: Mapping[Column, int] = {"cifar": 32, "tiny": 64, "imagenet": 224}


@dataclass(frozen=True)
class Given:
    """What a corruption works on.

    Attributes:
        pixels: (n, c, h, w) float32 in [0, 1], channels_last; not to be written into.
        batch: where it comes from, to share what severities have in common (``batch.shared``).
        stream: of the corruption; all its severities draw the same numbers.
        column: whose parameters are used.
    """

    pixels: torch.Tensor
    batch: Pixels
    stream: str
    column: Column

    def generators(self, part: str = "") -> list[np.random.Generator]:
        """One an image, always from its start; ``part`` names what is drawn, so that draws do not depend on one another."""
        return [generator(self.batch.seed, f"{self.stream}/{part}", i) for i in self.batch.ids]

    def drawn(self, part: str, draw: Callable[[np.random.Generator], np.ndarray[Any, Any]]) -> torch.Tensor:
        """``draw`` of each image's generator, stacked (n, ...) on the device; drawn once for all severities."""

        def made() -> torch.Tensor:
            return torch.from_numpy(np.stack([draw(g) for g in self.generators(part)])).to(self.pixels.device)

        return self.batch.shared(("corruption", self.stream, part), made)


Apply = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Kind:
    """One corruption.

    Attributes:
        apply: (given, *parameters) -> (n, c, h, w), float in units of [0, 1], before clipping.
        family: noise, blur, weather or digital.
        levels: by column, the parameters at severities 1 to 5.
        extra: one of the four meant for validation, which take no part in a mean corruption error.
    """

    apply: Apply
    family: Family
    levels: Mapping[Column, Sequence[Parameters]]
    extra: bool = False
