"""The split by rank against numpy, one plane at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eyechart.spectrum.bands import low_pass
from eyechart.spectrum.low_rank import matched_rank, svd_split


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def fewest(plane: np.ndarray, energy: float) -> int:
    """Smallest k whose kept energy reaches the given one."""
    values = np.linalg.svd(plane, compute_uv=False)
    return next(k for k in range(len(values) + 1) if (values[:k] ** 2).sum() >= energy * (1 - 1e-12))


@pytest.mark.parametrize("size", [(8, 8), (5, 9), (9, 4), (1, 6)])
def test_agrees_with_numpy_plane_by_plane(size: tuple[int, int]) -> None:
    x = noise(2, 3, *size)
    for k in range(min(size) + 1):
        low, rest = svd_split(x, k)
        for i, j in np.ndindex(2, 3):
            u, s, vh = np.linalg.svd(x[i, j].numpy(), full_matrices=False)
            np.testing.assert_allclose(low[i, j].numpy(), (u[:, :k] * s[:k]) @ vh[:k], atol=1e-12)
        torch.testing.assert_close(low + rest, x)
    torch.testing.assert_close(low, x)


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 12), st.integers(0, 99))
def test_energy_is_matched_with_the_fewest(height: int, width: int, radius: float, seed: int) -> None:
    x = noise(2, 3, height, width, seed=seed)
    energy = low_pass(x, radius).square().sum((-2, -1))
    ranks = matched_rank(x, energy)
    for i, j in np.ndindex(2, 3):
        assert int(ranks[i, j]) == fewest(x[i, j].numpy(), float(energy[i, j]))
    low, rest = svd_split(x, energy=energy)
    torch.testing.assert_close(low, svd_split(x, ranks)[0])
    kept = low.square().sum((-2, -1))
    assert (kept >= energy * (1 - 1e-9)).all()
    torch.testing.assert_close(kept + rest.square().sum((-2, -1)), x.square().sum((-2, -1)))


def test_planes_have_ranks_of_their_own() -> None:
    x = noise(3, 6, 6)
    ranks = torch.tensor([0, 2, 6])
    low, _ = svd_split(x, ranks)
    assert torch.linalg.matrix_rank(low).tolist() == [0, 2, 6]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_poor_planes(dtype: torch.dtype) -> None:
    flat, wave = torch.full((9, 12), 0.7, dtype=dtype), torch.outer(torch.arange(1.0, 10), torch.arange(1.0, 13))
    for plane in (flat, wave.to(dtype)):
        assert int(matched_rank(plane, plane.square().sum())) == 1  # all its energy, up to rounding, is in one
    black = torch.zeros((9, 12), dtype=dtype)
    assert int(matched_rank(black, black.sum())) == 0
    assert svd_split(black, energy=black.sum())[0].abs().max() == 0
    assert int(matched_rank(flat, 2 * flat.square().sum())) == 9


def test_rank_or_energy() -> None:
    x = noise(4, 4)
    for wrong in ({}, {"rank": 1, "energy": x.sum()}):
        with pytest.raises(ValueError, match="either a rank or an energy"):
            svd_split(x, **wrong)  # type: ignore[arg-type]
