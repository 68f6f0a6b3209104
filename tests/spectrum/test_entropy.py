"""Spectral entropy against a loop, and its laws."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from eyechart.spectrum.balance import bass
from eyechart.spectrum.density import RadialProfile, radial_profile
from eyechart.spectrum.entropy import band_entropy, normalised_entropy, ring_entropy, spectral_entropy

sides = st.integers(4, 12)  # 3 x 3 pixels have one ring


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def of(values: Tensor) -> RadialProfile:
    """A profile on rings 1, 2, ..."""
    k = values.shape[-1]
    return RadialProfile(torch.arange(1.0, k + 1), values.double(), torch.ones(k))


def by_loop(x: np.ndarray) -> float:
    """H / log K of the mean amplitudes on rings int(D) >= 1."""
    height, width = x.shape
    on: dict[int, list[float]] = {}
    for i, j in np.ndindex(height, width):
        d = int(np.hypot(min(i, height - i), min(j, width - j)))
        on.setdefault(d, []).append(abs(np.fft.fft2(x)[i, j]))
    del on[0]
    means = [np.mean(sizes) for sizes in on.values()]
    shares = [m / sum(means) for m in means]
    return -sum(p * log(p) for p in shares if p > 0) / log(len(shares))


@pytest.mark.parametrize("size", [(8, 8), (9, 9), (7, 10), (10, 7), (1, 8)])
def test_agrees_with_a_loop(size: tuple[int, int]) -> None:
    x = noise(3, *size)
    assert spectral_entropy(x).tolist() == pytest.approx([by_loop(one.numpy()) for one in x])


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_rings_of_a_power_law_have_the_closed_form(alpha: float) -> None:
    k = torch.arange(1, 40, dtype=torch.float64)
    c = 1 / (k**-alpha).sum()
    expected = c * k**-alpha * (alpha * k.log() - c.log())
    torch.testing.assert_close(ring_entropy(of(7 * k**-alpha)), expected)


@given(sides, sides, st.floats(0.1, 9), st.floats(-5, 5), st.integers(0, 99))
def test_is_a_share_without_scale_and_offset(h: int, w: int, by: float, plus: float, seed: int) -> None:
    x = noise(2, h, w, seed=seed)
    entropy = spectral_entropy(x)
    assert ((entropy > 0) & (entropy <= 1 + 1e-12)).all()
    torch.testing.assert_close(spectral_entropy(by * x + plus), entropy)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_uniform_is_the_most_even(values: list[float]) -> None:
    profile = of(torch.tensor(values, dtype=torch.float64) + 1e-3)
    assert 0 <= float(normalised_entropy(profile)) <= 1 + 1e-12
    assert float(normalised_entropy(of(torch.full((len(values),), 3.0)))) == pytest.approx(1)


def test_one_ring_alone_has_none() -> None:
    values = torch.eye(6)
    assert normalised_entropy(of(values)).tolist() == pytest.approx([0] * 6)
    assert not ring_entropy(of(values)).isnan().any()  # 0 log 0 = 0
    at = torch.arange(16, dtype=torch.float64) / 16
    assert float(spectral_entropy(torch.cos(2 * torch.pi * 3 * at)[:, None] + 0 * at)) == pytest.approx(0, abs=1e-10)


def test_one_bright_pixel_is_spread_evenly() -> None:
    x = torch.zeros((15, 20), dtype=torch.float64)
    x[2, 3] = 1
    assert float(spectral_entropy(x)) == pytest.approx(1)


@given(sides, sides, st.floats(0.5, 6), st.integers(0, 99))
def test_bands_that_tile_add_up(height: int, width: int, edge: float, seed: int) -> None:
    profile = radial_profile(noise(2, height, width, seed=seed), "amplitude", "mean")
    whole = normalised_entropy(profile)
    bands = band_entropy(profile, (0, edge, 99))
    torch.testing.assert_close(bands.sum(-1), whole)
    torch.testing.assert_close(bands[..., 0] * log(len(profile.radii)), ring_entropy(profile)[..., : int(edge)].sum(-1))


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (1, 2), (9, 12)])
def test_flat_images_have_no_entropy(size: tuple[int, int]) -> None:
    flat = torch.full((2, *size), 0.7)
    assert spectral_entropy(flat).isnan().all()
    assert band_entropy(radial_profile(flat), (0, 2, 99)).isnan().all()
    assert ring_entropy(radial_profile(flat)).isnan().all()


def test_too_few_rings() -> None:
    assert normalised_entropy(of(torch.ones(1))).isnan()
    assert spectral_entropy(noise(1, 2)).isnan()


def test_an_empty_ring_does_not_spoil_gradients() -> None:
    x = torch.zeros((8, 8), dtype=torch.float64)
    x[:, ::2] = 1  # only the column Nyquist
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(spectral_entropy(x, "power"), x)
    assert gradient.isfinite().all()


@pytest.mark.shared
def test_bass_raises_the_entropy_of_natural_images(cifar: Tensor) -> None:
    images = cifar[::20]
    before = spectral_entropy(images.double())
    after = spectral_entropy(bass(images, quantize="none", clip="none"))
    assert (after > before).all()
