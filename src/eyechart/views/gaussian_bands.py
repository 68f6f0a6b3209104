"""Grey images through a Gaussian low-pass or high-pass filter of the pixels (Geirhos et al., NeurIPS 2018, 1808.08750)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch.nn.functional import conv2d, pad

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.views.tones import clipped_to_range, grey_of, in_colour

BACKGROUND = 0.4423  # mean grey of their images: what lies beyond the border, and the mean of high-pass images
TRUNCATE = 4.0  # standard deviations, as scipy cuts its kernels
_outside_inference_mode = torch.inference_mode(False)


def blurred(planes: torch.Tensor, sigma: float, background: float = BACKGROUND) -> torch.Tensor:
    """Planes (n, 1, h, w) under a Gaussian of ``sigma`` pixels cut at 4 sigma, ``background`` beyond the border.

    As ``scipy.ndimage.gaussian_filter(mode="constant", cval=background)``. 0 leaves them as they are.
    """
    kernel = _kernel(sigma, str(planes.device))
    reach = len(kernel) // 2
    # a flat background stays flat: what is filtered is the difference from it
    wide = pad(planes - background, (reach, reach, reach, reach))
    columns = conv2d(wide, kernel[None, None, :, None])
    return conv2d(columns, kernel[None, None, None, :]) + background


@lru_cache(maxsize=64)
def _kernel(sigma: float, device: str) -> torch.Tensor:
    with _outside_inference_mode:
        reach = int(TRUNCATE * sigma + 0.5)
        if not sigma or not reach:
            return torch.ones(1, device=device)
        at = torch.arange(-reach, reach + 1, dtype=torch.float64)
        weights = torch.exp(-0.5 * (at / sigma) ** 2)
        return (weights / weights.sum()).float().to(device)


@dataclass(frozen=True)
class GaussianLow(InputView):
    """The grey image under a Gaussian, see ``blurred``.

    Attributes:
        sigma: pixels of the input frame.
    """

    sigma: float

    def render(self, batch: Pixels) -> Shown:
        """Two passes."""
        return Shown(in_colour(blurred(grey_of(batch), self.sigma), batch.tensor.shape[1]))


@dataclass(frozen=True)
class GaussianHigh(InputView):
    """The grey image less what a Gaussian leaves of it, moved to the mean ``BACKGROUND`` and clipped to [0, 1].

    Attributes:
        sigma: pixels of the input frame.

    Notes: ``clipped_share``, of the pixels that left [0, 1].
    """

    sigma: float

    def render(self, batch: Pixels) -> Shown:
        """What is missing in the low-pass image."""
        planes = grey_of(batch)
        fine = planes - blurred(planes, self.sigma)
        fine = fine - fine.mean((2, 3), keepdim=True) + BACKGROUND
        return clipped_to_range(fine, batch)
