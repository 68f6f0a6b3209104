"""Perturbations taken apart, beside plain NumPy."""

from __future__ import annotations

import numpy as np
import torch

from eyechart.core.view import Pixels, Shown
from eyechart.views.perturbations import Enlarged, OnlyBand, SpectrumOfChange

N, SIZE, RADIUS = 3, 8, 2.5


def batch(change: float = 0.1, middle: float = 0.5) -> Pixels:
    """Frames in [0.4, 0.6], changed a little."""
    chance = torch.Generator().manual_seed(0)
    before = middle + 0.2 * (torch.rand(N, 3, SIZE, SIZE, generator=chance) - 0.5)
    after = before + change * (torch.rand(N, 3, SIZE, SIZE, generator=chance) - 0.5)
    return Pixels(after, ("a", "b", "c"), 0, before=before)


def moved(pixels: Pixels, shown: Shown) -> np.ndarray:
    return (shown.pixels - pixels.before).double().numpy()


def test_the_parts_are_those_of_the_change_and_add_up_to_it() -> None:
    pixels = batch()
    whole = (pixels.tensor - pixels.before).double().numpy()
    f = SIZE * np.fft.fftfreq(SIZE)
    low = np.fft.ifft2(np.fft.fft2(whole) * (np.hypot(f[:, None], f[None]) <= RADIUS)).real
    parts = {side: moved(pixels, OnlyBand(side, RADIUS).render(pixels)) for side in ("low", "high")}  # type: ignore[arg-type]
    np.testing.assert_allclose(parts["low"], low, atol=1e-6)
    np.testing.assert_allclose(parts["low"] + parts["high"], whole, atol=1e-6)


def test_what_is_shown_stays_in_range() -> None:
    pixels = batch(1.0, middle=0.9)
    shown = OnlyBand("low", RADIUS).render(pixels).pixels
    assert float(shown.max()) <= 1
    assert float(shown.min()) >= 0
    assert shown.is_contiguous(memory_format=torch.channels_last)


def test_pictures_of_a_change_fill_the_range_and_are_grey_where_there_is_none() -> None:
    pixels = batch(0.01)
    pixels.tensor[0] = pixels.before[0]
    shown = Enlarged().render(pixels).pixels
    assert (shown[0] == 0.5).all()
    extremes = (shown[1:] - 0.5).abs().flatten(1).amax(1)
    torch.testing.assert_close(extremes, torch.full((N - 1,), 0.5))


def test_the_spectrum_of_a_wave_is_two_points() -> None:
    wave = torch.cos(2 * torch.pi * 2 * torch.arange(SIZE) / SIZE).expand(1, 3, SIZE, SIZE)
    before = torch.full((1, 3, SIZE, SIZE), 0.5)
    shown = SpectrumOfChange().render(Pixels(before + 0.1 * wave, ("a",), 0, before=before)).pixels[0, 0]
    bright = shown > 0.5
    assert bright.sum() == 2
    assert bright[SIZE // 2, SIZE // 2 - 2]
    assert bright[SIZE // 2, SIZE // 2 + 2]
    assert float(shown.max()) == 1.0
