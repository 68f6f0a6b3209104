"""How far a view moves a layer of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from eyechart.core.tap import Tap

if TYPE_CHECKING:
    import torch

    from eyechart.models.layers import Layer


@dataclass(frozen=True)
class LayerChange(Tap):
    """L2 norm of what a layer says of the shown image less what it says of the plain one, over all its outputs: (n,)."""

    against_plain: ClassVar[bool] = True

    def read(self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None) -> torch.Tensor:
        """(n,) norms. Raises ValueError without the plain image."""
        if plain is None:
            raise ValueError(f"{layer.name} is compared with nothing")
        moved: torch.Tensor = (output - plain).flatten(1).norm(dim=1)
        return moved
