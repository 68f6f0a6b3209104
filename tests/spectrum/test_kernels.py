"""Roughness and smoothing of kernels against loops over their weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eyechart.spectrum.kernels import high_frequency_share, neighbour_correlation, noise, smooth, total_variation

SIZES = [(3, 3), (5, 5), (1, 3), (4, 2), (7, 7)]


def kernels(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pairs(kernel: np.ndarray) -> list[tuple[float, float]]:
    """All vertically and horizontally adjacent weights of one kernel."""
    height, width = kernel.shape
    down = [(kernel[i, j], kernel[i + 1, j]) for i in range(height - 1) for j in range(width)]
    return down + [(kernel[i, j], kernel[i, j + 1]) for i in range(height) for j in range(width - 1)]


def checkerboard(height: int, width: int) -> torch.Tensor:
    return 1.0 - 2.0 * ((torch.arange(height)[:, None] + torch.arange(width)) % 2)


@pytest.mark.parametrize("size", SIZES)
def test_total_variation_by_a_loop(size: tuple[int, int]) -> None:
    w = kernels(4, 3, *size)
    for i, j in np.ndindex(4, 3):
        kernel = w[i, j].numpy()
        expected = np.mean([abs(a - b) for a, b in pairs(kernel)]) / np.mean(np.abs(kernel))
        assert float(total_variation(w)[i, j]) == pytest.approx(expected)


@pytest.mark.parametrize("size", SIZES)
def test_neighbour_correlation_by_a_loop(size: tuple[int, int]) -> None:
    w = kernels(4, 3, *size)
    for i in range(4):
        both = [p for j in range(3) for a, b in pairs(w[i, j].numpy()) for p in ((a, b), (b, a))]
        assert float(neighbour_correlation(w)[i]) == pytest.approx(np.corrcoef(np.array(both).T)[0, 1])


@pytest.mark.parametrize("size", SIZES)
def test_high_frequency_share_by_a_loop(size: tuple[int, int]) -> None:
    w = kernels(2, *size)
    for i in range(2):
        padded = np.zeros((32, 32))
        padded[: size[0], : size[1]] = w[i].numpy()
        power, beyond = np.abs(np.fft.fft2(padded)) ** 2, 0.0
        for u, v in np.ndindex(32, 32):
            if np.hypot(min(u, 32 - u), min(v, 32 - v)) > 8:
                beyond += power[u, v]
        assert float(high_frequency_share(w)[i]) == pytest.approx(beyond / power.sum())


@pytest.mark.parametrize("rho", [0, 0.1, 0.5, 1])
@pytest.mark.parametrize("size", [*SIZES, (1, 1)])
def test_smoothing_by_a_loop(size: tuple[int, int], rho: float) -> None:
    w = kernels(2, 3, *size)
    old, new = w.numpy(), np.empty(w.shape)
    for o, i, y, x in np.ndindex(*w.shape):
        around = 0.0
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                if (dy, dx) != (0, 0):
                    around += old[o, i, np.clip(y + dy, 0, size[0] - 1), np.clip(x + dx, 0, size[1] - 1)]
        new[o, i, y, x] = old[o, i, y, x] + rho * around
    np.testing.assert_allclose(smooth(w, rho).numpy(), new, atol=1e-12)
    np.testing.assert_allclose(smooth(w, rho, normalize=True).numpy(), new / (1 + 8 * rho), atol=1e-12)


@given(st.integers(1, 7), st.integers(1, 7), st.floats(0, 2), st.integers(0, 99))
def test_laws_of_smoothing(height: int, width: int, rho: float, seed: int) -> None:
    w = kernels(2, 3, height, width, seed=seed)
    gain = 1 + 8 * rho
    torch.testing.assert_close(smooth(w, rho).sum((-2, -1)), gain * w.sum((-2, -1)), atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(smooth(w.flip(-1), rho), smooth(w, rho).flip(-1))
    torch.testing.assert_close(smooth(w.mT, rho), smooth(w, rho).mT)
    torch.testing.assert_close(smooth(2 * w[:1] - w[1:], rho), 2 * smooth(w[:1], rho) - smooth(w[1:], rho))
    flat = torch.full((height, width), 0.3, dtype=torch.float64)
    torch.testing.assert_close(smooth(flat, rho), gain * flat)
    torch.testing.assert_close(smooth(flat, rho, normalize=True), flat)
    assert torch.equal(smooth(w, 0), w)


@given(st.integers(2, 7), st.integers(2, 7), st.floats(1e-3, 1e3), st.booleans(), st.integers(0, 99))
def test_roughness_knows_neither_scale_nor_flips(h: int, w: int, by: float, minus: bool, seed: int) -> None:
    k = kernels(2, 3, h, w, seed=seed)
    for measure in (total_variation, high_frequency_share, neighbour_correlation):
        for changed in (k * (-by if minus else by), k.flip(-1), k.flip(-2), k.mT):
            torch.testing.assert_close(measure(changed), measure(k))
    assert (neighbour_correlation(k).abs() <= 1 + 1e-12).all()
    share = high_frequency_share(k)
    assert ((share > 0) & (share < 1)).all()
    torch.testing.assert_close(neighbour_correlation(k + 5), neighbour_correlation(k))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_known_kernels(dtype: torch.dtype) -> None:
    board, flat = checkerboard(4, 5).to(dtype)[None], torch.full((3, 3, 3), 0.1, dtype=dtype)
    assert float(neighbour_correlation(board)) == pytest.approx(-1)
    assert float(total_variation(board)) == pytest.approx(2)
    assert total_variation(flat).tolist() == [0, 0, 0]
    assert neighbour_correlation(flat).isnan()
    assert total_variation(torch.zeros((2, 3, 3), dtype=dtype)).isnan().all()
    assert neighbour_correlation(torch.zeros((2, 3, 3), dtype=dtype)).isnan()
    assert high_frequency_share(torch.zeros((2, 3, 3), dtype=dtype)).isnan().all()
    single = torch.ones((4, 3, 1, 1), dtype=dtype)
    assert neighbour_correlation(single).isnan().all()
    assert total_variation(single).isnan().all()
    torch.testing.assert_close(high_frequency_share(single), torch.full((4, 3), 1 - 197 / 1024, dtype=torch.float64))


def test_smoothing_smooths() -> None:
    w = kernels(16, 3, 5, 5)
    smoother = smooth(w, 0.5)
    assert (total_variation(smoother) < total_variation(w)).all()
    assert (high_frequency_share(smoother) < high_frequency_share(w)).all()
    assert (neighbour_correlation(smoother) > neighbour_correlation(w)).all()


def test_pooling_is_over_the_inputs_of_a_filter() -> None:
    w = kernels(4, 3, 3, 3)
    apart = neighbour_correlation(w[..., None, :, :])
    assert apart.shape == (4, 3)
    assert float(apart[2, 1]) == pytest.approx(float(neighbour_correlation(w[2, 1:2])))


def test_a_kernel_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="33 x 3 do not fit into side=32"):
        high_frequency_share(torch.ones(33, 3))
    assert float(high_frequency_share(torch.ones(33, 3), side=64)) < 0.5


def test_noise_has_the_spectrum_it_should_have() -> None:
    plain, blurred = noise(3000, 5, 6), noise(3000, 5, 6, blur=0.8)
    assert plain.shape == blurred.shape == (3000, 5, 6)
    assert torch.equal(plain, noise(3000, 5, 6))
    assert not torch.equal(plain, noise(3000, 5, 6, seed=1))
    assert float(high_frequency_share(plain).mean()) == pytest.approx(1 - 197 / 1024, abs=0.006)
    # neighbours under a Gaussian of deviation s have correlation exp(-1 / (4 s^2)), but for the rounding of its taps
    for lag, wanted in ((1, 1 / (4 * 0.8**2)), (2, 4 / (4 * 0.8**2))):
        pairs = torch.stack([blurred[..., lag:].flatten(), blurred[..., :-lag].flatten()])
        assert float(torch.corrcoef(pairs)[0, 1]) == pytest.approx(np.exp(-wanted), abs=0.02)
    assert float(torch.corrcoef(torch.stack([plain[..., 1:].flatten(), plain[..., :-1].flatten()]))[0, 1]) < 0.01
    with pytest.raises(ValueError, match="blur is -1"):
        noise(1, 3, 3, blur=-1)
