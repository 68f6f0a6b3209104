"""Grey, contrast and opponent colours, against plain NumPy and their laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eyechart.core.exam import Array
from eyechart.core.view import InputView, Pixels
from eyechart.views.colours import Greyed
from eyechart.views.tones import CONES, OPPONENT, Contrast, FalseColour, from_light, to_light


def batch(channels: int = 3, low: float = 0.0, high: float = 1.0) -> Pixels:
    frames = low + (high - low) * torch.rand((3, channels, 7, 10), generator=torch.Generator().manual_seed(0))
    return Pixels(frames.contiguous(memory_format=torch.channels_last), ("a", "b", "c"), seed=5)


def shown(view: InputView, frames: Pixels) -> Array:
    before = frames.tensor.clone()
    result = view.render(frames)
    assert torch.equal(frames.tensor, before)
    assert result.pixels.is_contiguous(memory_format=torch.channels_last)
    return result.pixels.numpy()


def test_grey_is_the_weighted_sum_and_grey_again_changes_nothing() -> None:
    x = batch()
    wanted = (x.tensor.numpy() * np.array([0.2125, 0.7154, 0.0721])[:, None, None]).sum(1)
    grey = shown(Greyed(), x)
    for channel in range(3):
        np.testing.assert_allclose(grey[:, channel], wanted, atol=1e-6)
    again = Pixels(torch.from_numpy(grey), x.ids, x.seed)
    np.testing.assert_allclose(shown(Greyed(), again), grey, atol=1e-6)
    one = batch(channels=1)
    np.testing.assert_array_equal(shown(Greyed(), one), one.tensor.numpy())


@pytest.mark.parametrize("contrast", [0.0, 0.05, 0.3, 1.0])
def test_contrast_draws_together_about_mid_grey(contrast: float) -> None:
    x = batch()
    grey = shown(Greyed(), x)
    toned = shown(Contrast(contrast), x)
    np.testing.assert_allclose(toned, 0.5 + contrast * (grey - 0.5), atol=1e-6)
    np.testing.assert_allclose(np.ptp(toned, (2, 3)), contrast * np.ptp(grey, (2, 3)), atol=1e-6)


def opponent(pixel: Array) -> Array:
    """By cones, less those of mid grey, to channels, two turned, and back: the published way, a pixel at a time."""
    light = np.where(pixel <= 0.04045, pixel / 12.92, ((pixel + 0.055) / 1.055) ** 2.4)
    cones, channels = np.array(CONES), np.array(OPPONENT)
    background = cones @ np.full(3, 0.5)
    turned = channels @ (cones @ light - background) * np.array([1, -1, -1])
    back = np.linalg.inv(cones) @ (np.linalg.inv(channels) @ turned + background)
    back = np.clip(back, 0, 1)
    return np.where(back <= 0.0031308, 12.92 * back, 1.055 * back ** (1 / 2.4) - 0.055)


def test_false_colour_is_the_published_change_of_channels() -> None:
    x = batch()
    turned = shown(FalseColour(), x)
    wanted = np.apply_along_axis(opponent, 1, x.tensor.numpy().astype(float))
    np.testing.assert_allclose(turned, wanted, atol=2e-4)
    assert np.abs(turned - x.tensor.numpy()).max() > 0.3


def test_false_colour_keeps_grey_and_luminance_and_undoes_itself() -> None:
    grey = shown(Greyed(), batch())
    np.testing.assert_allclose(shown(FalseColour(), Pixels(torch.from_numpy(grey), ("a",) * 3, 0)), grey, atol=1e-4)
    dull = batch(low=0.42, high=0.58)
    once = FalseColour().render(dull)
    assert once.notes["clipped_share"].max() == 0
    twice = FalseColour().render(Pixels(once.pixels, dull.ids, 5))
    np.testing.assert_allclose(twice.pixels.numpy(), dull.tensor.numpy(), atol=1e-4)
    weights = np.array(OPPONENT)[0] @ np.array(CONES)  # luminance, in linear light
    before, after = (np.tensordot(weights, to_light(t).numpy(), (0, 1)) for t in (dull.tensor, once.pixels))
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_the_curve_of_light_and_back() -> None:
    values = torch.linspace(0, 1, 101)
    torch.testing.assert_close(from_light(to_light(values)), values, atol=1e-5, rtol=0)
