"""Elastic transform against SciPy's sampling and OpenCV's affine map, with the same chance, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from eyechart.core.chance import generator
from eyechart.views.corruptions.elastic import KINDS, SIDE, affine_places, sampled, shifted_places, smoothing
from views.corruptions.frames import SIDES, Array, frames, levels, whole

SIZES = [(32, 32), (20, 33), (64, 50), (3, 5), (1, 6), (1, 1)]


def tensor(image: Array) -> torch.Tensor:
    """(1, c, h, w) float32 in [0, 1]."""
    return torch.from_numpy(image).permute(2, 0, 1)[None].float().div_(255)


def triangles(height: int, width: int, moves: Array) -> tuple[Array, Array]:
    """Published: three points (right, down), and where they move."""
    centre, apart = np.array([width // 2, height // 2]), max(min(height, width) // 3, 1)
    points = np.float32([centre + apart, centre + np.array([apart, -apart]), centre - apart])
    return points, points + moves.astype(np.float32)


def affine(image: Array, moves: Array, grain: int | None) -> Array:
    """(h, w, c) in [0, 1]: the map that takes the points to the moved ones; places rounded to 1 / grain pixel, or not."""
    height, width = image.shape[:2]
    points, moved = triangles(height, width, moves)
    back = np.linalg.solve(np.c_[moved.astype(float), np.ones(3)], points.astype(float))  # (3, 2)
    y, x = np.indices((height, width))
    right, down = np.moveaxis(np.stack([x, y, np.ones_like(x)], -1) @ back, -1, 0)
    if grain:
        right, down = (np.round(place * grain) / grain for place in (right, down))
    planes = (image[..., c] / 255.0 for c in range(image.shape[2]))
    return np.stack([ndimage.map_coordinates(plane, [down, right], order=1, mode="mirror") for plane in planes], -1)


def shifted(image: Array, chance: Array, factor: float, sigma: float) -> Array:
    """(h, w, c), published: SciPy's smoothing and sampling."""
    right, down = (ndimage.gaussian_filter(one.astype(float), sigma, mode="reflect", truncate=3) for one in chance)
    y, x = np.indices(image.shape[:2])
    places = [y + (down * factor).astype(np.float32), x + (right * factor).astype(np.float32)]
    planes = (image[..., c] for c in range(image.shape[2]))
    return np.stack([ndimage.map_coordinates(plane, places, order=1, mode="reflect") for plane in planes], -1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("factor", "sigma"), [(3.0, 2.44), (12.0, 0.5), (300.0, 170.8), (2.0, 0.0)])
def test_shifts_are_scipys(size: tuple[int, int], factor: float, sigma: float) -> None:
    image = frames(*size)[0]
    chance = np.random.default_rng(0).uniform(-1, 1, (2, *size)).astype(np.float32)
    down, right = shifted_places(torch.from_numpy(chance)[None], factor, sigma)
    found = sampled(tensor(image), down, right, repeated=True)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, shifted(image / 255.0, chance, factor, sigma), atol=2e-5)


@pytest.mark.parametrize("size", [(32, 32), (20, 33), (70, 64), (5, 3)])
@pytest.mark.parametrize("share", [0.02, 0.08, 0.2])
def test_affine_maps_are_opencvs(size: tuple[int, int], share: float) -> None:
    image = ndimage.gaussian_filter(frames(*size)[0].astype(float), (1, 1, 0))
    for seed in range(4):
        moves = np.random.default_rng(seed).uniform(-1, 1, (3, 2)) * share * min(size)
        down, right = affine_places(torch.from_numpy(moves)[None], *size)
        found = sampled(tensor(image), down, right, repeated=False)[0].permute(1, 2, 0).numpy()
        assert np.abs(found - affine(image, moves, None)).max() < 1 / 32  # half a 32nd of a pixel down and across
        rounded = np.abs(found - affine(image, moves, 32))
        assert (rounded < 1e-5).mean() > 0.8  # but for places near the middle between two 32nds


