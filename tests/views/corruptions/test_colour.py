"""Brightness, contrast and saturation against float64 transcriptions, to the last grey level, and their laws."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch

from eyechart.views.corruptions.colour import KINDS, from_hsv, to_hsv
from views.corruptions.frames import SIDES, Array, frames, levels, published, whole

SETTINGS = [(column, severity) for column in SIDES for severity in range(1, 6)]


def rgb2hsv(x: Array) -> Array:
    """scikit-image's, of (h, w, 3) float64."""
    value, span = x.max(-1), np.ptp(x, -1)
    hue = np.zeros_like(value)
    with np.errstate(divide="ignore", invalid="ignore"):
        for channel, (offset, first, second) in enumerate([(0, 1, 2), (2, 2, 0), (4, 0, 1)]):
            largest = x[..., channel] == value
            hue[largest] = (offset + (x[..., first] - x[..., second]) / span)[largest]
        saturation = span / value
    hue = (hue / 6) % 1
    hue[span == 0] = saturation[span == 0] = 0
    return np.stack([hue, saturation, value], -1)


def hsv2rgb(x: Array) -> Array:
    """scikit-image's."""
    hue, saturation, value = np.moveaxis(x, -1, 0)
    sector = np.floor(hue * 6)
    part = hue * 6 - sector
    p, q = value * (1 - saturation), value * (1 - part * saturation)
    t = value * (1 - (1 - part) * saturation)
    choices = [(value, t, p), (q, value, p), (p, value, t), (p, q, value), (t, p, value), (value, p, q)]
    stacked = [np.stack(choice, -1) for choice in choices]
    return np.choose(np.stack([sector.astype(np.uint8)] * 3, -1) % 6, stacked)


def theirs(image: Array, corruption: str, *parameters: float) -> Array:
    """The published corruption of one image (h, w, 3) uint8."""
    x = image / 255.0
    if corruption == "contrast":
        means = np.mean(x, axis=(0, 1), keepdims=True)
        return published((x - means) * parameters[0] + means)
    hsv = rgb2hsv(x)
    if corruption == "brightness":
        hsv[..., 2] = np.clip(hsv[..., 2] + parameters[0], 0, 1)
    else:
        hsv[..., 1] = np.clip(hsv[..., 1] * parameters[0] + parameters[1], 0, 1)
    return published(hsv2rgb(hsv))


def colours() -> Array:
    """(2, 64, 64, 3) uint8: few levels, so that many pixels lie on the borders of sectors, or are grey; and any."""
    rng = np.random.default_rng(1)
    return np.stack([rng.choice([0, 1, 85, 170, 254, 255], (64, 64, 3)), rng.integers(0, 256, (64, 64, 3))]).astype(
        np.uint8
    )


@pytest.mark.parametrize("corruption", KINDS)
@pytest.mark.parametrize(("column", "severity"), SETTINGS)
def test_the_published_levels(corruption: str, column: str, severity: int) -> None:
    parameters = KINDS[corruption].levels[column][severity - 1]  # type: ignore[index]
    for x in (frames(32, 32), colours()):
        expected = np.stack([theirs(image, corruption, *parameters) for image in x])
        assert (whole(levels(x, corruption, severity, column=column)) == expected).all()


def test_contrast_where_rounding_of_the_mean_decides() -> None:
    # a mean of 128: with half the contrast, half of all levels end on whole numbers, or just below, by the order of sums
    half = np.random.default_rng(2).integers(1, 256, (20, 512, 3))
    x = np.random.default_rng(3).permuted(np.concatenate([half, 256 - half], 1), axis=1)
    x = x.reshape(20, 32, 32, 3).astype(np.uint8)
    tied = 0
    for severity in range(1, 6):
        (factor,) = KINDS["contrast"].levels["cifar"][severity - 1]
        expected = np.stack([theirs(image, "contrast", factor) for image in x])
        exact = x * factor + (1 - factor) * 128
        tied += int((np.abs(exact - np.rint(exact)) < 1e-9).sum())
        assert (whole(levels(x, "contrast", severity, column="cifar")) == expected).all()
    assert tied > 1000


@pytest.mark.parametrize("size", [(1, 1), (3, 17), (40, 9)])
@pytest.mark.parametrize("corruption", KINDS)
def test_frames_that_are_not_square(size: tuple[int, int], corruption: str) -> None:
    x = frames(*size)
    expected = np.stack([theirs(image, corruption, *KINDS[corruption].levels["tiny"][3]) for image in x])
    assert (whole(levels(x, corruption, 4, column="tiny")) == expected).all()


def test_one_channel_is_grey() -> None:
    x = frames(9, 14, 1)
    assert (whole(levels(x, "saturate", 4, column="tiny")) == x).all()
    assert (whole(levels(x, "brightness", 2, column="tiny")) == published(x / 255.0 + 0.2)).all()
    grey = np.repeat(x, 3, -1)
    for corruption in ("brightness", "contrast"):
        one, three = (whole(levels(each, corruption, 3, column="tiny")).astype(int) for each in (x, grey))
        assert np.abs(one - three).max() <= 1


def test_hue_saturation_and_value_are_those_of_python() -> None:
    x = torch.rand(1, 3, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    hsv = torch.stack(to_hsv(x), 1)
    for y, z in np.ndindex(5, 5):
        assert hsv[0, :, y, z].tolist() == pytest.approx(colorsys.rgb_to_hsv(*x[0, :, y, z].tolist()))
    torch.testing.assert_close(from_hsv(*to_hsv(x)), x)


def test_brightness_changes_the_value_alone() -> None:
    x = colours()[1:]
    before, after = rgb2hsv(x[0] / 255.0), rgb2hsv(levels(x, "brightness", 2, column="tiny", rounding="none")[0] / 255)
    np.testing.assert_allclose(after[..., 2], np.minimum(before[..., 2] + 0.2, 1), atol=1e-6)
    np.testing.assert_allclose(after[..., 1], before[..., 1], atol=1e-5)
    turned = np.abs(after[..., 0] - before[..., 0])
    assert np.minimum(turned, 1 - turned)[before[..., 1] > 0.1].max() < 1e-5


def test_contrast_keeps_the_mean_of_each_channel() -> None:
    x = frames(20, 30)
    shown = levels(x, "contrast", 3, column="cifar", rounding="none")
    np.testing.assert_allclose(shown.mean((1, 2)), x.mean((1, 2)), atol=1e-4)
    np.testing.assert_allclose(shown.std((1, 2)), 0.4 * x.std((1, 2)), atol=1e-4)
