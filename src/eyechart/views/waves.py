"""Images with one plane wave added (Yin et al., NeurIPS 2019, arXiv 1906.08988)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import Literal, NamedTuple

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.core.view import InputView, Notes, Pixels, Shown
from eyechart.spectrum.basis import fourier_basis

Phase = Literal["official", "cosine", "random"]
STREAM = "waves"
PAPER_NORMS = {32: 4.0, 224: 15.7}  # Yin et al.: CIFAR-10 and ImageNet
CACHED_UP_TO = 40 * 40  # pixels a wave, 30 MB for all; larger ones are made anew, at a small part of a forward's cost
_outside_inference_mode = torch.inference_mode(False)


def default_norm(size: tuple[int, int]) -> float:
    """v = 4 (side / 32)^p with p = ln(15.7 / 4) / ln 7, about 0.70: the power law through the paper's two points.

    ``side`` is sqrt(height * width). The noise's root mean square a pixel, v / side, so falls from .125 to .070.

    >>> [round(default_norm((n, n)), 2) for n in (32, 64, 224, 384)]
    [4.0, 6.51, 15.7, 22.93]
    """
    (small, weak), (large, strong) = PAPER_NORMS.items()
    power = log(strong / weak) / log(large / small)
    return float(weak * ((size[0] * size[1]) ** 0.5 / small) ** power)


@dataclass(frozen=True)
class Wave(InputView):
    """clip(x + s_c v U, 0, 1) in the model's frame, before normalisation.

    U is the wave of ``spectrum.basis.fourier_basis``, of L2 norm 1 over a channel's pixels; the sign s_c is drawn for each
    channel and image, the same for all waves, so that a difference between waves is not one of signs.

    Attributes:
        fy, fx: cycles per image, down and across.
        norm: v, the L2 norm of the noise in each channel, pixels in [0, 1].
        phase: ``official`` (the authors' code) pi / 4; ``cosine`` 0; ``random`` drawn for each image, the same for all
            waves. Waves that are their own mirror (zero, Nyquist) have but two phases: the sign of cos(phase).

    Notes, with d = what is shown - x, as shares of the energy meant, v^2 in each channel (0 where v = 0):
        clipped_share: 1 - the energy of d at the wave's own frequency, all channels together, in any phase.
        scattered_share: the energy of d at all other frequencies, where clipping moved it; what remains of
            ``clipped_share`` is gone altogether.
    """

    fy: int
    fx: int
    norm: float
    phase: Phase = "official"

    @property
    def stream(self) -> str:
        """One for all waves: common random numbers."""
        return STREAM

    def render(self, batch: Pixels) -> Shown:
        """Add the wave. Chance is asked once a batch, for all waves."""
        x = batch.tensor
        draws = batch.shared((STREAM,), lambda: _draws(batch))
        height, width = x.shape[-2:]
        make = _made if height * width <= CACHED_UP_TO else _made.__wrapped__
        made = make((height, width), x.shape[1], self.fy, self.fx, self.phase, str(x.device))
        shown = x
        for factor, wave in zip(draws.factors(self.phase, len(made.waves)), made.waves, strict=True):
            shown = torch.addcmul(shown, factor, wave, value=self.norm)
        return Shown(shown.clamp_(0, 1), self._notes((shown - x).detach(), made.planes))

    def _notes(self, moved: torch.Tensor, planes: torch.Tensor) -> Notes:
        """Where the energy of what was added lies: (n,) shares of what was meant; ``planes`` (k, hw)."""
        n, channels = moved.shape[:2]
        meant = channels * self.norm**2
        if meant == 0:
            return {"clipped_share": np.zeros(n), "scattered_share": np.zeros(n)}
        by_pixel = moved.permute(0, 2, 3, 1).reshape(n, -1, channels)  # no copy: channels_last
        here = torch.matmul(planes, by_pixel).square_().sum((1, 2))
        everywhere = torch.linalg.vector_norm(moved, dim=(1, 2, 3)).square_()
        at_wave, total = (torch.stack([here, everywhere]) / meant).double().cpu().numpy()
        # rounding may step over the ends
        return {"clipped_share": np.clip(1 - at_wave, 0, 1), "scattered_share": np.clip(total - at_wave, 0, 1)}


class _Draws(NamedTuple):
    """What chance says of a batch: signs (n, c, 1, w) channels_last, so that they multiply row by row; phases (n,)."""

    signs: torch.Tensor
    phases: torch.Tensor

    def factors(self, phase: Phase, waves: int) -> tuple[torch.Tensor, ...]:
        """What multiplies each of the waves that make up one of this phase."""
        if phase != "random":
            return (self.signs,)
        phases = self.phases[:, None, None, None]
        if waves == 1:  # its own mirror
            return (torch.where(phases.cos() < 0, -self.signs, self.signs),)
        return (self.signs * phases.cos(), self.signs * phases.sin())


def _draws(batch: Pixels) -> _Draws:
    n, channels, _, width = batch.tensor.shape
    signs, phases = np.empty((n, channels), np.float32), np.empty(n, np.float32)
    for i, image_id in enumerate(batch.ids):
        rng = generator(batch.seed, STREAM, image_id)
        signs[i] = 2 * rng.integers(0, 2, channels) - 1
        phases[i] = rng.uniform(0, 2 * np.pi)
    device = batch.tensor.device
    rows = torch.from_numpy(signs).to(device)[:, :, None, None].expand(-1, -1, 1, width)
    return _Draws(rows.contiguous(memory_format=torch.channels_last), torch.from_numpy(phases).to(device))


class _Made(NamedTuple):
    """A wave ready for use.

    Attributes:
        waves: (1, c, h, w) channels_last each: the wave itself, or for ``random`` those at phase 0 and pi / 2, of which
            cos(phase) and sin(phase) make any other.
        planes: (k, hw), orthonormal: phase 0 and pi / 2; where the frequency is its own mirror, phase 0 alone.
    """

    waves: tuple[torch.Tensor, ...]
    planes: torch.Tensor


@lru_cache(maxsize=1024)
def _made(size: tuple[int, int], channels: int, fy: int, fx: int, phase: Phase, device: str) -> _Made:
    with _outside_inference_mode:
        alone = (2 * fy) % size[0] == 0 and (2 * fx) % size[1] == 0
        phases = torch.tensor([0.0] if alone else [0.0, torch.pi / 2], dtype=torch.float64)
        points = torch.tensor([[fy, fx]])
        planes = fourier_basis(size, points.expand(len(phases), 2), phases).to(device)
        waves = planes if phase == "random" else fourier_basis(size, points, phase).to(device)
        wide = (w.expand(1, channels, -1, -1).contiguous(memory_format=torch.channels_last) for w in waves)
        return _Made(tuple(wide), planes.flatten(1))
