"""Maps of the plane: signs as in torchvision, inverses, the centre that stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from eyechart.views.maps import (
    FLIP,
    Array,
    between,
    centre,
    keystone,
    places,
    rotation,
    scaling,
    shearing,
    stretching,
    tilting,
    translation,
    whole_steps,
)
from eyechart.views.warp import warped

SIZE = (40, 56)
PAIRS: dict[str, tuple[Callable[[float], Array], tuple[float, float]]] = {
    "rotation": (rotation, (7.5, -7.5)),
    "scaling": (scaling, (1.25, 0.8)),
    "wide": (lambda f: stretching(f, False), (1.25, 0.8)),
    "high": (lambda f: stretching(f, True), (1.25, 0.8)),
    "shearing": (shearing, (12.0, -12.0)),
    "keystone": (lambda s: keystone(s, False, SIZE), (0.2, -0.2)),
    "upright keystone": (lambda s: keystone(s, True, SIZE), (0.2, -0.2)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_change_and_its_opposite_are_no_change(name: str) -> None:
    map, (there, back) = PAIRS[name]
    both = map(there) @ map(back)
    np.testing.assert_allclose(both / both[2, 2], np.eye(3), atol=1e-12)


@pytest.mark.parametrize("map", [m(a) for m, (a, _) in PAIRS.values()] + [tilting(9, SIZE), FLIP])
def test_the_centre_stays(map: Array) -> None:
    np.testing.assert_allclose(places(map, np.array(0.0), np.array(0.0)), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("map", "torchvision"),
    [
        (rotation(20), lambda x, how: F.rotate(x, 20, how)),
        (rotation(-20), lambda x, how: F.affine(x, 20, [0, 0], 1, [0.0, 0.0], how)),
        (scaling(1.3), lambda x, how: F.affine(x, 0, [0, 0], 1.3, [0.0, 0.0], how)),
        (shearing(15), lambda x, how: F.affine(x, 0, [0, 0], 1, [15.0, 0.0], how)),
        (translation(2, -3), lambda x, how: F.affine(x, 0, [-3, 2], 1, [0.0, 0.0], how)),
        (FLIP, lambda x, how: F.hflip(x)),
    ],
)
def test_signs_are_torchvision_s(map: Array, torchvision: Callable[..., Any]) -> None:
    pixels = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    theirs = torchvision(pixels, InterpolationMode.BILINEAR)
    inside = (slice(None), slice(None), slice(8, -8), slice(8, -8))  # they blend at the borders otherwise
    assert (warped(pixels, map[None])[inside] - theirs[inside]).abs().max() < 2e-5


def test_perspective_is_larger_at_one_edge_and_smaller_at_the_other() -> None:
    x, y = np.array([27.5, -27.5]), np.array([10.0, 10.0])
    taken = places(keystone(0.1, False, SIZE), x, y)
    np.testing.assert_allclose(taken[1], [10 / 1.1, 10 / 0.9])
    np.testing.assert_allclose(taken[0], [27.5 / 1.1, -27.5 / 0.9])


def test_a_tilt_is_the_published_one_but_for_a_pixel() -> None:
    """ImageNet-P's matrices, written once more; its picture lies one pixel before the axes."""
    height, width = SIZE
    f, a = np.hypot(width, height), np.deg2rad(11)
    p1 = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 0], [0, 0, 1]])
    rx = np.array([[1, 0, 0, 0], [0, np.cos(a), -np.sin(a), 0], [0, np.sin(a), np.cos(a), 0], [0, 0, 0, 1]])
    ry = np.array([[np.cos(a), 0, -np.sin(a), 0], [0, 1, 0, 0], [np.sin(a), 0, np.cos(a), 0], [0, 0, 0, 1]])
    t = np.eye(4)
    t[2, 3] = f
    p2 = np.array([[f, 0, width / 2, 0], [0, f, height / 2, 0], [0, 0, 1, 0]])
    pull = np.linalg.inv(p2 @ t @ rx @ ry @ p1)
    ours = between(tilting(11, SIZE), (height / 2, width / 2), (height / 2, width / 2))
    np.testing.assert_allclose(ours / ours[2, 2], pull / pull[2, 2], atol=1e-9)


def test_whole_steps_are_told_from_the_rest() -> None:
    maps = np.stack([np.eye(3), FLIP, translation(3, -2), translation(0.5, 0), rotation(90), scaling(0.5), rotation(1)])
    assert whole_steps(maps, SIZE).tolist() == [True, True, True, False, False, False, False]
    assert centre((5, 8)) == (2.0, 3.5)
