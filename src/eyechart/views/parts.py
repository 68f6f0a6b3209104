"""The middle of one image on the shuffled parts of another: an object against a background of another's texture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch

from eyechart.core.view import Pixels, SourceView
from eyechart.views.conflicts import Conflict
from eyechart.views.outlines import Silhouette
from eyechart.views.patches import drawn_orders, shuffled

Shape = Literal["disc", "box", "silhouette"]


@dataclass(frozen=True)
class ObjectOnParts(Conflict):
    """The object of A, pixel by pixel, and around it B cut into grid x grid tiles in a random order, never their own.

    Objects of photographs lie mostly in the middle, which stands for them unless there are masks.

    Attributes:
        shape: ``disc``, the middle, its diameter a share of the shorter side; ``box``, its sides a share of the frame's; or
            ``silhouette``, the object by A's mask or before a near-white ground, see ``Silhouette``; not valid without one.
        share: that share, of the middle.
        grid: tiles a side. Rows and columns beyond a multiple of it stay in place.
    """

    shape: Shape = "disc"
    share: float = 0.75
    grid: int = 4

    @property
    def stream(self) -> str:
        """One order of the tiles for each image, whatever is laid on them."""
        return f"shuffled parts.{self.grid}.{self.number}"

    @property
    def besides(self) -> tuple[SourceView, ...]:
        """B and, for the object itself, A's silhouette."""
        return (self.beside, Silhouette()) if self.shape == "silhouette" else (self.beside,)

    def mixed(self, a: Pixels, b: Pixels) -> torch.Tensor:
        """Copies pixels: nothing is clipped."""
        parts = shuffled(b.tensor, self.grid, drawn_orders(a, self.stream, self.grid**2))
        found = torch.where(self._inside(a), a.tensor, parts)
        return found.contiguous(memory_format=torch.channels_last)

    def _inside(self, a: Pixels) -> torch.Tensor:
        """(h, w) or (n, 1, h, w) bool."""
        if self.shape == "silhouette":
            return a.beside[Silhouette()].tensor[:, :1] < 0.5
        return middle(a.tensor.shape[2], a.tensor.shape[3], self.shape, self.share).to(a.tensor.device)


@lru_cache(maxsize=8)
def middle(height: int, width: int, shape: Literal["disc", "box"], share: float) -> torch.Tensor:
    """(height, width) bool: the pixels whose centres lie in the middle of the frame."""
    with torch.inference_mode(False):
        down, across = ((torch.arange(n, device="cpu") + 0.5 - n / 2).abs() for n in (height, width))
        if shape == "disc":
            return torch.hypot(down[:, None], across[None, :]) <= share * min(height, width) / 2
        return (down <= share * height / 2)[:, None] & (across <= share * width / 2)[None, :]
