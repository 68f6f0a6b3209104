"""The real Fourier basis of the heat map (Yin et al., NeurIPS 2019, arXiv 1906.08988)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch

from eyechart.spectrum.grid import Units, centred, check, frequencies, radius_map, unique_half_plane

Window = Literal["disc", "square"]


class UniqueFrequencies(NamedTuple):
    """One frequency of each mirror pair, row by row of the half plane.

    Attributes:
        points: (m, 2) int64, signed (fy, fx) in cycles per image.
        mirrors: (m, 2) int64, (-fy, -fx) with Nyquist written as in ``points``; equal to the point where it is its own.
        radii: (m,) float64.
        number: (h, w) int64, for each frequency of the full plane (zero first) the number of its point; -1 if left out.
    """

    points: torch.Tensor
    mirrors: torch.Tensor
    radii: torch.Tensor
    number: torch.Tensor

    def fill(self, values: torch.Tensor) -> torch.Tensor:
        """The centred full plane (..., h, w) of float values (..., m), mirrors alike, NaN at frequencies left out."""
        plane = values[..., self.number.clamp(min=0).to(values.device)]
        return centred(torch.where(self.number.to(values.device) >= 0, plane, torch.nan))


def unique_frequencies(
    height: int, width: int, radius: float | None = None, units: Units = "index", window: Window = "disc"
) -> UniqueFrequencies:
    """Frequencies that differ as waves: 514 of the 1024 of a 32-pixel square.

    Args:
        height, width: of the images.
        radius: leaves out what lies beyond; None keeps all.
        units: see ``radius_map``.
        window: what radius bounds: D (``disc``), or |fy| and |fx| each, in cycles per image (``square``).

    >>> [len(unique_frequencies(32, 32, r).points) for r in (None, 0, 1)]
    [514, 1, 3]
    """
    check("window", window, ("disc", "square"))
    fy, fx = frequencies(height, width)
    distance = radius_map(height, width, units)
    chosen = unique_half_plane(height, width)
    if radius is not None:
        size = distance if window == "disc" else torch.maximum(fy.abs()[:, None], fx[None, :])
        chosen &= size <= radius
    rows, columns = chosen.nonzero(as_tuple=True)
    points = torch.stack([fy[rows], fx[columns]], 1)
    index = torch.full((height, width), -1)
    index[-rows % height, -columns % width] = torch.arange(len(rows))
    index[rows, columns] = torch.arange(len(rows))
    mirrors = torch.stack([fy[-rows % height], _signed_column(-columns % width, width)], 1)
    return UniqueFrequencies(points, mirrors, distance[rows, columns], index)


def fourier_basis(
    size: tuple[int, int],
    points: torch.Tensor,
    phase: Literal["official", "cosine"] | torch.Tensor = "official",
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """Plane waves U of L2 norm 1, one a point: (m, h, w) on the device of ``points``.

    U = sqrt(2 / hw) cos(2 pi (fy y / h + fx x / w) + phase); where a frequency is its own mirror (zero, Nyquist)
    cos(2 pi (...)) / sqrt(hw), with the sign of cos(phase).

    Args:
        size: (h, w).
        points: (m, 2) integers (fy, fx), any representative.
        phase: ``official`` is the authors' code's pi / 4, ``cosine`` 0; or (m,) given phases.
        dtype: of the result.

    >>> fourier_basis((1, 4), torch.tensor([[0, 0], [0, 2]])).tolist()
    [[[0.5, 0.5, 0.5, 0.5]], [[0.5, -0.5, 0.5, -0.5]]]
    """
    height, width = size
    fy, fx = points.unbind(-1)
    alone = ((2 * fy) % height == 0) & ((2 * fx) % width == 0)
    phases = _phases(phase, points)
    phases = torch.where(alone, torch.pi * (phases.cos() < 0).double(), phases)
    down, across = _angles(fy, height) + phases[:, None], _angles(fx, width)  # (m, h), (m, w)
    factor = ((2 - alone.double()) / (height * width)).sqrt()[:, None]
    waves: torch.Tensor = (factor * down.cos()).to(dtype)[:, :, None] * across.cos().to(dtype)[:, None, :]
    return waves - (factor * down.sin()).to(dtype)[:, :, None] * across.sin().to(dtype)[:, None, :]


def _angles(frequency: torch.Tensor, n: int) -> torch.Tensor:
    """2 pi f y / n for y = 0..n-1: (m, n) float64, reduced in integers so that large products lose nothing."""
    turns = (frequency[:, None] * torch.arange(n, device=frequency.device)) % n
    return turns.to(torch.float64) * (2 * torch.pi / n)


def _phases(phase: str | torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    if isinstance(phase, torch.Tensor):
        return phase.to(points.device, torch.float64).expand(len(points))
    check("phase", phase, ("official", "cosine"))
    value = torch.pi / 4 if phase == "official" else 0.0
    return torch.full((len(points),), value, dtype=torch.float64, device=points.device)


def _signed_column(columns: torch.Tensor, width: int) -> torch.Tensor:
    return torch.where(2 * columns <= width, columns, columns - width)
