"""Swapped phases against numpy on the full plane."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eyechart.spectrum.phase import swap_phase

SIZES = [(8, 8), (9, 9), (7, 10), (10, 7), (1, 8), (1, 1)]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.3


@pytest.mark.parametrize("size", SIZES)
def test_agrees_with_numpy_on_the_full_plane(size: tuple[int, int]) -> None:
    a, b = noise(2, 3, *size), noise(2, 3, *size, seed=1)
    za, zb = np.fft.fft2(a.numpy()), np.fft.fft2(b.numpy())
    expected = np.fft.ifft2(np.abs(za) * np.exp(1j * np.angle(zb)))
    assert np.abs(expected.imag).max() < 1e-12
    np.testing.assert_allclose(swap_phase(a, b).numpy(), expected.real, atol=1e-12)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_swapping_back_gives_the_image(height: int, width: int, seed: int) -> None:
    a, b = noise(2, height, width, seed=seed), noise(2, height, width, seed=seed + 1)
    torch.testing.assert_close(swap_phase(a, a), a)
    mixed = swap_phase(a, b)
    torch.testing.assert_close(torch.fft.fft2(mixed).abs(), torch.fft.fft2(a).abs())
    torch.testing.assert_close(swap_phase(b, mixed), b)
    torch.testing.assert_close(swap_phase(a, 3 * b), mixed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", SIZES)
def test_a_flat_image_lends_phase_zero(size: tuple[int, int], dtype: torch.dtype) -> None:
    a, flat = noise(2, *size).to(dtype), torch.full(size, 0.7, dtype=dtype)
    expected = torch.fft.ifft2(torch.fft.fft2(a).abs()).real
    torch.testing.assert_close(swap_phase(a, flat), expected)
    torch.testing.assert_close(swap_phase(a, torch.zeros_like(flat)), expected)
    torch.testing.assert_close(swap_phase(flat, a), flat * a.sum((-2, -1), keepdim=True).sign())


def test_one_phase_for_many() -> None:
    a, b = noise(4, 3, 8, 8), noise(8, 8, seed=1)
    mixed = swap_phase(a, b)
    assert mixed.shape == a.shape
    torch.testing.assert_close(mixed[1, 2], swap_phase(a[1, 2], b))


def test_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 4\) and \(4, 5\) pixels"):
        swap_phase(noise(4, 4), noise(4, 5))