@pytest.mark.parametrize("share", [0.02, 0.08, 0.2])
def test_affine_maps_are_opencvs_bit_for_bit(share: float) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    if int(cv2.__version__.split(".")[0]) > 4:
        pytest.skip("OpenCV 5 no longer rounds places")
    image = (frames(64, 64)[0] / 255).astype(np.float32)
    moves = np.random.default_rng(0).uniform(-1, 1, (3, 2)) * share * 64
    matrix = cv2.getAffineTransform(*triangles(64, 64, moves))
    theirs = cv2.warpAffine(image, matrix, (64, 64), borderMode=cv2.BORDER_REFLECT_101)
    down, right = affine_places(torch.from_numpy(moves)[None], 64, 64)
    found = sampled(tensor(image * 255), down, right, repeated=False)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, theirs, atol=1e-6)


@pytest.mark.parametrize("column", SIDES)
@pytest.mark.parametrize("size", [(32, 32), (40, 64)])
def test_both_in_turn(column: str, size: tuple[int, int]) -> None:
    x = frames(*size)
    side = SIDE[column] * min(size) / SIDES[column]  # type: ignore[index]
    for severity, (factor, sigma, share) in enumerate(KINDS["elastic_transform"].levels[column], 1):  # type: ignore[index]
        shown = levels(x, "elastic_transform", severity, column=column, rounding="none")
        for number, (image, found) in enumerate(zip(x, shown, strict=True)):
            drawn = generator(5, "corruption/elastic_transform/corners", f"image {number}").random((3, 2), np.float32)
            corners = 2 * drawn - 1
            name = f"corruption/elastic_transform/shifts.{size[0]}.{size[1]}"
            chance = 2 * generator(5, name, f"image {number}").random((2, *size), np.float32) - 1
            down, right = affine_places(torch.from_numpy(corners)[None] * (share * side), *size)
            turned = sampled(tensor(image), down, right, repeated=False)[0].permute(1, 2, 0).double().numpy()
            expected = shifted(turned, chance, factor * side, sigma * side) if factor else turned
            np.testing.assert_allclose(found, 255 * expected.clip(0, 1), atol=0.02)


def test_points_that_stay_leave_the_image_and_corners_go_where_they_are_sent() -> None:
    image = frames(31, 40)[0]
    down, right = affine_places(torch.zeros(1, 3, 2, dtype=torch.float64), 31, 40)
    assert torch.equal(sampled(tensor(image), down, right, repeated=False), tensor(image))
    moves = np.array([[3.0, -2.0], [1.0, 1.0], [-2.0, 4.0]])
    points, moved = triangles(31, 40, moves)
    down, right = affine_places(torch.from_numpy(moves)[None], 31, 40)
    for (from_x, from_y), (x, y) in zip(points.astype(int), moved.astype(int), strict=True):
        assert (right[0] + right[1])[0, y, x].item() == from_x
        assert (down[0] + down[1])[0, y, x].item() == from_y


def test_flat_triangles_do_no_harm() -> None:
    moves = torch.tensor([[[-2.0, -2.0], [0.0, 0.0], [2.0, 2.0]], [[0.0, 0.0], [0.0, 4.0], [0.0, 2.0000001]]])
    down, right = affine_places(moves.double(), 6, 6)
    assert sampled(torch.rand(2, 3, 6, 6), down, right, repeated=False).isfinite().all()


@pytest.mark.parametrize(("length", "sigma"), [(32, 6.4), (5, 20.0), (1, 3.0), (9, 0.0)])
def test_smoothing_is_scipys(length: int, sigma: float) -> None:
    one_at_a_time = ndimage.gaussian_filter(np.eye(length), (sigma, 0), mode="reflect", truncate=3)
    np.testing.assert_allclose(smoothing(length, sigma), one_at_a_time, atol=1e-12)


def test_plain_images_stay() -> None:
    x = np.full((2, 40, 33, 3), 200, np.uint8)
    for column in SIDES:
        for severity in range(1, 6):
            assert (whole(levels(x, "elastic_transform", severity, column=column)) == x).all()
