"""Gaussian filters against SciPy's, with the published border and mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from eyechart.core.view import Pixels
from eyechart.views.gaussian_bands import GaussianHigh, GaussianLow

WEIGHTS = np.array([0.2125, 0.7154, 0.0721])[:, None, None]
SIGMAS = [0.0, 0.1, 0.4, 1.5, 10.0]


def batch() -> Pixels:
    frames = torch.rand((2, 3, 12, 17), generator=torch.Generator().manual_seed(0))
    return Pixels(frames.contiguous(memory_format=torch.channels_last), ("a", "b"), seed=0)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_low_pass_is_scipys_filter_on_a_grey_ground(sigma: float) -> None:
    x = batch()
    shown = GaussianLow(sigma).render(x).pixels.numpy()
    for i in range(2):
        grey = (WEIGHTS * x.tensor[i].numpy().astype(float)).sum(0)
        wanted = gaussian_filter(grey, sigma, mode="constant", cval=0.4423) if sigma else grey
        for channel in shown[i]:
            np.testing.assert_allclose(channel, wanted, atol=1e-5)


@pytest.mark.parametrize("sigma", SIGMAS[1:])
def test_high_pass_is_the_rest_about_the_published_mean(sigma: float) -> None:
    x = batch()
    result = GaussianHigh(sigma).render(x)
    for i in range(2):
        grey = (WEIGHTS * x.tensor[i].numpy().astype(float)).sum(0)
        rest = grey - gaussian_filter(grey, sigma, mode="constant", cval=0.4423)
        rest += 0.4423 - rest.mean()
        np.testing.assert_allclose(result.pixels[i, 1].numpy(), np.clip(rest, 0, 1), atol=1e-5)
        assert result.notes["clipped_share"][i] == pytest.approx(((rest < 0) | (rest > 1)).mean())


def test_a_picture_of_the_background_stays_flat() -> None:
    flat = Pixels(torch.full((1, 3, 20, 20), 0.4423), ("a",), 0)
    for view in (GaussianLow(7.0), GaussianHigh(0.4), GaussianHigh(3.0)):
        torch.testing.assert_close(view.render(flat).pixels, flat.tensor, atol=1e-5, rtol=0)
