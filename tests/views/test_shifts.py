"""Pairs of frames one pixel apart: the same pixels, moved, whoever draws them and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eyechart.core.chance import generator
from eyechart.core.view import Frame, SourceView
from eyechart.images.original import Original
from eyechart.images.sources import ArraySource
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.draw import Job, draw
from eyechart.views.shifts import CropShift, Direction, _any_shape

SEEN = Preprocessing(size=(32, 32), resize=32)
SHAPES = [(40, 60), (60, 40), (33, 33), (20, 21), (300, 30), (9, 120)]


def picture(height: int, width: int, seed: int = 0) -> Original:
    pixels = np.random.default_rng(seed).integers(1, 256, (height, width, 3), dtype=np.uint8)  # never black
    return Original(Image.fromarray(pixels))


def drawn(view: SourceView, original: Original, image_id: str = "a", seen: Preprocessing = SEEN) -> Frame:
    return view.frame(original, seen, generator(0, view.stream, image_id))


def pixels(frame: Frame) -> np.ndarray[Any, Any]:
    return np.asarray(frame.picture)


def back(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any], step: int) -> tuple[Any, Any]:
    """The common region: frame 1, and frame 2 shifted back."""
    h, w = first.shape[:2]
    return first[: h - step, : w - step], second[step:, step:]


@pytest.mark.parametrize("step", [1, 3, 12])
@pytest.mark.parametrize("shape", SHAPES)
def test_resized_windows_shifted_back_overlap_exactly(shape: tuple[int, int], step: int) -> None:
    for pair in range(4):
        views = [CropShift(f, pair, step, "resized") for f in (1, 2)]  # type: ignore[arg-type]
        first, second = (drawn(view, picture(*shape)) for view in views)
        # frame 2 lies further down and right in the picture, so its content has moved up and left
        np.testing.assert_array_equal(*back(pixels(second), pixels(first), step))
        assert (pixels(first) != pixels(second)).any()
        assert first.notes["effective_shift"] == step


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", [1, 2])
def test_boxes_in_the_original_differ_by_the_step(shape: tuple[int, int], step: int) -> None:
    """Column and row numbers as colours, so that a frame says which box it shows."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    field = np.stack([rows % 256, columns % 256, np.zeros(shape)], 2).astype(np.uint8)
    nearest = Preprocessing(size=(32, 32), resize=32, interpolation="nearest")
    for pair in range(6):
        original = Original(Image.fromarray(field))
        first, second = (drawn(CropShift(f, pair, step), original, seen=nearest) for f in (1, 2))  # type: ignore[arg-type]
        moved = (pixels(second).astype(int) - pixels(first).astype(int)) % 256
        assert (moved[..., :2] == step).all()
        ends = pixels(first)[-1, -1, 1].astype(int) - pixels(first)[0, 0, 1]
        side = step * 32 / first.notes["effective_shift"]
        assert side == pytest.approx(round(side))
        assert abs((ends % 256) - (side - 1) * 31 / 32) <= 1.5
        assert first.notes == second.notes


@pytest.mark.parametrize("shape", [(40, 60), (21, 20)])
def test_no_step_shows_one_frame_twice(shape: tuple[int, int]) -> None:
    for pair in range(3):
        first, second = (pixels(drawn(CropShift(f, pair, 0), picture(*shape))) for f in (1, 2))  # type: ignore[arg-type]
        np.testing.assert_array_equal(first, second)


def test_the_square_s_area_is_uniform_in_its_range() -> None:
    sides = []
    for i in range(600):
        shift = drawn(CropShift(1, area=(0.25, 1.0)), picture(101, 150), f"{i}").notes["effective_shift"]
        sides.append(32 / shift)
    share = (np.array(sides) / 101) ** 2
    assert share.min() > 0.24
    assert share.max() <= 1.0
    assert np.histogram(share, bins=3, range=(0.25, 1.0))[0].min() > 150


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (1, 1), (2, 40)])
def test_pictures_without_room_for_the_move_are_not_valid(shape: tuple[int, int]) -> None:
    frame = drawn(CropShift(1), picture(*shape))
    assert not frame.valid
    assert frame.picture.size == (32, 32)
    assert drawn(CropShift(1, shift_in="resized"), picture(*shape)).valid == (min(shape) >= 2)
    assert drawn(CropShift(1, step=0), picture(*shape)).valid == (min(shape) >= 2)


