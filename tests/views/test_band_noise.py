"""Octave-band noise: its strength, its band, and the faint image under it."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve1d

from eyechart.core.view import Pixels
from eyechart.views.band_noise import FINEST, BandNoise, centre, octaves
from eyechart.views.colours import Greyed


def batch(size: int = 64, n: int = 2) -> Pixels:
    frames = torch.rand((n, 3, size, size), generator=torch.Generator().manual_seed(0))
    return Pixels(frames.contiguous(memory_format=torch.channels_last), tuple("abcd"[:n]), seed=5)


def test_without_noise_the_image_is_faint_and_grey() -> None:
    x = batch()
    grey = Greyed().render(x).pixels.numpy()
    faint = (grey - grey.mean((2, 3), keepdims=True)) * 0.2 + 0.449
    for octave in (0, 3):
        np.testing.assert_allclose(BandNoise(octave, 0.0).render(x).pixels.numpy(), faint, atol=1e-5)


@pytest.mark.parametrize("octave", range(5))
def test_noise_of_every_band_is_as_strong_and_lies_in_it(octave: int) -> None:
    x = batch()
    noise = (BandNoise(octave, 0.02).render(x).pixels - BandNoise(octave, 0.0).render(x).pixels)[:, 0].numpy()
    np.testing.assert_allclose(np.sqrt((noise**2).mean((1, 2))), 0.02 * FINEST, rtol=1e-3)
    at = np.fft.fftfreq(64, 1 / 64)
    distance = np.hypot(at[:, None], at)
    inside = (distance >= 1.75 * 2**octave / sqrt(2)) & (distance < 1.75 * 2**octave * sqrt(2))
    power = np.abs(np.fft.fft2(noise)) ** 2
    assert power[:, ~inside].sum() < 1e-5 * power.sum()
    assert not np.allclose(noise[0], noise[1], atol=1e-3)


def test_bands_add_up_to_all_of_the_plane_but_its_ends() -> None:
    at = np.fft.fftfreq(64, 1 / 64)
    distance = np.hypot(at[:, None], at)
    edges = [centre(k) / sqrt(2) for k in range(octaves((64, 64)) + 1)]
    held = sum(((distance >= a) & (distance < b)).astype(int) for a, b in pairwise(edges))
    assert held[(distance > 1) & (distance < 39)].tolist() == [1] * int(((distance > 1) & (distance < 39)).sum())
    assert [octaves((n, n)) for n in (16, 32, 64, 224)] == [3, 4, 5, 7]


def test_clipping_is_told() -> None:
    shown = BandNoise(2, 0.5).render(batch())
    assert 0.1 < shown.notes["clipped_share"].min() < 0.9
    assert BandNoise(2, 0.02).render(batch()).notes["clipped_share"].max() == 0


def test_the_strength_is_that_of_the_finest_level_of_a_laplacian_pyramid() -> None:
    kernel, white = np.array([1, 4, 6, 4, 1]) / 16, np.random.default_rng(0).standard_normal((512, 512))
    low = convolve1d(convolve1d(white, kernel, 0, mode="wrap"), kernel, 1, mode="wrap")[::2, ::2]
    wide = np.zeros_like(white)
    wide[::2, ::2] = low
    expanded = convolve1d(convolve1d(wide, 2 * kernel, 0, mode="wrap"), 2 * kernel, 1, mode="wrap")
    assert (white - expanded).std() == pytest.approx(FINEST, rel=5e-3)


@pytest.mark.parametrize("contrast", [0.2, 0.6])
def test_contrast_scales_the_image_and_not_the_noise(contrast: float) -> None:
    x = batch(16)
    faint, noisy = (BandNoise(1, sd, contrast).render(x).pixels[:, :1] for sd in (0.0, 0.01))
    planes = Greyed().render(x).pixels[:, :1]
    torch.testing.assert_close(faint, (planes - planes.mean((2, 3), keepdim=True)) * contrast + 0.449)
    torch.testing.assert_close((noisy - faint).square().mean((2, 3)).sqrt(), torch.full((2, 1), 0.01 * FINEST))
