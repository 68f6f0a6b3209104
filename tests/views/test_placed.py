"""Small pictures on a canvas: the same pixels wherever they lie, and places that pairs share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from eyechart.core.view import Pixels, Shown
from eyechart.images.sources import ArraySource
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.draw import Job, draw
from eyechart.run.render import unit
from eyechart.views.placed import Placed, rolled, side_by_side
from eyechart.views.shrunk import Shrunk

SEEN = Preprocessing(size=(32, 32), resize=32)
SHAPES = [(40, 60), (60, 40), (33, 33), (20, 21), (300, 30), (9, 120), (1, 90)]
Array = np.ndarray[Any, Any]


def coloured(height: int, width: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(1, 256, (height, width, 3), dtype=np.uint8)  # never black


def canvas(
    small: Shrunk, *pictures: Array, seen: Preprocessing = SEEN, ids: tuple[str, ...] = ()
) -> tuple[Pixels, Array]:
    """What the device gets: a batch of canvases, and which of them are valid."""
    ids = ids or tuple(f"image {i}" for i in range(len(pictures)))
    drawn = draw(Job(ids, tuple(map(ArraySource, pictures)), (small,), seen, 0))
    tensor = unit(torch.from_numpy(drawn.frames[0]).permute(0, 3, 1, 2))
    return Pixels(tensor, ids, 0, drawn.notes[0]), drawn.valid[0]


def shown(view: Placed, batch: Pixels) -> Array:
    """Bytes again, (n, h, w, c): raises unless they are whole numbers."""
    values = view.render(batch).pixels.permute(0, 2, 3, 1).numpy() * np.float32(255)
    np.testing.assert_allclose(values, np.round(values), atol=1e-4)
    return np.round(values).astype(np.uint8)


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_shifted_back_it_is_the_same_picture(shape: tuple[int, int], step: int) -> None:
    batch, valid = canvas(Shrunk(room=step), coloured(*shape))
    assert valid.all()
    for pair in range(4):
        first, second = (shown(Placed(pair, (move, move)), batch)[0] for move in (0, step))
        np.testing.assert_array_equal(first[: 32 - step, : 32 - step], second[step:, step:])
        assert not second[:step].any()
        assert not second[:, :step].any()
        assert not first[-step:].any()  # the place was drawn so that frame 2 fits
        assert first.any()


def test_it_is_pillow_s_picture_wherever_it_lies() -> None:
    picture = coloured(50, 100)
    batch, _ = canvas(Shrunk(), picture)
    expected = np.asarray(Image.fromarray(picture).resize((28, 14), Image.Resampling.BILINEAR))
    placed = Placed(3).render(batch)
    top, left = (int(placed.notes[name][0]) for name in ("top", "left"))
    np.testing.assert_array_equal(shown(Placed(3), batch)[0, top : top + 14, left : left + 28], expected)


@pytest.mark.parametrize(("shape", "size"), [((32, 32), (14, 14)), ((50, 100), (14, 28)), ((100, 50), (28, 14))])
def test_the_short_side_is_100_at_224(shape: tuple[int, int], size: tuple[int, int]) -> None:
    batch, _ = canvas(Shrunk(), coloured(*shape))
    inside = shown(Placed(), batch)[0].any(2)
    assert (inside.any(1).sum(), inside.any(0).sum()) == size
    assert (batch.notes["rows"][0], batch.notes["columns"][0]) == size
    assert batch.notes["capped"][0] == 0


@pytest.mark.parametrize("shape", [(300, 30), (9, 120), (5000, 1), (1, 5000)])
def test_long_pictures_are_made_smaller_until_both_frames_fit(shape: tuple[int, int]) -> None:
    batch, valid = canvas(Shrunk(), coloured(*shape))
    inside = shown(Placed(0, (1, 1)), batch)[0].any(2)
    assert valid.all()
    assert batch.notes["capped"][0] == 1
    assert max(inside.any(1).sum(), inside.any(0).sum()) == 31
    assert np.argmax(shape) == np.argmax([inside.any(1).sum(), inside.any(0).sum()])


@pytest.mark.parametrize(("shape", "sizes"), [((40, 60), [(14, 21), (15, 22)]), ((64, 64), [(14, 14), (15, 15)])])
def test_one_pixel_larger_is_resized_from_the_original(shape: tuple[int, int], sizes: list[tuple[int, int]]) -> None:
    picture = coloured(*shape)
    corners = []
    for larger, (rows, columns) in enumerate(sizes):
        batch, _ = canvas(Shrunk(larger=larger, largest=1), picture)
        placed = Placed(2).render(batch)
        top, left = (int(placed.notes[name][0]) for name in ("top", "left"))
        corners.append((top, left))
        expected = np.asarray(Image.fromarray(picture).resize((columns, rows), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(shown(Placed(2), batch)[0, top : top + rows, left : left + columns], expected)
    assert corners[0] == corners[1]  # the same top left corner


@pytest.mark.parametrize("shape", [(300, 30), (32, 33), (1, 1), (2, 200), (30, 60)])
@pytest.mark.parametrize("largest", [1, 5])
def test_the_largest_of_a_series_fits_too(shape: tuple[int, int], largest: int) -> None:
    for short in (100, 220):
        sides = []
        for larger in range(largest + 1):
            batch, valid = canvas(Shrunk(short, larger=larger, largest=largest), coloured(*shape))
            base = min(round(short * 32 / 224), 31 * min(shape) / max(shape) - largest)
            assert valid.all() == (base >= 1)
            if base < 1:  # a picture of one pixel would stay one for several steps
                continue
            assert min(batch.notes["free_down"][0], batch.notes["free_right"][0]) >= 0
            rows, columns = batch.notes["rows"][0], batch.notes["columns"][0]
            sides.append(min(rows, columns))
            assert max(rows, columns) <= 31
            assert shown(Placed(1, (1, 1)), batch)[0].any(2).sum() == rows * columns  # nothing wraps around or is lost
        assert (np.diff(sides) == 1).all()


def test_the_canvas_is_black_the_mean_colour_or_as_given() -> None:
    seen = Preprocessing(size=(32, 32), resize=32, mean=(0.5, 0.4, 0.2), std=(0.2, 0.2, 0.2))
    for fill, colour in (("black", [0, 0, 0]), ("mean", [128, 102, 51]), ((1, 2, 3), [1, 2, 3])):
        batch, _ = canvas(Shrunk(fill=fill), coloured(32, 32), seen=seen)  # type: ignore[arg-type]
        assert shown(Placed(0, (1, 1)), batch)[0, 0, 0].tolist() == colour


def test_squashed_pictures_are_square() -> None:
    batch, _ = canvas(Shrunk(keep_aspect=False), coloured(20, 200))
    assert (batch.notes["rows"][0], batch.notes["columns"][0], batch.notes["capped"][0]) == (14, 14, 0)


@pytest.mark.parametrize("room", [31, 32, 33, 500])
def test_without_room_it_is_not_valid_and_no_crash(room: int) -> None:
    batch, valid = canvas(Shrunk(room=room), coloured(20, 30))
    assert valid[0] == (room < 32)
    assert Placed().render(batch).pixels.shape == (1, 3, 32, 32)


def test_places_depend_on_seed_pair_and_id_alone() -> None:
    pictures = [coloured(30 + i, 45, i) for i in range(5)]
    ids = tuple("abcde")
    whole = shown(Placed(1), canvas(Shrunk(), *pictures, ids=ids)[0])
    some = shown(Placed(1), canvas(Shrunk(), *(pictures[i] for i in (4, 2)), ids=("e", "c"))[0])
    np.testing.assert_array_equal(some, whole[[4, 2]])
    renamed = shown(Placed(1), canvas(Shrunk(), *pictures, ids=tuple("vwxyz"))[0])
    assert (renamed != whole).any((1, 2, 3)).sum() >= 4
    batch = canvas(Shrunk(), pictures[0])[0]
    assert len({shown(Placed(k), batch).tobytes() for k in range(8)}) >= 7


def test_places_are_uniform_and_all_used() -> None:
    ids = tuple(str(i) for i in range(3000))
    notes = {"free_down": np.full(3000, 4.0), "free_right": np.full(3000, 1.0)}
    where = Placed().render(Pixels(torch.zeros(3000, 1, 8, 8), ids, 0, notes)).notes
    assert np.abs(np.bincount(where["top"].astype(int), minlength=5) - 600).max() < 100
    assert np.abs(np.bincount(where["left"].astype(int), minlength=2) - 1500).max() < 120


def test_places_scale_with_the_free_way() -> None:
    ids = tuple(str(i) for i in range(50))
    wide, narrow = (
        Placed().render(
            Pixels(torch.zeros(50, 1, 8, 8), ids, 0, {"free_down": np.full(50, f), "free_right": np.full(50, f)})
        )
        for f in (99.0, 9.0)
    )
    np.testing.assert_array_equal(narrow.notes["top"], wide.notes["top"] // 10)


def test_named_places() -> None:
    notes = {"free_down": np.array([10.0, 3.0]), "free_right": np.array([10.0, 0.0])}

    def places(view: Placed) -> list[list[float]]:
        found: Shown = view.render(Pixels(torch.zeros(2, 1, 16, 16), ("a", "b"), 0, notes))
        return [found.notes["top"].tolist(), found.notes["left"].tolist()]

    assert places(Placed(place=(0.0, 1.0))) == [[0, 0], [10, 0]]
    assert places(Placed(place=(0.5, 0.5))) == [[5, 2], [5, 0]]
    assert places(Placed(0, place="centre_diagonal")) == [[1, 0], [1, 0]]
    assert places(Placed(7, (1, 0), "centre_diagonal")) == [[9, 4], [8, 0]]


def test_rolling_is_torch_s_roll() -> None:
    x = torch.rand(5, 3, 7, 9)
    down, right = np.array([0, 1, 6, -2, 14]), np.array([3, 0, -1, 8, 9])
    moved = rolled(side_by_side(x), down, right)
    for i in range(5):
        assert torch.equal(moved[i], x[i].roll((int(down[i]), int(right[i])), (1, 2)))
    assert moved.is_contiguous(memory_format=torch.channels_last)
