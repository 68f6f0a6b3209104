"""Pictures that grow while they are made: pixels are optimised, enlarged and blurred in turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from eyechart.errors import SettingError
from eyechart.features.method import Climb, Made, Method, chances, side_shown
from eyechart.features.objectives import Objective
from eyechart.features.reach import Reach
from eyechart.features.shown import Chances, resized, rolled

LOWEST, HIGHEST = 150 / 255, 180 / 255  # of the first picture's pixels
QUARTER = 4  # of the model's own frame is the first side: 56 of 224


class Upscale(Method):
    """Pixels that are optimised for a few steps, enlarged by a fifth, blurred, and so on.

    The published method, with its defects mended: gradients reach the picture, pixels stay in [0, 1] at every step, the last
    enlargement is not thrown away, and there is a seed. Jitter is ours: by enlarging and blurring alone, noise at the highest
    frequencies remains.
    """

    name: ClassVar[str] = "upscale"
    steps: int = Field(20, ge=1, description="Steps of Adam a round, which starts afresh each time.")
    rate: float = Field(0.1, gt=0, description="Learning rate, in units of normalised pixels.")
    start: int | None = Field(None, ge=4, description="First side in pixels; default: a quarter of the model's frame.")
    rounds: int = Field(12, ge=1, description="How often there are steps.")
    factor: float = Field(1.2, gt=1, description="By which the picture grows between rounds.")
    blur: int = Field(5, ge=0, description="Side in pixels of the box that blurs between rounds; 0 or 1: none.")
    jitter: int = Field(4, ge=0, description="Pixels by which the picture is moved round at every step, at most.")

    def make(self, reach: Reach, objective: Objective, keys: Sequence[str], seed: int = 0) -> Made:
        """See ``Method.make``. Where the net takes frames of one size alone, the picture is resized for it."""
        draws, model = chances(seed, keys), reach.model
        sides = self.sides(max(model.preprocessing.size) // QUARTER)
        mean, std = (
            torch.tensor(v, device=model.device).view(1, -1, 1, 1)
            for v in (model.preprocessing.mean, model.preprocessing.std)
        )
        low, high = -mean / std, (1 - mean) / std
        pixels = (_start(draws, len(model.preprocessing.mean), sides[0]).to(model.device) - mean) / std
        shifts = self._shifts(draws, len(sides)).to(model.device)
        climb = Climb(reach, objective, self.precision)
        for i, side in enumerate(sides):
            pixels = pixels.detach().contiguous().requires_grad_()
            optimiser, shown = torch.optim.Adam([pixels], lr=self.rate), side_shown(reach, side, "start")

            for shift in shifts[i]:

                def score(pixels: Tensor = pixels, shown: int = shown, shift: Tensor = shift) -> Tensor:
                    pictures = pixels * std + mean
                    return climb.score(pictures, resized(rolled(pictures, shift) if self.jitter else pictures, shown))

                climb.step(optimiser, pixels, score)
                with torch.no_grad():
                    pixels.clamp_(low, high)
            if i + 1 < len(sides):
                pixels = self._grown(pixels.detach(), sides[i + 1]).clamp(low, high)
        return climb.made((pixels.detach() * std + mean).clamp(0, 1), shown)

    def sides(self, first: int) -> list[int]:
        """Of each round: 56 67 80 96 115 138 165 198 237 284 340 408 by the published settings."""
        found = [self.start or first]
        while len(found) < self.rounds:
            found.append(int(self.factor * found[-1] + 1e-9))
            if found[-1] == found[-2]:
                way_out = "Give a larger start or factor."
                raise SettingError("The picture would not grow.", setting="factor", value=self.factor, way_out=way_out)
        return found

    def _grown(self, pixels: Tensor, side: int) -> Tensor:
        larger = functional.interpolate(pixels, (side, side), mode="bicubic", align_corners=False)
        if self.blur < 2:
            return larger
        before = self.blur // 2
        room = (before, self.blur - 1 - before) * 2
        return functional.avg_pool2d(functional.pad(larger, room, mode="replicate"), self.blur, stride=1)

    def _shifts(self, draws: Chances, rounds: int) -> Tensor:
        """Of each round, step and picture, down and right: (rounds, steps, n, 2)."""
        each = [draw.integers(-self.jitter, self.jitter + 1, (rounds, self.steps, 2)) for draw in draws]
        return torch.from_numpy(np.stack(each, 2))


def _start(draws: Chances, channels: int, side: int) -> Tensor:
    drawn = [draw.uniform(LOWEST, HIGHEST, (channels, side, side)) for draw in draws]
    return torch.from_numpy(np.stack(drawn)).float()
