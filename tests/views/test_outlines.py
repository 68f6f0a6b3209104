"""Edges and silhouettes, against a transcription pixel by pixel and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from eyechart.core.exam import Array
from eyechart.core.view import Frame, SourceView
from eyechart.images.original import Original
from eyechart.models.preprocessing import Preprocessing
from eyechart.views.outlines import Edges, Silhouette, edges, grey_values, has_ground, object_mask
from eyes import noise_images

NEIGHBOURS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]


def shown(view: SourceView, pixels: Array) -> Frame:
    size = pixels.shape[:2]
    picture = Image.fromarray(pixels)
    return view.frame(Original(picture), Preprocessing(size=size, resize=size), np.random.default_rng(0))


def in_grey(values: Array) -> Array:
    """(h, w) of 0 to 255 as (h, w, 3) uint8."""
    return np.repeat(values.astype(np.uint8)[:, :, None], 3, axis=2)


def disc(size: int = 48, radius: float = 15) -> Array:
    at = np.arange(size) - (size - 1) / 2
    return np.hypot(at[:, None], at) <= radius


def ball(size: int = 48, dark: int = 40, light: int = 255) -> Array:
    """A disc on a ground, as one grey value each."""
    return in_grey(np.where(disc(size), dark, light))


def canny(grey: Array, low: float, high: float) -> Array:
    """Canny's method once more: sums over windows and a walk along the edges."""
    height, width = grey.shape
    sigma = 2 / 224 * min(grey.shape)
    reach = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = np.outer(weights, weights) / weights.sum() ** 2
    wide = np.pad(grey, reach, mode="edge")
    smooth = np.array(
        [
            [(wide[y : y + 2 * reach + 1, x : x + 2 * reach + 1] * weights).sum() for x in range(width)]
            for y in range(height)
        ]
    )
    wide = np.pad(smooth, 1, mode="edge")
    across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    right, down = (
        np.array([[(wide[y : y + 3, x : x + 3] * k).sum() for x in range(width)] for y in range(height)])
        for k in (across, across.T)
    )
    strength = np.hypot(right, down)
    weak, strong = np.percentile(strength, [low, high])

    def at(y: int, x: int) -> float:
        return float(strength[y, x]) if 0 <= y < height and 0 <= x < width else 0.0

    def thin(y: int, x: int) -> bool:
        eighth = round(np.degrees(np.arctan2(down[y, x], right[y, x])) / 45) % 4
        dy, dx = ((0, 1), (1, 1), (1, 0), (1, -1))[eighth]
        return at(y, x) > at(y + dy, x + dx) and at(y, x) >= at(y - dy, x - dx)

    fine = np.array([[thin(y, x) for x in range(width)] for y in range(height)])
    found = np.zeros(grey.shape, bool)
    walk = [(int(y), int(x)) for y, x in np.argwhere(fine & (strength >= strong))]
    while walk:
        y, x = walk.pop()
        if not (0 <= y < height and 0 <= x < width) or found[y, x] or not fine[y, x] or strength[y, x] < weak:
            continue
        found[y, x] = True
        walk += [(y + dy, x + dx) for dy, dx in NEIGHBOURS]
    return found


@pytest.mark.parametrize("size", [(40, 56), (57, 41)])
@pytest.mark.parametrize("percentiles", [(80, 90), (60, 95), (0, 0)])
def test_edges_computed_once_more(size: tuple[int, int], percentiles: tuple[float, float]) -> None:
    grey = np.random.default_rng(0).random(size)
    found = edges(grey, *percentiles)
    assert found.any()
    np.testing.assert_array_equal(found, canny(grey, *percentiles))


def test_the_edge_of_a_disc_is_its_rim_one_pixel_thin() -> None:
    found = edges(disc(112, 40).astype(float), 80, 90)
    at = np.hypot(*np.meshgrid(*[np.arange(112) - 55.5] * 2))
    assert abs(at[found] - 40).max() < 1.6
    angles = np.degrees(np.arctan2(*(np.argwhere(found) - 55.5).T)) % 360
    assert len(np.unique(angles // 5)) == 72  # all the way round
    assert found.sum() < 2 * np.pi * 40 * 1.3


def test_edges_do_not_depend_on_brightness_and_contrast() -> None:
    grey = np.random.default_rng(1).random((40, 40))
    np.testing.assert_array_equal(edges(grey, 80, 90), edges(0.3 + 0.1 * grey, 80, 90))


def test_drawings_are_black_on_white_in_all_channels_alike() -> None:
    for view in (Edges(), Silhouette()):
        frame = shown(view, ball())
        pixels = np.asarray(frame.picture)
        assert sorted(np.unique(pixels)) == [0, 255]
        assert (pixels == pixels[..., :1]).all()
        assert frame.notes["ink"] == (pixels[..., 0] == 0).mean()


@pytest.mark.parametrize("value", [0, 37, 255])
def test_a_constant_image_has_no_edges(value: int) -> None:
    frame = shown(Edges(), np.full((32, 32, 3), value, np.uint8))
    assert np.asarray(frame.picture).min() == 255
    assert frame.notes["ink"] == 0


def test_grey_values_are_luminance() -> None:
    pixels = noise_images(1)[0]
    wanted = (pixels * np.array([0.2125, 0.7154, 0.0721])).sum(-1) / 255
    np.testing.assert_allclose(grey_values(Image.fromarray(pixels)), wanted)


def test_a_silhouette_is_what_stands_before_the_ground_with_holes_filled_and_crumbs_left_out() -> None:
    pixels = ball()
    pixels[22:26, 22:26] = 255  # a hole
    pixels[1:3, 1:3] = 0  # a crumb
    pixels[40:, 40:] = 250  # not quite white, ground all the same
    frame = shown(Silhouette(), pixels)
    np.testing.assert_array_equal(np.asarray(frame.picture)[..., 0] == 0, disc())
    assert frame.valid


def test_the_ground_is_white_enough_at_95_in_100() -> None:
    assert object_mask(np.full((4, 4), 0.95)).sum() == 0
    assert object_mask(np.full((4, 4), 0.949)).all()


@pytest.mark.parametrize(
    "pixels",
    [noise_images(1, 32)[0], np.full((32, 32, 3), 255, np.uint8), np.zeros((32, 32, 3), np.uint8), ball(light=200)],
    ids=["noise", "white", "black", "grey ground"],
)
def test_without_a_near_white_ground_there_is_no_silhouette(pixels: Array) -> None:
    assert not shown(Silhouette(), pixels).valid


def test_an_object_has_a_ground_from_one_in_a_hundred_up_to_95() -> None:
    inside = np.zeros((40, 40), bool)
    inside[10:14, 10:14] = True  # 1 %
    assert has_ground(inside)
    inside[10, 10] = False
    assert not has_ground(inside)
    inside[1:-1, 1:-1] = True  # 90 %, no border
    assert has_ground(inside)
    inside[0] = inside[:, 0] = inside[-1, 1:] = True  # nearly all of the border
    assert not has_ground(inside)
