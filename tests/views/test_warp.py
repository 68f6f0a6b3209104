"""Frames moved on the device: scipy's interpolation, copies that are exact, borders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from eyechart.core.chance import generator
from eyechart.core.view import Pixels
from eyechart.views.maps import FLIP, Array, keystone, rotation, scaling, shearing, tilting, translation
from eyechart.views.motions import Pose, RandomPose, SmallMove, Still
from eyechart.views.warp import Border, Warp, smoothed, warped

SIZE = (21, 30)
MAPS = [
    rotation(13),
    scaling(1.1),
    scaling(0.4),
    shearing(7),
    keystone(0.2, True, SIZE),
    tilting(10, SIZE),
    translation(1.5, -2.25),
]


def frames(n: int = 3, size: tuple[int, int] = SIZE) -> torch.Tensor:
    values = np.random.default_rng(0).random((n, 3, *size), dtype=np.float32)
    return torch.from_numpy(values).contiguous(memory_format=torch.channels_last)


def batch(n: int = 3, size: tuple[int, int] = SIZE) -> Pixels:
    return Pixels(frames(n, size), tuple(f"{i}" for i in range(n)), 0)


def taken(map: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """(rows, columns) that pixels are taken from, pixel by pixel."""
    height, width = size
    rows, columns = np.empty(size), np.empty(size)
    for i in range(height):
        for j in range(width):
            x, y, w = map @ np.array([j - (width - 1) / 2, i - (height - 1) / 2, 1])
            rows[i, j], columns[i, j] = y / w + (height - 1) / 2, x / w + (width - 1) / 2
    return rows, columns


@pytest.mark.parametrize("number", range(len(MAPS)))
@pytest.mark.parametrize(("border", "mode"), [("zero", "grid-constant"), ("reflect", "mirror")])
def test_bilinear_as_scipy_does_it(number: int, border: Border, mode: str) -> None:
    x = frames()
    at = taken(MAPS[number], SIZE)
    theirs = [[ndimage.map_coordinates(c.astype(float), at, order=1, mode=mode) for c in image] for image in x.numpy()]
    ours = warped(x, MAPS[number][None], border)
    np.testing.assert_allclose(ours.numpy(), theirs, atol=2e-5)
    assert ours.is_contiguous(memory_format=torch.channels_last)


def test_no_move_and_whole_pixels_are_copies() -> None:
    x = frames()
    before = x.clone()
    assert torch.equal(warped(x, np.eye(3)[None]), x)
    assert torch.equal(warped(x, FLIP[None]), x.flip(-1))
    moved = warped(x, translation(2, -3)[None])
    assert torch.equal(moved[:, :, 2:, :-3], x[:, :, :-2, 3:])
    assert not moved[:, :, :2].any()
    assert not moved[..., -3:].any()
    mirrored = warped(x, translation(2, -3)[None], "reflect")
    whole = np.pad(x.numpy(), ((0, 0), (0, 0), (2, 0), (0, 3)), mode="reflect")[:, :, : SIZE[0], 3:]
    np.testing.assert_array_equal(mirrored.numpy(), whole)
    assert torch.equal(x, before)


def test_a_batch_of_maps_is_each_image_by_its_own() -> None:
    x, maps = frames(4), np.stack([np.eye(3), rotation(5), translation(1, 1), FLIP])
    together = warped(x, maps)
    for i in range(4):
        assert torch.allclose(together[i : i + 1], warped(x[i : i + 1], maps[i : i + 1]), atol=1e-6)
    assert torch.equal(together[0], x[0])
    assert torch.equal(together[3], x[3].flip(-1))


def test_there_and_back_on_a_smooth_image() -> None:
    y, x = np.mgrid[0:64, 0:64] / 64
    smooth = torch.from_numpy(0.5 + 0.4 * np.sin(3 * x + 1) * np.cos(2 * y))[None, None].expand(1, 3, -1, -1).float()
    for family in ("rotate", "scale", "shear", "stretch", "perspective"):
        shown = Warp(SmallMove(family, 5, "there_and_back")).render(Pixels(smooth, ("a",), 0)).pixels
        inside = (slice(None), slice(None), slice(12, -12), slice(12, -12))
        assert (shown[inside] - smooth[inside]).abs().max() < 1e-2
        assert not torch.equal(shown, smooth)


def test_in_place_moves_nothing_and_smooths_by_the_variance_of_the_interpolation() -> None:
    """A ramp stays where it is; a parabola rises by its second derivative times half the variance."""
    columns = torch.arange(30.0) / 30
    map = translation(0.25, -0.4)[None]
    inside = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    ramp = columns.expand(1, 3, 21, -1)
    assert torch.allclose(smoothed(ramp, map)[inside], ramp[inside], atol=1e-6)
    parabola = ramp**2
    rise = (smoothed(parabola, map) - parabola)[inside]
    assert torch.allclose(rise, torch.full_like(rise, 0.4 * 0.6 / 30**2), atol=1e-6)
    # interpolation itself: moved by .4, plus that same rise
    moved = (columns + 0.4 / 30) ** 2 + 0.4 * 0.6 / 30**2
    assert torch.allclose(warped(parabola, translation(0, -0.4)[None])[0, 0, 5, 2:-2], moved[2:-2], atol=1e-6)


def test_notes_say_what_was_drawn() -> None:
    size = (32, 32)
    shown = Warp(RandomPose(2, 30, 3)).render(batch(5, size))
    for i in range(5):
        drawn = generator(0, "spatial_robustness.2", f"{i}").uniform(-1, 1, 3) * (30, 3, 3)
        assert [shown.notes[k][i] for k in ("degrees", "down", "right")] == pytest.approx(drawn)
    alone = Warp(Pose(*(float(shown.notes[k][3]) for k in ("degrees", "down", "right")))).render(batch(5, size))
    assert torch.allclose(alone.pixels[3], shown.pixels[3], atol=1e-6)
    assert len(alone.notes["invented"]) == 5


def test_turned_before_it_is_moved() -> None:
    """A dot right of the centre, turned by a quarter, is above it; then moved right and down."""
    picture = torch.zeros(1, 3, 21, 21)
    picture[..., 10, 14] = 1
    shown = Warp(Pose(90, 2, 5)).render(Pixels(picture, ("a",), 0)).pixels
    assert shown[0, 0, 10 - 4 + 2, 10 + 5] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("degrees", "share"), [(0.0, 0.0), (45.0, 0.1716)])
def test_invented_is_the_share_from_beyond(degrees: float, share: float) -> None:
    shown: Any = Warp(SmallMove("rotate", degrees)).render(batch(3, (64, 64)))
    rows, columns = taken(rotation(degrees), (64, 64))
    beyond = (np.abs(rows - 31.5) > 31.5 + 1e-4) | (np.abs(columns - 31.5) > 31.5 + 1e-4)
    assert shown.notes["invented"] == pytest.approx(beyond.mean(), abs=2e-3)
    assert beyond.mean() == pytest.approx(share, abs=0.02)


def test_stays_as_it_is() -> None:
    one = batch()
    assert torch.equal(Warp(Still()).render(one).pixels, one.tensor)


def test_bicubic_stays_within_the_range_and_copies_whole_pixels() -> None:
    x = frames().round()
    assert torch.equal(warped(x, translation(1, 0)[None], "reflect", "bicubic")[:, :, 1:], x[:, :, :-1])
    turned = warped(x, rotation(9)[None], "reflect", "bicubic")
    assert 0 <= float(turned.min()) <= float(turned.max()) <= 1
    assert not torch.allclose(turned, warped(x, rotation(9)[None], "reflect"), atol=0.05)
