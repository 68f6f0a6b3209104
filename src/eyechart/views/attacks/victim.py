"""A model as attacks see it: pixels in [0, 1] in, answers and gradients out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from eyechart.core.view import Precision
from eyechart.models.image_model import ImageModel

Loss = Callable[[torch.Tensor], torch.Tensor]  # logits (n, k) -> (n,), to be maximised


class Slope(NamedTuple):
    """One look with gradients: logits (n, k), the loss (n,), and its gradient with respect to the pixels (n, c, h, w)."""

    logits: torch.Tensor
    loss: torch.Tensor
    gradient: torch.Tensor


@dataclass(frozen=True, eq=False)
class Victim:
    """A model under attack.

    Attributes:
        model: asked as it is; its normalisation is part of it.
        precision: of ``slope`` and ``glimpse``, in which attacks search; ``logits`` is always float32.
    """

    model: ImageModel
    precision: Precision = "float32"
    _mean: torch.Tensor = field(init=False, repr=False)
    _std: torch.Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with torch.inference_mode(False):
            for name in ("mean", "std"):
                values = torch.tensor(getattr(self.model.preprocessing, name), device=self.model.device)
                object.__setattr__(self, f"_{name}", values.view(1, -1, 1, 1))

    @torch.no_grad()
    def logits(self, pixels: torch.Tensor) -> torch.Tensor:
        """Answers (n, k) in float32, without gradients: what claims are confirmed with."""
        return self._ask(pixels)

    @torch.no_grad()
    def glimpse(self, pixels: torch.Tensor) -> torch.Tensor:
        """Answers (n, k) at the precision of the search, without gradients."""
        return self._searching(pixels)

    def slope(self, pixels: torch.Tensor, loss: Loss) -> Slope:
        """Answers, loss and gradient at the precision of the search. Losses are summed: no image shrinks another's gradient."""
        with torch.inference_mode(False), torch.enable_grad():
            frames = pixels.clone(memory_format=torch.channels_last).requires_grad_()
            logits = self._searching(frames)
            losses = loss(logits)
            (gradient,) = torch.autograd.grad(losses.sum(), frames)
        return Slope(logits.detach(), losses.detach(), gradient)

    def _searching(self, pixels: torch.Tensor) -> torch.Tensor:
        if self.precision == "float32":
            return self._ask(pixels)
        with torch.autocast(pixels.device.type, dtype=torch.bfloat16):
            return self._ask(pixels).float()

    def _ask(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.model.forward((pixels - self._mean) / self._std)
