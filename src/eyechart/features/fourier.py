"""Pictures as spectra in independent colours (Olah et al., Feature visualization, Distill 2017; tensorflow/lucid)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from eyechart.features.colours import fourier_colours, radius
from eyechart.features.method import Climb, Made, Method, chances, side_shown
from eyechart.features.objectives import Objective
from eyechart.features.reach import Reach
from eyechart.features.shown import Chances, draw_motions, motion_maps, moved, resized

START = 0.01  # standard deviation of the first spectrum
CONTRAST = 4.0


class Fourier(Method):
    """A picture as the sigmoid of a sum of waves, whose strengths are learned in proportion to one over their frequency.

    Colours are turned so that the three numbers of a pixel do not depend on each other in photographs. While it is made the
    picture is moved, scaled and turned a little at every step, each by its own chance (lucent draws one motion for a whole
    batch).
    """

    name: ClassVar[str] = "fourier"
    steps: int = Field(512, ge=1, description="Steps of Adam.")
    rate: float = Field(0.05, gt=0, description="Learning rate.")
    size: int = Field(128, ge=8, description="Side of the picture in pixels.")
    shown: int | None = Field(None, ge=8, description="Side of what the net sees; default: its own frame's.")
    decay: float = Field(1.0, ge=0, description="Power of the frequency that strengths fall with; 0 is white noise.")
    motions: bool = Field(True, description="Move, scale and turn the picture at every step.")

    def make(self, reach: Reach, objective: Objective, keys: Sequence[str], seed: int = 0) -> Made:
        """See ``Method.make``."""
        draws, device = chances(seed, keys), reach.model.device
        spectrum = _start(draws, reach.model.preprocessing.channels, self.size).to(device).requires_grad_()
        scale = self._scale().to(device)
        side = side_shown(reach, self.shown or max(reach.model.preprocessing.size), "shown")
        climb = Climb(reach, objective, self.precision)
        optimiser = torch.optim.Adam([spectrum], lr=self.rate)
        motions = motion_maps(draw_motions(draws, self.steps), self.size).to(device) if self.motions else None
        for i in range(self.steps):

            def score(i: int = i) -> Tensor:
                pictures = self.picture(spectrum, scale)
                frames = resized(pictures, side) if motions is None else moved(pictures, motions[i], side)
                return climb.score(pictures, frames)

            climb.step(optimiser, spectrum, score)
        with torch.no_grad():
            return climb.made(self.picture(spectrum, scale), side)

    def picture(self, spectrum: Tensor, scale: Tensor) -> Tensor:
        """(n, c, size, size) in (0, 1) of spectra (n, c, size, size // 2 + 1, 2); a zero spectrum is grey."""
        waves = torch.fft.irfft2(torch.view_as_complex(spectrum) * scale, s=(self.size, self.size), norm="ortho")
        return fourier_colours(waves / CONTRAST).sigmoid()

    def _scale(self) -> Tensor:
        return (1 / radius(self.size).clamp_min(1 / self.size)) ** self.decay


def _start(draws: Chances, channels: int, size: int) -> Tensor:
    shape = (channels, size, size // 2 + 1, 2)
    return torch.from_numpy(np.stack([draw.normal(0, START, shape) for draw in draws])).float()
