"""Pictures moved with a real margin: copies that are exact, scipy's interpolation, what is invented."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from eyechart.core.chance import generator
from eyechart.images.original import Original
from eyechart.models.preprocessing import Preprocessing
from eyechart.views.maps import Array, keystone, rotation, scaling, shearing, tilting, translation
from eyechart.views.motions import Motion, Pose, Shake, SmallMove, Still, Swept, Walk
from eyechart.views.moved import Field, Margin, mirrored

SEEN = Preprocessing(size=(56, 60), resize=64)
SHAPES = [(90, 130), (70, 64), (64, 64), (300, 65), (20, 400)]


def picture(shape: tuple[int, int], seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8))


def shown(
    motion: Motion, image: Image.Image, seen: Preprocessing = SEEN, room: float = 0.0
) -> tuple[Array, dict[str, float]]:
    frame = Margin(motion, room).frame(Original(image), seen, generator(0, motion.stream, "a"))
    assert frame.valid
    return np.asarray(frame.picture), dict(frame.notes)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "seen",
    [
        SEEN,
        Preprocessing(size=(57, 61), resize=None),
        Preprocessing(size=(32, 32), resize=(32, 32)),
        Preprocessing(size=(80, 90), resize=64, interpolation="bicubic"),  # black borders
    ],
)
def test_no_move_is_the_model_s_own_frame(shape: tuple[int, int], seen: Preprocessing) -> None:
    image = picture(shape)
    plain = np.asarray(seen.frame(image))
    for motion in (Still(), Pose(0, 0, 0), SmallMove("rotate", 0), Swept("scale", 1.0), Walk(15, 31, 8)):
        pixels, notes = shown(motion, image, seen)
        np.testing.assert_array_equal(pixels, plain)
        assert notes["invented"] == 0


def test_whole_pixels_are_cut_from_the_resized_picture() -> None:
    image = picture((90, 130))
    field = np.asarray(image.resize((92, 64), Image.Resampling.BILINEAR))
    pixels, notes = shown(Pose(0, 3, -11), image)  # the frame's corner is at (4, 16)
    np.testing.assert_array_equal(pixels, field[1 : 1 + 56, 27 : 27 + 60])
    assert notes["invented"] == 0
    mirror, notes = shown(Pose(0, 6, 0), image)
    np.testing.assert_array_equal(mirror[2:], field[0:54, 16:76])
    np.testing.assert_array_equal(mirror[:2], field[2:0:-1, 16:76])
    assert notes["invented"] == pytest.approx(2 / 56)
    flipped, _ = shown(SmallMove("flip", 0), image)
    np.testing.assert_array_equal(flipped, np.asarray(SEEN.frame(image))[:, ::-1])


MAPS = [
    rotation(3),
    rotation(-40),
    keystone(0.1, False, SEEN.size),
    scaling(0.3),
    shearing(10),
    tilting(15, SEEN.size),
    translation(-0.4, 0.3),
]


@pytest.mark.parametrize("shape", SHAPES[:3])
@pytest.mark.parametrize("number", range(len(MAPS)))
def test_bilinear_as_scipy_does_it(number: int, shape: tuple[int, int]) -> None:
    field = Field.of(Original(picture(shape)), SEEN)
    (top, left), (height, width) = field.corner, SEEN.size
    y, x = np.mgrid[0:height, 0:width].astype(float)
    u, v, w = np.einsum(
        "ij,jhw->ihw", MAPS[number], np.stack([x - (width - 1) / 2, y - (height - 1) / 2, np.ones_like(x)])
    )
    at = np.stack([v / w + (height - 1) / 2 + top, u / w + (width - 1) / 2 + left])
    whole = np.asarray(field.picture).astype(float)
    theirs = np.stack([ndimage.map_coordinates(whole[..., c], at, order=1, mode="mirror") for c in range(3)], -1)
    ours = np.asarray(field.shown((MAPS[number],))).astype(float)
    assert np.abs(ours - theirs).max() < 0.5 + 1e-3
    rows, columns = whole.shape[:2]
    beyond = ((at < -1e-5) | (at > np.array([rows - 1, columns - 1])[:, None, None] + 1e-5)).any(0)
    assert field.invented(MAPS[number]) == pytest.approx(beyond.mean())


def test_there_and_back_is_rounded_once() -> None:
    field = Field.of(Original(picture((90, 130))), SEEN)
    there, back = rotation(2), rotation(-2)
    (top, left), (height, width), pad = field.corner, SEEN.size, 4
    y, x = np.mgrid[-pad : height + pad, -pad : width + pad].astype(float)

    def at(map: Array, x: Array, y: Array) -> tuple[Array, Array]:
        u, v, _ = np.einsum("ij,jhw->ihw", map, np.stack([x - (width - 1) / 2, y - (height - 1) / 2, np.ones_like(x)]))
        return v + (height - 1) / 2, u + (width - 1) / 2

    v, u = at(there, x, y)
    whole = np.asarray(field.picture).astype(float)[..., 1]
    once = ndimage.map_coordinates(whole, [v + top, u + left], order=1, mode="mirror")
    v, u = at(back, x[pad:-pad, pad:-pad], y[pad:-pad, pad:-pad])
    twice = ndimage.map_coordinates(once, [v + pad, u + pad], order=1)
    assert np.abs(np.asarray(field.shown((there, back)))[..., 1] - twice).max() < 0.5 + 1e-3


def test_in_place_smooths_where_the_map_interpolates() -> None:
    field = Field.of(Original(picture((90, 130))), SEEN)
    whole = np.asarray(field.picture).astype(float)
    seen = np.asarray(field.smoothed(translation(0.5, 0.25)))
    (top, left), (height, width) = field.corner, SEEN.size
    down, right = np.array([0.125, 0.75, 0.125]), np.array([0.09375, 0.8125, 0.09375])  # f (1 - f) = 1/4 and 3/16
    expected = ndimage.correlate(whole, np.outer(down, right)[..., None], mode="mirror")
    assert np.abs(seen - expected[top : top + height, left : left + width]).max() <= 0.5 + 1e-3
    np.testing.assert_array_equal(np.asarray(field.smoothed(translation(1, -2))), np.asarray(field.shown(())))


@pytest.mark.parametrize(("degrees", "invents"), [(8.8, False), (9.2, True)])
def test_256_pixels_are_enough_for_224_up_to_8_8_degrees(degrees: float, invents: bool) -> None:
    usual = Preprocessing(size=(224, 224), resize=256)
    _, notes = shown(SmallMove("rotate", degrees), picture((256, 256)), usual)
    assert (notes["invented"] > 0) == invents


def test_room_enlarges_the_picture_and_never_shrinks_it() -> None:
    field = Field.of(Original(picture((64, 64))), SEEN, 1.3)
    assert field.picture.size == (78, 78)  # 1.3 * 60
    assert Field.of(Original(picture((90, 130))), SEEN, 1.0).picture.size == (92, 64)
    assert field.invented(rotation(12)) == 0


def test_mirrored_pixels_are_numpy_s() -> None:
    row = np.arange(5)
    np.testing.assert_array_equal(row[mirrored(np.arange(-9, 14), 5)], np.pad(row, 9, mode="reflect"))
    assert mirrored(np.arange(-2, 3), 1).tolist() == [0] * 5


def test_a_shake_is_drawn_anew_in_every_frame_and_alike_for_one_image() -> None:
    moves = [shown(Shake(k, 0.7), picture((90, 130)))[1]["down"] for k in (0, 1, 0)]
    assert moves[0] == moves[2] != moves[1]


def test_a_walk_goes_by_single_pixels_from_the_middle_and_stays_within_reach() -> None:
    turned = 0
    for image in range(60):
        path = []
        for k in range(31):
            drawn = Walk(k, 31, 2).drawn((32, 32), generator(0, "jitter.walk", f"{image}"))
            path.append((drawn.notes["down"], drawn.notes["right"]))
        steps = np.abs(np.diff(path, axis=0)).sum(1)
        assert (steps == 1).all()
        assert path[15] == (0, 0)
        assert np.abs(path).max() <= 2
        turned += int(np.abs(path).max() == 2)
    assert turned > 50
