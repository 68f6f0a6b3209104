"""Colours whose three numbers do not depend on each other in photographs, and magnitudes of spectra in them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

# Cholesky-like roots of the covariance of colours in ImageNet. FOURIER: tensorflow/lucid (Apache-2.0), divided by its largest
# column norm; MACO: deel-ai/xplique (MIT). A row vector times the matrix gives red, green and blue.
FOURIER = ((0.26, 0.27, 0.27), (0.09, 0.0, -0.09), (0.02, -0.05, 0.03))
LARGEST = 0.4619
MACO = ((0.5628, 0.5845, 0.5845), (0.1948, 0.0, -0.1948), (0.0433, -0.1082, 0.0649))
CLIP = 0.01  # pixels are kept so far from 0 and 1 before the logit


def fourier_colours(values: Tensor) -> Tensor:
    """Independent colours (n, c, h, w) to red, green and blue before the sigmoid; other than three channels stay."""
    return _turned(values, torch.tensor(FOURIER) / LARGEST)


def maco_colours(values: Tensor) -> Tensor:
    """As ``fourier_colours``, by the matrix of MACO."""
    return _turned(values, torch.tensor(MACO))


def independent(pixels: Tensor) -> Tensor:
    """Pixels (n, c, h, w) in [0, 1] to the colours that ``maco_colours`` and a sigmoid would make them of."""
    return _turned(pixels.clamp(CLIP, 1 - CLIP).logit(), torch.linalg.inv(torch.tensor(MACO)))


def magnitude_of(pictures: Iterable[Tensor]) -> Tensor:
    """Mean magnitude of the spectra of square pictures (n, c, s, s) in [0, 1], in independent colours: (c, s, s // 2 + 1).

    Fel et al. (NeurIPS 2023, arXiv 2306.06805) take that of ImageNet. Their published tool averages spectra of red, green and
    blue and then turns them as if they were independent colours; here colours are made independent first.

    Raises:
        ValueError: there is no picture.
    """
    total, count = torch.zeros(()), 0
    for batch in pictures:
        total = total + torch.fft.rfft2(independent(batch).double()).abs().sum(0).cpu()
        count += len(batch)
    if not count:
        raise ValueError("a magnitude needs pictures")
    return (total / count).float()


def for_canvas(magnitude: Tensor, size: int) -> Tensor:
    """A magnitude (c, s, s // 2 + 1) for pictures of ``size``, by cycles an image: the same picture, sampled otherwise.

    Frequencies beyond those that are known fall on as one over the frequency.
    """
    rows = torch.fft.fftfreq(size, 1 / size).round().long()[:, None]
    columns = torch.arange(size // 2 + 1)[None]
    last = (magnitude.shape[1] - 1) // 2
    near_rows, near_columns = rows.clamp(-last, last), columns.clamp(max=magnitude.shape[2] - 1)
    shrunk = (near_rows.square() + near_columns.square()).sqrt() / (rows.square() + columns.square()).sqrt()
    shrunk[0, 0] = 1  # not 0 / 0
    found: Tensor = magnitude[:, near_rows, near_columns] * shrunk
    return found


def one_over_f(channels: int, size: int) -> Tensor:
    """The magnitude 1 / max(f, 1 / size) where none is given: (channels, size, size // 2 + 1)."""
    f = radius(size)
    return (1 / f.clamp_min(1 / size)).expand(channels, -1, -1).clone()


def radius(size: int) -> Tensor:
    """Cycles a pixel of the coefficients of rfft2: (size, size // 2 + 1)."""
    found: Tensor = (torch.fft.fftfreq(size)[:, None] ** 2 + torch.fft.rfftfreq(size)[None] ** 2).sqrt()
    return found


def _turned(values: Tensor, matrix: Tensor) -> Tensor:
    if values.shape[1] != 3:
        return values
    return torch.einsum("ncyx,cd->ndyx", values, matrix.to(values))
