"""Bands between radii, head and tail, and the low-rank control: against plain numpy on the full plane, and their laws."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from eyechart.core.exam import Array
from eyechart.core.view import InputView, Pixels
from eyechart.spectrum.bands import band_pass
from eyechart.spectrum.grid import Units
from eyechart.views.bands import Band, BandPass, Side
from eyechart.views.splits import LowRank, OwnHead, PooledHead

SIZES = [(16, 16), (9, 9), (7, 10), (12, 5), (1, 8), (1, 1)]
UNITS: tuple[Units, Units] = ("index", "isotropic")
SIDES: tuple[Side, Side] = ("low", "high")


def batch(height: int = 12, width: int = 16, n: int = 4, channels: int = 3, seed: int = 0) -> Pixels:
    """Noise under a shading, so that there is a head and a tail."""
    chance = np.random.default_rng(seed)
    shade = np.cos(2 * np.pi * np.arange(width) / width) * chance.uniform(0, 0.4, (n, 1, 1, 1))
    return of(np.clip(0.5 + shade + chance.normal(0, 0.1, (n, channels, height, width)), 0, 1))


def of(values: Array) -> Pixels:
    frames = torch.from_numpy(np.asarray(values, np.float32)).contiguous(memory_format=torch.channels_last)
    return Pixels(frames, tuple(f"{i}" for i in range(len(values))), seed=0)


def distances(height: int, width: int, units: Units) -> Array:
    """Radius of every coefficient of the full plane, in a loop."""
    found = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            fy, fx = (i if 2 * i <= height else i - height), (j if 2 * j <= width else j - width)
            if units == "isotropic":
                fy, fx = fy * max(height, width) / height, fx * max(height, width) / width
            found[i, j] = np.hypot(fy, fx)
    return found


def low_by_numpy(plane: Array, radius: float, units: Units = "index") -> Array:
    keep = distances(*plane.shape, units) <= radius + 1e-9
    return np.fft.ifft2(np.fft.fft2(plane) * keep).real


def head_by_numpy(image: Array, share: float, units: Units) -> float:
    """Radius at which the power of the grey image, summed outwards without its mean, first reaches the share."""
    grey = 0.2989 * image[0] + 0.587 * image[1] + 0.114 * image[2] if len(image) == 3 else image[0]
    power, far = np.abs(np.fft.fft2(grey - grey.mean())) ** 2, distances(*grey.shape, units)
    power[0, 0] = 0
    if power.sum() < 1e-12:
        return np.nan
    for radius in np.unique(far.round(9)):
        if power[far <= radius + 1e-6].sum() >= share * power.sum() * (1 - 1e-9):
            return float(radius)
    raise AssertionError


def rank_by_numpy(plane: Array, energy: float) -> Array:
    """The fewest outer products of the largest singular values that hold the energy, added one by one."""
    u, s, vh = np.linalg.svd(plane)
    total = np.zeros_like(plane)
    for k in range(len(s)):
        if (s[:k] ** 2).sum() >= energy * (1 - 1e-7):
            return total
        total = total + s[k] * np.outer(u[:, k], vh[k])
    return total


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_bands_that_touch_add_up_to_the_image(size: tuple[int, int], inclusive: bool, units: Units) -> None:
    frames, radii = batch(*size), (0.0, 1.0, 2.5, 3.0, 5.0)
    parts = [BandPass(a, b, inclusive, units).render(frames).pixels for a, b in pairwise(radii)]
    for part, (inner, outer) in zip(parts, pairwise(radii), strict=True):
        torch.testing.assert_close(part, band_pass(frames.tensor, inner, outer, inclusive, units), atol=1e-6, rtol=0)
    ends = Band("low", 0.0, inclusive, units), Band("high", 5.0, inclusive, units)
    total = sum(parts) + sum(view.render(frames).pixels for view in ends)
    torch.testing.assert_close(total, frames.tensor)


def test_a_band_between_two_shown_radii_needs_no_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, calls = batch(), []
    for radius in (2.0, 4.0):
        Band("low", radius).render(frames)
    monkeypatch.setattr("eyechart.views.bands.low_from_spectrum", lambda *_: calls.append(1))
    shown = BandPass(2.0, 4.0).render(frames).pixels
    assert not calls
    torch.testing.assert_close(shown, band_pass(frames.tensor, 2.0, 4.0), atol=1e-6, rtol=0)


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_is_cut_where_its_own_spectrum_says(size: tuple[int, int], channels: int, units: Units) -> None:
    frames = batch(*size, n=6, channels=channels)
    shown = {side: OwnHead(side, 0.6, units).render(frames) for side in SIDES}
    images = frames.tensor.double().numpy()
    for i, image in enumerate(images):
        radius = head_by_numpy(image, 0.6, units)
        np.testing.assert_allclose(shown["low"].notes["head_radius"][i], radius, atol=1e-6)
        head = np.stack([low_by_numpy(plane, np.nan_to_num(radius), units) for plane in image])
        np.testing.assert_allclose(shown["low"].pixels[i].numpy(), head, atol=1e-5)
        np.testing.assert_allclose(shown["high"].pixels[i].numpy(), image - head, atol=1e-5)
    if min(size) > 5:
        assert len(set(shown["low"].notes["head_radius"])) > 1  # the images differ


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_flat_image_is_all_head_and_has_no_radius(value: float) -> None:
    frames = of(np.stack([np.full((3, 9, 12), value), np.random.default_rng(0).uniform(size=(3, 9, 12))]))
    low, high = (OwnHead(side).render(frames) for side in SIDES)
    assert low.valid is not None
    assert low.valid.tolist() == [False, True]
    assert np.isnan(low.notes["head_radius"]).tolist() == [True, False]
    torch.testing.assert_close(low.pixels[0], frames.tensor[0])
    assert high.pixels[0].abs().max() < 1e-6


@pytest.mark.parametrize(("u", "v"), [(3, 4), (0, 2), (5, 0), (1, 1)])
def test_the_head_of_one_wave_ends_at_the_wave(u: int, v: int) -> None:
    rows, columns = np.arange(16)[:, None] / 16, np.arange(16)[None] / 16
    wave = 0.5 + 0.3 * np.cos(2 * np.pi * (u * rows + v * columns))
    frames = of(np.broadcast_to(wave, (1, 3, 16, 16)))
    for share in (0.1, 0.8, 0.99):
        assert OwnHead("low", share).render(frames).notes["head_radius"] == pytest.approx([np.hypot(u, v)])


def test_a_pooled_head_shows_a_band_and_is_another_view() -> None:
    frames = batch()
    for side in SIDES:
        head, band = PooledHead(side, 3.0, "isotropic"), Band(side, 3.0, True, "isotropic")
        assert torch.equal(head.render(frames).pixels, band.render(frames).pixels)
        assert head != band
        assert len({head, band, PooledHead(side, 3.0, "isotropic")}) == 2


@pytest.mark.parametrize("radius", [0.0, 1.0, 2.5, 4.0])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_control_keeps_the_fewest_singular_values(size: tuple[int, int], channels: int, radius: float) -> None:
    frames = batch(*size, channels=channels)
    low, high = (LowRank(side, radius).render(frames).pixels.numpy() for side in SIDES)
    for i, image in enumerate(frames.tensor.double().numpy()):
        for c, plane in enumerate(image):
            expected = rank_by_numpy(plane, (low_by_numpy(plane, radius) ** 2).sum())
            np.testing.assert_allclose(low[i, c], expected, atol=2e-5)
            np.testing.assert_allclose(high[i, c], plane - expected, atol=2e-5)


@pytest.mark.parametrize("units", UNITS)
def test_the_control_holds_no_less_energy_than_the_low_band(units: Units) -> None:
    frames = batch(9, 20, n=8)
    for inclusive in (True, False):
        low = LowRank("low", 3.0, inclusive, units).render(frames).pixels.square().sum((2, 3))
        band = Band("low", 3.0, inclusive, units).render(frames).pixels.square().sum((2, 3))
        assert (low >= band * (1 - 1e-5)).all()
        assert (low < frames.tensor.square().sum((2, 3)) * (1 - 1e-5)).any()  # and yet not all there is


def test_the_control_of_everything_is_everything_up_to_rounding() -> None:
    frames = batch(64, 64)
    assert LowRank("high", 50.0).render(frames).pixels.square().sum() < 1e-6 * frames.tensor.square().sum()


def test_flat_and_black_images_have_nothing_beside_their_first_singular_value() -> None:
    frames = of(np.stack([np.zeros((3, 8, 8)), np.full((3, 8, 8), 0.7)]))
    low, high = (LowRank(side, 2.0).render(frames).pixels for side in SIDES)
    torch.testing.assert_close(low, frames.tensor, atol=1e-6, rtol=0)
    assert high.abs().max() < 1e-6


ALL = [
    view
    for side in SIDES
    for view in (OwnHead(side), OwnHead(side, 0.5, "isotropic"), PooledHead(side, 3.0), LowRank(side, 3.0))
] + [BandPass(2.0, 4.0), BandPass(3.0, 5.0, False, "isotropic")]


@pytest.mark.parametrize("view", ALL, ids=str)
def test_renders_channels_last_and_leaves_its_input_alone(view: InputView) -> None:
    frames = batch()
    before = frames.tensor.clone()
    shown = view.render(frames).pixels
    assert shown.is_contiguous(memory_format=torch.channels_last)
    assert shown.dtype == torch.float32
    assert torch.equal(frames.tensor, before)


@pytest.mark.parametrize("view", ALL, ids=str)
def test_an_image_is_rendered_alike_in_any_batch_and_after_any_view(view: InputView) -> None:
    frames = batch()
    for other in ALL:
        other.render(frames)
    whole = view.render(frames).pixels
    for i in range(len(whole)):
        alone = view.render(Pixels(frames.tensor[i : i + 1], frames.ids[i : i + 1], 0)).pixels
        torch.testing.assert_close(alone[0], whole[i], atol=2e-5, rtol=0)


def test_parts_add_up() -> None:
    frames = batch(9, 14)
    for low, high in ((OwnHead("low"), OwnHead("high")), (LowRank("low", 2.0), LowRank("high", 2.0))):
        torch.testing.assert_close(low.render(frames).pixels + high.render(frames).pixels, frames.tensor)
