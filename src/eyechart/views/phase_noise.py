"""Grey images with disturbed phases, or with the amplitudes of others (Geirhos et al., NeurIPS 2018, arXiv 1808.08750)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from math import pi
from typing import Any

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.core.view import InputView, Pixels, Shown
from eyechart.spectrum.grid import radius_map
from eyechart.spectrum.phase import swap_phase
from eyechart.views.tones import clipped_to_range, grey_of

Array = np.ndarray[Any, Any]

MEAN, SLOPE_AT_ONE, SLOPE = 0.4545, 0.0496, 1.258  # of grey photographs, see ``PowerEqualised.of_photographs``
_outside_inference_mode = torch.inference_mode(False)


@dataclass(frozen=True)
class PhaseNoise(InputView):
    """Every phase of the grey image moved by an angle of its own, uniform on [-width, width], clipped to [0, 1].

    Mirrored frequencies move oppositely, so the image stays real; the mean and the Nyquist row and column of an even size are
    left alone, as published. (``PhaseScramble`` moves those, too, and keeps colours.)

    Attributes:
        width: degrees, 0 to 180.

    Notes: ``clipped_share``, of the pixels that left [0, 1].
    """

    width: float

    @property
    def stream(self) -> str:
        """One for all widths: common random numbers."""
        return "phase_noise"

    def render(self, batch: Pixels) -> Shown:
        """Turn the coefficients of the half plane."""
        planes = grey_of(batch)
        size = (planes.shape[-2], planes.shape[-1])
        angles = batch.shared(("phase noise",), lambda: self._angles(batch, size))
        coefficients = batch.shared(("grey spectrum",), lambda: torch.fft.rfft2(planes))
        turned = coefficients * torch.polar(torch.ones_like(angles), angles * (self.width / 180 * pi))
        return clipped_to_range(torch.fft.irfft2(turned, s=size), batch)

    def _angles(self, batch: Pixels, size: tuple[int, int]) -> torch.Tensor:
        """(n, 1, h, w // 2 + 1) on [-1, 1]; odd under the mirror of the first column."""
        shape = (size[0], size[1] // 2 + 1)
        drawn = np.stack([_mirrored(_draw(batch.seed, self.stream, i, shape), size) for i in batch.ids])
        return torch.from_numpy(drawn[:, None]).to(batch.tensor.device)


def _draw(seed: int, stream: str, image_id: str, shape: tuple[int, int]) -> Array:
    return 2 * generator(seed, stream, image_id).random(shape, dtype=np.float32) - 1


def _mirrored(angles: Array, size: tuple[int, int]) -> Array:
    """Made odd in the column of zero, 0 where a frequency is its own mirror or on a Nyquist line."""
    height, width = size
    half = (height + 1) // 2
    angles[0, 0] = 0
    angles[height - half + 1 :, 0] = -angles[1:half, 0][::-1]
    if height % 2 == 0:
        angles[height // 2] = 0
    if width % 2 == 0:
        angles[:, width // 2] = 0
    return angles


@dataclass(frozen=True)
class PowerEqualised(InputView):
    """The phases of the grey image with given amplitudes, clipped to [0, 1].

    Attributes:
        amplitude: of the half plane, height x (width // 2 + 1) float32 in bytes, zero frequency first; see ``from_plane``
            and ``of_photographs``.

    Notes: ``clipped_share``, of the pixels that left [0, 1].
    """

    amplitude: bytes = field(repr=False)

    @staticmethod
    def from_plane(amplitude: Array) -> PowerEqualised:
        """From a full plane (h, w), zero frequency first (not in the middle)."""
        half = np.asarray(amplitude, np.float32)[:, : amplitude.shape[1] // 2 + 1]
        return PowerEqualised(np.ascontiguousarray(half).tobytes())

    @staticmethod
    def of_photographs(size: tuple[int, int]) -> PowerEqualised:
        """A power law through the mean amplitudes of their grey photographs, the same in every direction.

        |F| / pixels = .4545 at zero and .0496 D^-1.258 at D cycles per image (D isotropic), fitted on log-log to means over
        rings of mean_amplitude of rgeirhos/generalisation-humans-DNNs (CC-BY-4.0), 224 x 224, D = 1 to 112: within 30 %.
        """
        distance = radius_map(*size, "isotropic").numpy()
        share = SLOPE_AT_ONE * np.maximum(distance, 1.0) ** -SLOPE
        share[0, 0] = MEAN
        return PowerEqualised((share * (size[0] * size[1])).astype(np.float32).tobytes())

    def render(self, batch: Pixels) -> Shown:
        """Phases as they are, amplitudes exchanged. Raises ValueError if they are of another size."""
        planes = grey_of(batch)
        source = _with_amplitude(self.amplitude, (planes.shape[-2], planes.shape[-1]), str(planes.device))
        return clipped_to_range(swap_phase(source, planes), batch)


@lru_cache(maxsize=4)
def _with_amplitude(values: bytes, size: tuple[int, int], device: str) -> torch.Tensor:
    """An image (h, w) with these amplitudes."""
    shape = (size[0], size[1] // 2 + 1)
    half = np.frombuffer(values, np.float32)
    if half.size != shape[0] * shape[1]:
        raise ValueError(f"{half.size} amplitudes for images of {size[0]} x {size[1]} pixels")
    with _outside_inference_mode:
        image: torch.Tensor = torch.fft.irfft2(torch.from_numpy(half.reshape(shape).astype(np.complex64)), s=size)
        return image.to(device)
