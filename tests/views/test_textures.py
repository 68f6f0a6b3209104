"""Frames filled with a piece of the image, piece by piece and by laws of mirrors."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from eyechart.core.exam import Array
from eyechart.core.view import Frame, SourceView
from eyechart.images.original import Original
from eyechart.models.preprocessing import Preprocessing
from eyechart.views.textures import ObjectTexture, PatchTexture, largest_square, mirrored
from eyes import noise_images


def shown(view: SourceView, pixels: Array, seed: int = 0) -> Frame:
    size = pixels.shape[:2]
    picture = Image.fromarray(pixels)
    return view.frame(Original(picture), Preprocessing(size=size, resize=size), np.random.default_rng(seed))


def on_white(top: int, left: int, height: int, width: int, size: int = 32) -> Array:
    """Dark noise in a box, white around it."""
    pixels = np.full((size, size, 3), 255, np.uint8)
    pixels[top : top + height, left : left + width] = noise_images(1, size)[0, :height, :width] // 2
    return pixels


@pytest.mark.parametrize("side", [1, 2, 5, 8, 20])
def test_mirrors_go_to_and_fro(side: int) -> None:
    there_and_back = [*range(side), *range(side - 1, -1, -1)]
    assert mirrored(17, side).tolist() == (there_and_back * 17)[:17]


def brute_force(mask: Array) -> int:
    height, width = mask.shape
    sides = [
        side
        for side in range(1, min(mask.shape) + 1)
        for y in range(height - side + 1)
        for x in range(width - side + 1)
        if mask[y : y + side, x : x + side].all()
    ]
    return max(sides, default=0)


@pytest.mark.parametrize("seed", range(12))
def test_the_largest_square_is_the_largest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((9, 12)) < rng.uniform(0.2, 1)
    top, left, side = largest_square(mask)
    assert side == brute_force(mask)
    assert mask[top : top + side, left : left + side].all()


def test_there_may_be_no_square() -> None:
    assert largest_square(np.zeros((3, 3), bool)) == (0, 0, 0)


def test_the_object_s_square_fills_the_frame() -> None:
    pixels = on_white(5, 7, 10, 18)
    frame = shown(ObjectTexture(), pixels)
    patch = pixels[5:15, 7:17]
    row = np.concatenate([patch, patch[:, ::-1], patch], axis=1)
    np.testing.assert_array_equal(np.asarray(frame.picture)[:10, :30], row)
    filled = np.asarray(frame.picture)
    np.testing.assert_array_equal(filled[10:20], filled[:10][::-1])
    assert filled.max() < 255  # the ground is gone
    assert (frame.valid, frame.notes["side"]) == (True, 10.0)


@pytest.mark.parametrize("pixels", [on_white(5, 7, 7, 18), noise_images(1, 32)[0]], ids=["too small", "no ground"])
def test_what_gives_no_square_of_eight_is_not_valid(pixels: Array) -> None:
    frame = shown(ObjectTexture(), pixels)
    assert not frame.valid
    assert frame.notes["side"] < 8
    assert frame.picture.size == (32, 32)


@pytest.mark.parametrize(("share", "side"), [(0.25, 8), (0.5, 16), (0.01, 2), (1.0, 32)])
def test_a_patch_comes_from_the_middle_and_fills_the_frame(share: float, side: int) -> None:
    pixels, places = noise_images(1, 32)[0], set()
    for seed in range(40):
        frame = shown(PatchTexture(share), pixels, seed)
        filled = np.asarray(frame.picture)
        assert frame.notes["side"] == side
        patch = filled[:side, :side]
        found = [
            (y, x)
            for y in range(33 - side)
            for x in range(33 - side)
            if (pixels[y : y + side, x : x + side] == patch).all()
        ]
        assert len(found) == 1
        places.add(found[0])
        np.testing.assert_array_equal(filled, patch[mirrored(32, side)][:, mirrored(32, side)])
    ends = np.array([*places])
    if side <= 16:  # fits into the middle half, 8 to 24
        assert ends.min() >= 8
        assert (ends + side).max() <= 24
    assert len(places) > 1 or side >= 16


def test_patches_are_the_same_for_the_same_image_and_share_their_chance_among_sizes() -> None:
    assert PatchTexture(0.25).stream == PatchTexture(0.5).stream != ""
    pixels = noise_images(1, 32)[0]
    first, again = (np.asarray(shown(PatchTexture(), pixels, 3).picture) for _ in range(2))
    np.testing.assert_array_equal(first, again)
