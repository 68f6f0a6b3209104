"""The contract of a way to make pictures, and the loop that all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from eyechart.core.chance import generator
from eyechart.errors import SettingError
from eyechart.features.objectives import Objective, Seen
from eyechart.features.reach import Reach
from eyechart.features.redirect import FIRST_STEPS, Redirected
from eyechart.features.shown import Chances

Array = np.ndarray[Any, Any]
Precision = Literal["auto", "float32", "bfloat16"]
STREAM = "features"


@dataclass(frozen=True)
class Made:
    """Pictures made for an objective.

    Attributes:
        pictures: (n, c, h, w) in [0, 1].
        scores: (steps, n), the objective at each step, as the picture was then shown.
        still: (n,) bool: nothing that was tried changed the objective: its gradient was zero, or it was the same at every step.
        shown: side in pixels of what the net saw of them in the end.
        weight: (n, h, w), how much each place mattered while the picture was made, 99th percentile 1; None = not recorded.
    """

    pictures: Tensor
    scores: Array
    still: Array
    shown: int
    weight: Tensor | None = None


class Method(BaseModel, ABC):
    """A way to make pictures; its fields are its settings (frozen)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    steps: int = Field(512, ge=1, description="Steps of the optimiser.")
    precision: Precision = Field(
        "auto", description="Of the net while pictures are made; auto: bfloat16 where quicker."
    )

    @abstractmethod
    def make(self, reach: Reach, objective: Objective, keys: Sequence[str], seed: int = 0) -> Made:
        """One picture a key; a picture depends on the seed and its own key alone, unless the objective couples them.

        Raises:
            SettingError: the net does not bear frames of the size that is asked for.
        """


def chances(seed: int, keys: Sequence[str]) -> Chances:
    """A generator for each picture."""
    return [generator(seed, STREAM, key) for key in keys]


class Climb:
    """Steps uphill, and what was met on the way.

    Args:
        reach: the layers.
        objective: to be made large.
        precision: of the net's forwards and backwards; pictures, scores and steps are float32.
    """

    def __init__(self, reach: Reach, objective: Objective, precision: Precision = "float32") -> None:
        self._reach, self._objective = reach, objective
        self._low = reduces(reach.model.device, precision)
        self.scores: list[Tensor] = []
        self.moved: Tensor | None = None

    def score(self, pictures: Tensor, shown: Tensor, ways: int = 1) -> Tensor:
        """The objective (n,) of pictures (n, c, h, w) that the net sees as ``shown`` (n x ways, c, side, side)."""
        early = Redirected() if torch.is_grad_enabled() and len(self.scores) < FIRST_STEPS else nullcontext()
        low = torch.autocast(shown.device.type, torch.bfloat16, enabled=self._low and torch.is_grad_enabled())
        with low, early:
            maps = self._reach(shown)
        return self._objective.value(Seen({k: v.float() for k, v in maps.items()}, pictures, ways))

    def step(self, optimiser: torch.optim.Optimizer, parameter: Tensor, score: Callable[[], Tensor]) -> None:
        """One step of ``parameter`` (n, ...) up ``score`` (n,), each picture's own."""
        with torch.enable_grad():
            optimiser.zero_grad(set_to_none=True)
            values = score()
            loss = -values.sum()
            # Some nets work without gradients, or with none for this layer.
            found = torch.autograd.grad(loss, parameter, allow_unused=True)[0] if loss.requires_grad else None
            slope = torch.zeros_like(parameter) if found is None else found.nan_to_num(0, 0, 0)
        steep = slope.detach().flatten(1).abs().amax(1) > 0
        self.moved = steep if self.moved is None else self.moved | steep
        parameter.grad = slope
        optimiser.step()
        self.scores.append(values.detach())

    def made(self, pictures: Tensor, shown: int, weight: Tensor | None = None) -> Made:
        """What came of it."""
        scores = torch.stack(self.scores).double().cpu().numpy()
        moved = np.zeros(len(pictures), bool) if self.moved is None else self.moved.cpu().numpy()
        # Gradients past silent units alone (see Redirected) prove nothing.
        same = (scores == scores[0]).all(0) if len(scores) > 1 else np.zeros(len(pictures), bool)
        return Made(pictures.detach().float(), scores, ~moved | same, shown, weight)


def side_shown(reach: Reach, wanted: int, setting: str) -> int:
    """``wanted`` where the net bears frames of that side up to its layers, else the side of its own frame.

    Raises:
        SettingError: its own frame is no square.
    """
    own = reach.model.preprocessing.size
    if (wanted, wanted) == own or reach.bears((wanted, wanted)):
        return wanted
    if own[0] != own[1]:
        way_out = "Use a model whose frame is a square."
        raise SettingError(
            "The net takes frames of one size, and no square.", setting=setting, value=wanted, way_out=way_out
        )
    return own[0]


def reduces(device: torch.device, precision: Precision) -> bool:
    """Whether a net is asked in bfloat16: ``auto`` where that is quicker, on CUDA and on CPUs that multiply in it."""
    if precision == "auto":
        capable = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return device.type == "cuda" or (device.type == "cpu" and capable)
    return precision == "bfloat16"
