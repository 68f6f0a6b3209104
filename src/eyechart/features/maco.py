"""Pictures with the spectrum's magnitude of photographs, of which only the phase is optimised (Fel et al., NeurIPS 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from eyechart.features.colours import for_canvas, maco_colours, one_over_f
from eyechart.features.method import Climb, Made, Method, chances, side_shown
from eyechart.features.objectives import Objective
from eyechart.features.reach import Reach
from eyechart.features.shown import Chances, cropped, draw_crops, windows

NOISE, GRAIN = 0.08, 0.04  # normal and uniform, added to what the net sees
SEEN = 0.99  # of the weights of places: what is opaque


class Maco(Method):
    """Phases of a picture whose magnitudes are those of a mean photograph: for deep layers and transformers.

    At every step the net sees square crops, first of half the picture's side, in the end of a twentieth. How much each place
    mattered, summed over the steps, becomes its opacity (arXiv 2306.06805).
    """

    name: ClassVar[str] = "maco"
    steps: int = Field(256, ge=1, description="Steps of NAdam.")
    rate: float = Field(1.0, gt=0, description="Learning rate.")
    size: int = Field(512, ge=8, description="Side of the picture in pixels.")
    crops: int = Field(32, ge=1, description="Squares that the net sees of the picture at every step.")
    widest: float = Field(
        0.5, gt=0, le=1, description="Mean side of these at the first step, as a share of the picture's."
    )
    narrowest: float = Field(0.05, gt=0, le=1, description="Mean side of these at the last step.")
    shown: int | None = Field(None, ge=8, description="Side of what the net sees; default: its own frame's.")
    noise: bool = Field(True, description="Add noise to what the net sees.")
    _magnitude: Tensor | None = PrivateAttr(None)

    def with_magnitude(self, magnitude: Tensor | None) -> Maco:
        """With the mean magnitude (c, s, s // 2 + 1) of photographs in independent colours; None: one over the frequency."""
        other = self.model_copy()
        other._magnitude = magnitude
        return other

    @property
    def digest(self) -> str:
        """Of the magnitude."""
        return "" if self._magnitude is None else blake2b(self._magnitude.numpy().tobytes(), digest_size=8).hexdigest()

    def make(self, reach: Reach, objective: Objective, keys: Sequence[str], seed: int = 0) -> Made:
        """See ``Method.make``."""
        draws, model = chances(seed, keys), reach.model
        magnitude = self.magnitude(model.preprocessing.channels).to(model.device)
        phase = _start(draws, magnitude.shape).to(model.device).requires_grad_()
        side = side_shown(reach, self.shown or max(model.preprocessing.size), "shown")
        climb, weight = (
            Climb(reach, objective, self.precision),
            torch.zeros(len(draws), self.size, self.size, device=model.device),
        )
        optimiser = torch.optim.NAdam([phase], lr=self.rate)

        means = np.linspace(self.widest, self.narrowest, self.steps)
        crops = torch.from_numpy(draw_crops(draws, self.crops, means)).float().to(model.device)
        noise = (
            _Noise(draws, crops.shape[:3], (model.preprocessing.channels, side), model.device) if self.noise else None
        )

        def weigh(slope: Tensor) -> None:
            weight.add_(slope.abs().mean(1))

        for i, mean_side in enumerate(means.tolist()):

            def score(i: int = i, mean_side: float = mean_side) -> Tensor:
                pictures = picture(phase, magnitude, self.size)
                pictures.register_hook(weigh)  # type: ignore[no-untyped-call]
                frames = cropped(pictures, crops[i], side, mean_side)
                return climb.score(pictures, frames if noise is None else frames + noise.at(i), self.crops)

            climb.step(optimiser, phase, score)
        with torch.no_grad():
            return climb.made(picture(phase, magnitude, self.size), side, _opacity(weight))

    def magnitude(self, channels: int) -> Tensor:
        """(channels, size, size // 2 + 1); of one channel the mean over three."""
        if self._magnitude is None:
            return one_over_f(channels, self.size)
        found = for_canvas(self._magnitude, self.size)
        return found if len(found) == channels else found.mean(0, keepdim=True).expand(channels, -1, -1)


class _Noise:
    """Noise for all frames of all steps, cut at random from a tile of noise that each picture has.

    The tile has twice the side of a frame. (Published code draws every frame's noise anew, which costs more than the net does
    on an accelerator.)

    Args:
        draws: of the pictures.
        shape: (steps, pictures, frames a picture).
        frame: (channels, side).
        device: of the frames.
    """

    def __init__(self, draws: Chances, shape: Sequence[int], frame: tuple[int, int], device: torch.device) -> None:
        steps, _, count = shape
        channels, self._side = frame
        tile, corners = (2 * self._side, 2 * self._side, channels), (steps, count, 2)
        each = [draw.normal(0, NOISE, tile) + draw.uniform(-GRAIN, GRAIN, tile) for draw in draws]
        self._tiles = torch.from_numpy(np.stack(each)).float().to(device)
        drawn = [draw.integers(0, 2 * self._side, corners) for draw in draws]
        self._corners = torch.from_numpy(np.stack(drawn, 1)).to(device)

    def at(self, step: int) -> Tensor:
        """(pictures x frames, channels, side, side) of a step."""
        return windows(self._tiles, self._corners[step], self._side)


def picture(phase: Tensor, magnitude: Tensor, size: int) -> Tensor:
    """(n, c, size, size) in (0, 1) of phases (n, c, size, size // 2 + 1)."""
    return maco_colours(waves(phase, magnitude, size)).sigmoid()


def waves(phase: Tensor, magnitude: Tensor, size: int) -> Tensor:
    """The same before colours are joined, with mean 0 and standard deviation 1; phases are standardised, then in radians."""
    return _standard(torch.fft.irfft2(torch.polar(magnitude.expand_as(phase), _standard(phase)), s=(size, size)))


def _standard(values: Tensor) -> Tensor:
    """Each picture's numbers with mean 0 and standard deviation 1."""
    mean = values.mean((1, 2, 3), keepdim=True)
    return (values - mean) / (values.std((1, 2, 3), keepdim=True, correction=0) + 1e-5)


def _start(draws: Chances, shape: Sequence[int]) -> Tensor:
    return torch.from_numpy(np.stack([draw.normal(0, 1, tuple(shape)) for draw in draws])).float()


def _opacity(weight: Tensor) -> Tensor:
    flat = weight.flatten(1)
    rank = max(1, int(SEEN * flat.shape[1]))
    most = flat.kthvalue(rank, dim=1).values.clamp_min(torch.finfo(weight.dtype).tiny)
    return (weight / most[:, None, None]).clamp(0, 1)
