"""Fourier shifts against periodic sinc interpolation, pixel by pixel, and the laws of moving."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eyechart.spectrum.shifts import fourier_shift

SIZES = [(8, 8), (9, 9), (7, 10), (10, 7), (1, 8), (2, 3), (1, 1)]
SHIFTS = [(0.0, 0.0), (0.5, 0.0), (0.0, 0.25), (1 / 3, -0.75), (-2.5, 11.2)]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sinc_matrix(n: int, shift: float) -> np.ndarray:
    """(n, n): what the band-limited signal through n samples, repeated without end, is at each place less ``shift``."""
    t = np.arange(n)[:, None] - shift - np.arange(n)
    whole = np.isclose(np.mod(t, n), 0) | np.isclose(np.mod(t, n), n)
    t = np.where(whole, 0.3, t)
    below = np.tan(np.pi * t / n) if n % 2 == 0 else np.sin(np.pi * t / n)
    return np.where(whole, 1.0, np.sin(np.pi * t) / (n * np.where(below == 0, 1.0, below)))


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("size", SIZES)
def test_it_is_periodic_sinc_interpolation(size: tuple[int, int], shift: tuple[float, float]) -> None:
    x = noise(2, 3, *size)
    rows, columns = (sinc_matrix(n, d) for n, d in zip(size, shift, strict=True))
    expected = np.einsum("yk,nckl,xl->ncyx", rows, x.numpy(), columns)
    np.testing.assert_allclose(fourier_shift(x, *shift).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [*SIZES, (32, 32), (224, 224)])
def test_whole_pixels_are_a_roll(size: tuple[int, int], dtype: torch.dtype) -> None:
    x = noise(2, *size).to(dtype)
    for down, right in ((0, 0), (1, 0), (0, -1), (3, 5), (-200, 431)):
        moved = fourier_shift(x, down, right)
        assert moved.dtype == dtype
        assert (moved - x.roll((down, right), (-2, -1))).abs().max() < 1e-5


@given(st.integers(1, 12), st.integers(1, 12), st.floats(-3, 3), st.floats(-3, 3), st.integers(0, 99))
def test_down_then_right_is_both_at_once_and_means_stay(h: int, w: int, down: float, right: float, seed: int) -> None:
    x = noise(2, h, w, seed=seed)
    moved = fourier_shift(x, down, right)
    torch.testing.assert_close(fourier_shift(fourier_shift(x, down, 0), 0, right), moved)
    torch.testing.assert_close(moved.mean((-2, -1)), x.mean((-2, -1)))
    if h % 2 and w % 2:
        torch.testing.assert_close(fourier_shift(moved, -down, -right), x)


def test_half_a_pixel_takes_the_nyquist_row_of_an_even_size() -> None:
    stripes = torch.tensor([1.0, -1.0]).repeat(4)[:, None].expand(8, 6).double()
    assert fourier_shift(stripes, 0.5, 0).abs().max() < 1e-12
    torch.testing.assert_close(fourier_shift(stripes, 1 / 3, 0), 0.5 * stripes)  # cos(pi / 3)
    torch.testing.assert_close(fourier_shift(stripes, 0, 0.5), stripes)


def test_each_image_may_have_a_shift_of_its_own() -> None:
    x, down = noise(4, 3, 8, 9), torch.tensor([0.0, 0.5, -1.25, 3.0])
    moved = fourier_shift(x, down[:, None], 2.0)
    for k in range(4):
        torch.testing.assert_close(moved[k], fourier_shift(x[k], float(down[k]), 2.0))


def test_gradients_flow_into_the_shift() -> None:
    x, down, right = (
        noise(2, 6, 7),
        torch.tensor(0.3, dtype=torch.float64),
        torch.tensor([0.4, 1.6], dtype=torch.float64),
    )
    down.requires_grad_()
    right.requires_grad_()
    assert torch.autograd.gradcheck(lambda d, r: fourier_shift(x, d, r), (down, right))
