"""Spatter: mud against SciPy, water against OpenCV, its steps against their definitions."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from eyechart.core.chance import generator
from eyechart.views.corruptions.droplets import canny, chamfer, equalised, shine
from eyechart.views.corruptions.spatter import KINDS
from views.corruptions.frames import SIDES, Array, frames, levels

LEVELS = [(column, severity) for column in SIDES for severity in range(1, 6)]
MUDDY = [level for level in LEVELS if level[1] > 3]
WATERY = [level for level in LEVELS if level[1] < 4]
SIZES = [(32, 32), (64, 64), (224, 224), (20, 45), (5, 3), (2, 2), (1, 7), (1, 1)]


def parameters(column: str, severity: int) -> tuple[Any, ...]:
    return KINDS["spatter"].levels[column][severity - 1]  # type: ignore[index]


def liquid(number: int, size: tuple[int, int], settings: tuple[Any, ...]) -> Array:
    """Of the test images: smoothed noise above the threshold."""
    mean, spread, sigma, threshold = settings[:4]
    name = f"corruption/spatter/{size[0]}.{size[1]}"
    noise = generator(5, name, f"image {number}").standard_normal(size, np.float32).astype(float)
    smooth = ndimage.gaussian_filter(mean + spread * noise, sigma, mode="nearest", truncate=4)
    return np.where(smooth < threshold, 0, smooth)


@pytest.mark.parametrize(("column", "severity"), MUDDY)
@pytest.mark.parametrize("size", [(32, 32), (64, 50)])
def test_mud_is_the_published_sum(column: str, severity: int, size: tuple[int, int]) -> None:
    x, settings = frames(*size), parameters(column, severity)
    shown = levels(x, "spatter", severity, column=column, rounding="none")
    for number, (image, found) in enumerate(zip(x, shown, strict=True)):
        mud = (liquid(number, size, settings) > settings[3]).astype(float)
        mud = ndimage.gaussian_filter(mud, settings[4], mode="nearest", truncate=4)[..., None]
        mud = np.where(mud < 0.8, 0, mud)
        np.testing.assert_allclose(found, image * (1 - mud) + mud * np.array([63, 42, 20]), atol=1e-3)


def opencvs(liquid: Array) -> Array:
    """How bright drops are, published."""
    cv2 = pytest.importorskip("cv2")
    distance = cv2.distanceTransform(255 - cv2.Canny(liquid, 50, 150), cv2.DIST_L2, 5)
    _, distance = cv2.threshold(distance, 20, 20, cv2.THRESH_TRUNC)
    level = cv2.equalizeHist(cv2.blur(distance, (3, 3)).astype(np.uint8))
    return cv2.blur(cv2.filter2D(level, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])), (3, 3))  # type: ignore[no-any-return]


@pytest.mark.parametrize(("column", "severity"), WATERY)
@pytest.mark.parametrize("size", SIZES)
def test_drops_shine_as_in_opencv(column: str, severity: int, size: tuple[int, int]) -> None:
    thick = np.stack([liquid(number, size, parameters(column, severity)) for number in range(3)])
    drops = (thick * 255).astype(np.int64).astype(np.uint8)
    assert (shine(drops) == np.stack([opencvs(one) for one in drops])).all()


@pytest.mark.parametrize(("column", "severity"), WATERY)
def test_water_is_the_published_sum(column: str, severity: int) -> None:
    x, settings = frames(40, 57), parameters(column, severity)
    shown = levels(x, "spatter", severity, column=column, rounding="none")
    for number, (image, found) in enumerate(zip(x, shown, strict=True)):
        drops = (liquid(number, (40, 57), settings) * 255).astype(np.int64).astype(np.uint8)
        light = drops * shine(drops[None])[0].astype(float)
        light = settings[4] * light / light.max()
        expected = np.clip(image / 255 + light[..., None] * np.array([175, 238, 238]) / 255, 0, 1)
        np.testing.assert_allclose(found, 255 * expected, atol=1e-3)


def test_edges_of_a_square_and_what_hangs_together() -> None:
    picture = np.zeros((2, 30, 40), np.uint8)
    picture[0, 10:20, 12:30] = 200
    picture[1, 5, 5] = 20  # its gradient stays below the upper threshold
    edges = canny(picture)
    assert not edges[1].any()
    inner = ndimage.binary_erosion(picture[0] > 0)
    outer = ndimage.binary_dilation(picture[0] > 0, np.ones((3, 3)))
    assert not (edges[0] & (inner | ~outer)).any()
    assert ndimage.label(edges[0], np.ones((3, 3)))[1] == 1  # closed
    assert ndimage.binary_fill_holes(edges[0]).sum() > 100
    ramp = np.zeros((20, 40))
    ramp[10:] = np.linspace(10, 60, 40).astype(np.uint8)  # an edge that grows: from below 50 to above 150
    strength = sum(np.abs(ndimage.sobel(ramp, axis, mode="nearest")) for axis in (0, 1)).max(0)
    found = canny(ramp[None].astype(np.uint8))[0].any(0)
    assert strength.min() < 50
    assert strength.max() > 150
    assert (found == (strength > 50)).all()  # weak parts stay that hang on strong ones
    ramp = (ramp / 2).astype(np.uint8)
    assert not canny(ramp[None]).any()


def shortest(edges: Array) -> Array:
    """Dijkstra's, with steps of an axis, a diagonal and a knight's move."""
    steps = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if {abs(y), abs(x)} in ({0, 1}, {1}, {1, 2})]
    price = {1: 1.0, 2: 1.4, 5: 2.1969}
    found = np.where(edges, 0.0, np.inf)
    heap = [(0.0, y, x) for y, x in np.argwhere(edges).tolist()]
    while heap:
        cost, y, x = heapq.heappop(heap)
        if cost > found[y, x]:
            continue
        for down, right in steps:
            v, u = y + down, x + right
            further = cost + price[down**2 + right**2]
            if 0 <= v < edges.shape[0] and 0 <= u < edges.shape[1] and further < found[v, u] - 1e-12:
                found[v, u] = further
                heapq.heappush(heap, (further, v, u))
    return found


@pytest.mark.parametrize("size", [(40, 31), (9, 60), (3, 3), (1, 50)])
def test_distances_are_shortest_ways(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    edges = rng.random((3, *size)) < [[[0.003]], [[0.02]], [[0.2]]]
    edges[:, 0, -1] = True
    expected = np.stack([shortest(one) for one in edges]).clip(max=20)
    np.testing.assert_allclose(np.minimum(chamfer(edges), 20), expected, atol=1e-5)
    exact = np.stack([ndimage.distance_transform_edt(~one) for one in edges])
    near = exact < 18
    np.testing.assert_allclose(chamfer(edges)[near], exact[near], rtol=0.03)
    assert (chamfer(np.zeros((1, 5, 5), bool)) > 20).all()


def test_even_histograms() -> None:
    level = np.random.default_rng(0).integers(40, 60, (50, 50)).astype(np.uint8)
    even = equalised(level)
    assert even.min() == 0
    assert even.max() == 255
    assert (np.diff([even[level == k][0] for k in np.unique(level)]) > 0).all()
    share = (level[..., None] <= np.arange(256)).mean((0, 1))
    lowest = share[level.min()]
    assert np.abs(even - 255 * (share[level] - lowest) / (1 - lowest)).max() <= 0.51
    assert (equalised(np.full((4, 4), 7, np.uint8)) == 7).all()


def test_dry_frames_stay_and_one_channel_is_grey() -> None:
    x = frames(1, 1)
    dry = [number for number in range(4) if not liquid(number, (1, 1), parameters("imagenet", 1)).any()]
    assert dry
    assert torch.equal(
        torch.tensor(levels(x, "spatter", 1, column="imagenet")[dry]).round(), torch.tensor(x[dry]).double()
    )
    grey = frames(40, 50, 1)
    for severity in (1, 5):
        one = levels(grey, "spatter", severity, column="tiny", rounding="none")
        three = levels(np.repeat(grey, 3, -1), "spatter", severity, column="tiny", rounding="none")
        unclipped = three.max(-1) < 255
        np.testing.assert_allclose(one[..., 0][unclipped], (three @ [0.299, 0.587, 0.114])[unclipped], atol=1e-3)
