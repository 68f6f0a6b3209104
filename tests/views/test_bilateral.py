"""The bilateral filter and the Gaussian against plain transcriptions of their formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from eyechart.core.view import Pixels
from eyechart.views import bilateral as module
from eyechart.views.bilateral import Bilateral, bilateral
from eyechart.views.blurs import GaussianBlur, gaussian_blur

Array = np.ndarray[Any, Any]


def images(n: int = 3, height: int = 11, width: int = 9, channels: int = 3, seed: int = 0) -> torch.Tensor:
    """8-bit pixels: an edge, and noise over it."""
    rng = np.random.default_rng(seed)
    step = np.where(np.arange(width) < width // 2, 60, 160)
    pixels = np.clip(step + rng.normal(0, 25, (n, channels, height, width)), 0, 255)
    tensor = torch.from_numpy(np.rint(pixels)).float() / 255
    return tensor.contiguous(memory_format=torch.channels_last)


def plain_bilateral(image: Array, diameter: int, sigma_color: float, sigma_space: float) -> Array:
    """(h, w, c) in 8-bit units, pixel by pixel."""
    radius = max(1, diameter // 2)
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)), mode="reflect")
    found = np.zeros_like(image)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            total, weights = np.zeros(image.shape[2]), 0.0
            for v in range(-radius, radius + 1):
                for u in range(-radius, radius + 1):
                    if v * v + u * u <= radius * radius:
                        there = padded[y + radius + v, x + radius + u]
                        apart = np.abs(there - image[y, x]).sum()
                        w = np.exp(-(apart**2) / (2 * sigma_color**2) - (v * v + u * u) / (2 * sigma_space**2))
                        total, weights = total + w * there, weights + w
            found[y, x] = total / weights
    return found


@pytest.mark.parametrize(
    ("diameter", "sigma_color", "sigma_space"), [(1, 30, 75), (4, 50, 75), (5, 20, 1.5), (8, 110, 75), (14, 200, 3)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_bilateral_is_a_plain_loop(diameter: int, sigma_color: float, sigma_space: float, channels: int) -> None:
    given = images(2, channels=channels)
    shown = bilateral(given, diameter, sigma_color, sigma_space)
    for k in range(2):
        plain = plain_bilateral(255.0 * given[k].permute(1, 2, 0).numpy(), diameter, sigma_color, sigma_space)
        np.testing.assert_allclose(255 * shown[k].permute(1, 2, 0).numpy(), plain, atol=2e-3)


def test_bilateral_and_gaussian_are_opencv_s() -> None:
    cv2 = pytest.importorskip("cv2")
    given = images(1, 40, 32)
    picture = np.ascontiguousarray(np.rint(255 * given[0].permute(1, 2, 0).numpy()).astype(np.uint8))
    for diameter, sigma in ((4, 50), (6, 80), (14, 200)):
        ours = 255 * bilateral(given, diameter, sigma, 75)[0].permute(1, 2, 0).numpy()
        assert np.abs(ours - cv2.bilateralFilter(picture, diameter, sigma, 75)).max() < 0.51
    for kernel, sigma in ((3, 1 / 3), (15, 7 / 3)):
        ours = 255 * gaussian_blur(given, kernel, sigma)[0].permute(1, 2, 0).numpy()
        theirs = cv2.GaussianBlur(picture.astype(np.float32), (kernel, kernel), sigma)
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize(("kernel", "sigma"), [(1, 1.0), (3, 0.33), (7, 1.0), (15, 2.33)])
def test_gaussian_is_a_plain_loop(kernel: int, sigma: float) -> None:
    given, reach = images(2), kernel // 2
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = np.outer(line, line) / line.sum() ** 2
    padded = np.pad(given.numpy(), ((0, 0), (0, 0), (reach, reach), (reach, reach)), mode="reflect")
    plain = np.zeros(given.shape)
    for v in range(kernel):
        for u in range(kernel):
            plain += weights[v, u] * padded[:, :, v : v + 11, u : u + 9]
    np.testing.assert_allclose(gaussian_blur(given, kernel, sigma), plain, atol=1e-6)


def test_levels_between_the_whole_ones_count_as_they_are() -> None:
    given = images(1) * 0.9937 + 0.002  # no longer k / 255
    plain = plain_bilateral(255.0 * given[0].permute(1, 2, 0).numpy(), 6, 30, 75)
    np.testing.assert_allclose(255 * bilateral(given, 6, 30, 75)[0].permute(1, 2, 0).numpy(), plain, atol=2e-3)
    rounded = plain_bilateral(np.rint(255.0 * given[0].permute(1, 2, 0).numpy()), 6, 30, 75)
    assert np.abs(rounded - plain).max() > 0.02


def test_layouts_are_filtered_alike() -> None:
    given = images(3)
    torch.testing.assert_close(bilateral(given, 6, 80, 75), bilateral(given.contiguous(), 6, 80, 75), rtol=0, atol=0)


@pytest.mark.parametrize("view", [Bilateral(6, 80), GaussianBlur(7, 1.0)])
def test_views_leave_their_input_and_constants_alone(view: Bilateral | GaussianBlur) -> None:
    given = images(3)
    before = given.clone()
    batch = Pixels(given, ("a", "b", "c"), 0)
    shown = view.render(batch).pixels
    assert torch.equal(given, before)
    assert shown.shape == given.shape
    assert shown.is_contiguous(memory_format=torch.channels_last)
    assert shown.dtype == torch.float32
    flat = torch.full((1, 3, 11, 9), 0.3)
    torch.testing.assert_close(view.render(Pixels(flat, ("a",), 0)).pixels, flat)


@pytest.mark.parametrize("view", [Bilateral(6, 80), GaussianBlur(7, 1.0)])
def test_values_do_not_depend_on_the_other_images(
    view: Bilateral | GaussianBlur, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = images(5)
    whole = view.render(Pixels(given, tuple("abcde"), 0)).pixels
    monkeypatch.setattr(module, "TOGETHER", 2 * 17 * 15)  # two padded images at a time
    apart = view.render(Pixels(given, tuple("abcde"), 0)).pixels
    torch.testing.assert_close(apart, whole, rtol=0, atol=1e-6)
    for k in range(5):
        alone = view.render(Pixels(given[k : k + 1], ("a",), 0)).pixels
        torch.testing.assert_close(alone[0], whole[k], rtol=0, atol=1e-6)
    assert view.render(Pixels(given[:0], (), 0)).pixels.shape == (0, 3, 11, 9)


def test_bilateral_keeps_the_edge_that_the_gaussian_takes() -> None:
    sharp = torch.zeros(1, 3, 16, 16)
    sharp[..., 8:] = 1.0
    kept, lost = (f[0, 0, 8, 8] - f[0, 0, 8, 7] for f in (bilateral(sharp, 8, 50, 75), gaussian_blur(sharp, 9, 2.0)))
    assert kept > 0.999
    assert lost < 0.3


def test_gaussian_keeps_the_mean_away_from_the_border() -> None:
    inner = torch.zeros(1, 3, 32, 32)
    inner[:, :, 10:22, 10:22] = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(gaussian_blur(inner, 9, 2.0).mean(), inner.mean())


def test_very_unlike_colours_do_not_mix() -> None:
    sharp = torch.zeros(1, 3, 8, 8)
    sharp[..., 4:] = 1.0
    torch.testing.assert_close(bilateral(sharp, 4, 1.0, 75), sharp, rtol=0, atol=1e-6)


def test_settings_that_do_not_fit_are_refused() -> None:
    given = images(1)
    for diameter, sigma in ((0, 50.0), (4, 0.0), (18, 50.0)):
        with pytest.raises(ValueError, match="bilateral filter"):
            bilateral(given, diameter, sigma, 75)
    for kernel, sigma in ((4, 1.0), (3, 0.0), (19, 1.0)):
        with pytest.raises(ValueError, match="Gaussian"):
            gaussian_blur(given, kernel, sigma)
