"""Phases scrambled with their amplitudes kept, and the reverse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eyechart.core.chance import generator
from eyechart.core.view import Pixels
from eyechart.views.scrambles import PhaseScramble, Whitened

SIZES = [(12, 12), (9, 7), (8, 9)]


def batch(n: int, size: tuple[int, int] = (12, 12)) -> Pixels:
    pixels = torch.rand((n, 3, *size), generator=torch.Generator().manual_seed(0))
    return Pixels(pixels.contiguous(memory_format=torch.channels_last), tuple(f"image {i}" for i in range(n)), 0)


@pytest.mark.parametrize("size", SIZES)
def test_scrambled_phases_keep_amplitudes_and_share_their_angles(size: tuple[int, int]) -> None:
    given = batch(3, size)
    shown = PhaseScramble(clip=False).render(given).pixels
    assert shown.is_contiguous(memory_format=torch.channels_last)
    before, after = np.fft.fft2(given.tensor.numpy()), np.fft.fft2(shown.numpy())
    np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=1e-3, atol=1e-4)
    moved = after / before
    np.testing.assert_allclose(moved[:, 0], moved[:, 1], atol=1e-3)
    np.testing.assert_allclose(moved[:, :, 0, 0], 1, atol=1e-5)
    assert np.abs(moved[:, 0] - 1).mean() > 0.8


@pytest.mark.parametrize("size", SIZES)
def test_angles_are_those_of_the_image_s_generator_in_proportion_to_the_width(size: tuple[int, int]) -> None:
    given, (height, width) = batch(2, size), size
    shown = PhaseScramble(30, 2, clip=False).render(given).pixels
    moved = np.fft.fft2(shown.numpy()) / np.fft.fft2(given.tensor.numpy())
    drawn = generator(0, "phase_scramble.2", "image 1").random((height, width // 2 + 1), np.float32)
    inner = slice(1, (width + 1) // 2)  # here the half plane holds one of two opposite frequencies
    angles = np.radians(30) * (2 * drawn - 1)
    np.testing.assert_allclose(np.angle(moved[1, 0])[:, inner], angles[:, inner], atol=2e-3)
    assert np.abs(np.angle(moved)).max() < np.radians(30) + 1e-2


def test_no_width_is_the_image() -> None:
    given = batch(2)
    torch.testing.assert_close(PhaseScramble(0).render(given).pixels, given.tensor)
    torch.testing.assert_close(Whitened(0, clip=False).render(given).pixels, given.tensor, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("amount", [0.5, 1.0])
def test_whitened_amplitudes_are_a_power_of_the_image_s(size: tuple[int, int], amount: float) -> None:
    given = batch(2, size)
    shown = Whitened(amount, clip=False).render(given).pixels
    before, after = np.fft.fft2(given.tensor.numpy()), np.fft.fft2(shown.numpy())
    np.testing.assert_allclose(np.angle(after / before), 0, atol=1e-3)
    np.testing.assert_allclose(after[..., 0, 0], before[..., 0, 0], rtol=1e-5)
    scaled = np.abs(after) / np.abs(before) ** (1 - amount)
    each = scaled.reshape(2, 3, -1)[..., 1:]
    np.testing.assert_allclose(each, each[..., :1] * np.ones_like(each), rtol=2e-3)
    np.testing.assert_allclose(shown.var((2, 3)), given.tensor.var((2, 3)), rtol=1e-4)


@pytest.mark.parametrize("view", [PhaseScramble(), Whitened()])
def test_constants_stay_and_clipping_is_told(view: PhaseScramble | Whitened) -> None:
    flat = torch.full((1, 3, 12, 12), 0.7)
    torch.testing.assert_close(view.render(Pixels(flat, ("a",), 0)).pixels, flat)
    given = batch(4)
    open_view = type(view)(clip=False)
    clipped, whole = view.render(given), open_view.render(given)
    assert torch.equal(clipped.pixels, whole.pixels.clamp(0, 1))
    outside = ((whole.pixels < 0) | (whole.pixels > 1)).flatten(1).double().mean(1)
    np.testing.assert_allclose(clipped.notes["clipped"], outside)
    assert outside.max() > 0
    alone = Pixels(given.tensor[2:3], given.ids[2:3], 0)
    torch.testing.assert_close(view.render(alone).pixels[0], clipped.pixels[2], rtol=0, atol=1e-6)