@pytest.mark.parametrize("step", [31, 32, 33, 500])
def test_a_step_as_long_as_the_frame_is_not_valid_and_no_crash(step: int) -> None:
    frame = drawn(CropShift(2, step=step), picture(20, 30))
    assert frame.picture.size == (32, 32)
    assert not frame.valid


def test_frames_need_not_be_square() -> None:
    seen = Preprocessing(size=(24, 40), resize=(24, 40))
    for view in (CropShift(1), CropShift(2, shift_in="resized")):
        assert drawn(view, picture(50, 30), seen=seen).picture.size == (40, 24)


VIEWS: tuple[SourceView, ...] = tuple(CropShift(f, k) for k in range(4) for f in (1, 2))  # type: ignore[arg-type]


def job(order: list[int], seed: int = 0, views: tuple[SourceView, ...] = VIEWS) -> Job:
    shapes = [(30 + i, 45) for i in range(5)]
    sources = [ArraySource(np.asarray(picture(*shape, seed=i).picture)) for i, shape in enumerate(shapes)]
    return Job(tuple(f"image {i}" for i in order), tuple(sources[i] for i in order), views, SEEN, seed)


def test_frames_depend_on_seed_stream_and_id_alone() -> None:
    whole = draw(job([0, 1, 2, 3, 4])).frames
    np.testing.assert_array_equal(draw(job([4, 2, 0])).frames, whole[:, [4, 2, 0]])
    np.testing.assert_array_equal(draw(job([3], views=VIEWS[::-1])).frames[::-1], whole[:, [3]])
    other = draw(job([0, 1, 2, 3, 4], seed=1)).frames
    assert (other != whole).any((2, 3, 4)).all()
    renamed = job([0])
    moved = draw(Job(("another name",), renamed.sources, VIEWS, SEEN, 0)).frames
    assert (moved != whole[:, [0]]).any((2, 3, 4)).all()


@pytest.mark.parametrize(("direction", "way"), [("diagonal", (2, 2)), ("down", (2, 0)), ("right", (0, 2))])
@pytest.mark.parametrize("square", [True, False])
def test_the_box_moves_where_it_is_told(direction: Direction, way: tuple[int, int], square: bool) -> None:
    rows, columns = np.mgrid[:60, :90]
    original = Original(Image.fromarray(np.stack([rows, columns, 0 * rows], 2).astype(np.uint8)))
    nearest = Preprocessing(size=(32, 32), resize=32, interpolation="nearest")
    for pair in range(6):
        views = [CropShift(f, pair, 2, direction=direction, square=square) for f in (1, 2)]  # type: ignore[arg-type]
        first, second = (pixels(drawn(view, original, seen=nearest)).astype(int) for view in views)
        assert (second - first)[..., :2].reshape(-1, 2).tolist() == [list(way)] * 32**2
        resized = [drawn(replace(view, shift_in="resized"), original) for view in views]
        a, b = (pixels(frame) for frame in resized)
        np.testing.assert_array_equal(a[way[0] :, way[1] :], b[: 32 - way[0], : 32 - way[1]])


def test_boxes_of_any_shape_are_torchvision_s() -> None:
    """Same laws: the area's share uniform, the aspect's logarithm uniform, all within the picture."""
    boxes = np.array([_any_shape(400, 500, (0.1, 0.4), np.random.default_rng(i)) for i in range(3000)])
    top, left, rows, columns = boxes.T
    assert (np.minimum(top, left) >= 0).all()
    assert ((top + rows <= 400) & (left + columns <= 500)).all()
    for found, low, high in ((rows * columns / 2e5, 0.1, 0.4), (np.log(columns / rows), np.log(3 / 4), np.log(4 / 3))):
        counted = np.histogram(found, bins=3, range=(low, high))[0]
        assert np.abs(counted - 1000).max() < 120


@pytest.mark.parametrize(("size", "box"), [((300, 10), (143, 0, 13, 10)), ((10, 300), (0, 143, 10, 13))])
def test_long_pictures_give_the_largest_box_of_an_allowed_shape(size: tuple[int, int], box: tuple[int, ...]) -> None:
    assert _any_shape(*size, (0.9, 1.0), np.random.default_rng(0)) == box


def test_the_filter_may_be_named() -> None:
    bicubic = Preprocessing(size=(32, 32), resize=32, interpolation="bicubic")
    one, two = (
        drawn(CropShift(1, resample="bicubic"), picture(50, 60)),
        drawn(CropShift(1), picture(50, 60), seen=bicubic),
    )
    np.testing.assert_array_equal(pixels(one), pixels(two))
    assert (pixels(one) != pixels(drawn(CropShift(1), picture(50, 60)))).any()
