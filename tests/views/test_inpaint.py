"""Filled canvases: the laws of the fill, a transcription in plain numpy, and OpenCV's at the same places."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch

from eyechart.core.view import Pixels
from eyechart.errors import SettingError
from eyechart.images.sources import ArraySource
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.draw import Job, draw
from eyechart.run.render import unit
from eyechart.views import telea
from eyechart.views.inpaint import Inpainted, fill_difference, filled
from eyechart.views.placed import Placed
from eyechart.views.shrunk import Shrunk
from slow_inpainting import inpainted

Array = np.ndarray[Any, Any]


def planes(*pictures: Array) -> torch.Tensor:
    """(n, c, h, w) in [0, 1], channels_last."""
    return unit(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2))


def steps(pixels: torch.Tensor) -> Array:
    """(n, h, w, c) in 8-bit steps: raises unless they are whole."""
    values = pixels.permute(0, 2, 3, 1).numpy() * np.float32(255)
    np.testing.assert_allclose(values, np.round(values), atol=1e-4)
    return np.round(values)


RECTS = [
    (3, 13, 5, 17),
    (0, 14, 0, 20),
    (31, 32, 12, 13),
    (10, 12, 0, 40),
    (0, 32, 7, 9),
    (0, 32, 0, 40),
    (18, 32, 31, 40),
]


@pytest.mark.parametrize("taps", [11, 13])
def test_it_is_normalised_convolution_on_the_whole_canvas(taps: int) -> None:
    chance = np.random.default_rng(0)
    pictures = [chance.integers(0, 256, (32, 40, 3), dtype=np.uint8) for _ in RECTS]
    shown = steps(filled(planes(*pictures), torch.tensor(RECTS), taps))
    for picture, (top, bottom, left, right), found in zip(pictures, RECTS, shown, strict=True):
        known = np.zeros((32, 40), bool)
        known[top:bottom, left:right] = True
        np.testing.assert_array_equal(found[known], picture[known])
        np.testing.assert_allclose(found, inpainted(picture, known, taps), atol=0.501)
        assert found.min() >= picture[known].min()
        assert found.max() <= picture[known].max()


def test_what_lies_outside_the_rectangle_is_not_read() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    other = picture.copy()
    other[:4], other[:, 15:] = 255, 0
    rect = torch.tensor([[4, 10, 3, 15]])
    assert torch.equal(filled(planes(picture), rect), filled(planes(other), rect))


def test_the_input_is_left_as_it_was_and_the_layout_is_kept() -> None:
    pixels = planes(np.random.default_rng(2).integers(0, 256, (20, 24, 3), dtype=np.uint8))
    before = pixels.clone()
    found = filled(pixels, torch.tensor([[5, 9, 6, 12]]))
    assert torch.equal(pixels, before)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_symmetric_pictures_have_symmetric_fills() -> None:
    """Twelve taps would let the fill drift by half a pixel each round."""
    quarter = np.random.default_rng(3).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    half = np.concatenate([quarter, quarter[::-1]])
    canvas = np.zeros((64, 64, 3), np.uint8)
    canvas[27:37, 26:38] = np.concatenate([half, half[:, ::-1]], 1)
    found = steps(filled(planes(canvas), torch.tensor([[27, 37, 26, 38]])))[0]
    assert np.ptp(found[0]) > 0
    for turned in (found[::-1], found[:, ::-1]):
        assert np.abs(found - turned).max() <= 1  # a half may be rounded either way
        assert (found != turned).mean() < 0.01


def canvases(small: Shrunk, pictures: list[Array], size: int = 32) -> Pixels:
    ids = tuple(f"image {i}" for i in range(len(pictures)))
    seen = Preprocessing(size=(size, size), resize=size)
    drawn = draw(Job(ids, tuple(map(ArraySource, pictures)), (small,), seen, 0))
    return Pixels(unit(torch.from_numpy(drawn.frames[0]).permute(0, 3, 1, 2)), ids, 0, drawn.notes[0])


def some(n: int = 5) -> list[Array]:
    chance = np.random.default_rng(4)
    return [chance.integers(0, 256, (30 + 7 * i, 60 - 5 * i, 3), dtype=np.uint8) for i in range(n)]


def test_one_colour_fills_the_canvas() -> None:
    batch = canvases(Shrunk(), [np.full((30, 50, 3), (10, 200, 77), np.uint8), np.zeros((9, 9, 3), np.uint8)])
    shown = Inpainted(Placed(1, (1, 1)), compared=True).render(batch)
    assert (steps(shown.pixels)[0] == (10, 200, 77)).all()
    assert not shown.pixels[1].any()  # truly black pictures too
    assert shown.notes["fill_difference"].tolist() == [0.0, 0.0]


def test_the_picture_itself_is_as_placed_and_the_difference_is_of_the_fill() -> None:
    batch, move = canvases(Shrunk(), some()), (1, 1)
    view = Inpainted(Placed(2, move), compared=True)
    first, second = (Inpainted(Placed(2, m)).render(batch) for m in ((0, 0), move))
    again = view.render(batch)
    assert torch.equal(again.pixels, second.pixels)
    placed = Placed(2, move).render(batch).pixels
    for i in range(5):
        top, left = (int(second.notes[name][i]) for name in ("top", "left"))
        rows, columns = (int(batch.notes[name][i]) for name in ("rows", "columns"))
        box = np.s_[i, :, top : top + rows, left : left + columns]
        assert torch.equal(second.pixels[box], placed[box])
        a, b = steps(first.pixels)[i, :-1, :-1], steps(second.pixels)[i, 1:, 1:]
        fill = np.ones((31, 31), bool)
        fill[top - 1 : top - 1 + rows, left - 1 : left - 1 + columns] = False
        assert again.notes["fill_difference"][i] == pytest.approx(np.abs(a - b)[fill].mean(), abs=1e-4)
    assert (again.notes["fill_difference"] > 0).any()


def test_fills_do_not_depend_on_the_other_images() -> None:
    pictures = some()
    whole = steps(Inpainted(Placed()).render(canvases(Shrunk(), pictures)).pixels)
    for i in range(5):
        batch = canvases(Shrunk(), pictures[i : i + 1])
        alone = Inpainted(Placed()).render(Pixels(batch.tensor, (f"image {i}",), 0, batch.notes)).pixels
        gap = np.abs(steps(alone)[0] - whole[i])
        assert gap.max() <= 1
        assert (gap > 0).mean() < 0.002


def test_where_nothing_is_known_nothing_is_done() -> None:
    batch = canvases(Shrunk(room=40), some(1))
    assert not Inpainted(Placed(), compared=True).render(batch).pixels.any()


def test_no_difference_where_all_is_known() -> None:
    pixels, rect = torch.rand(1, 3, 8, 8), torch.tensor([[0, 8, 0, 8]])
    assert np.isnan(fill_difference(pixels, rect, pixels, rect, (0, 0))[0])


def test_without_opencv_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telea, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"eyechart\[cv\]"):
        telea.require_opencv("shift.inpaint", "telea")


@pytest.mark.parametrize("place", ["random", "centre_diagonal", (0.3, 0.8)])
def test_opencv_fills_at_the_same_places(place: Literal["random", "centre_diagonal"] | tuple[float, float]) -> None:
    pytest.importorskip("cv2")
    pictures, small = some(), Shrunk()
    ids = tuple(f"image {i}" for i in range(len(pictures)))
    views = tuple(telea.Telea(small, 3, move, place, compared=True) for move in ((0, 0), (1, 1)))
    drawn = draw(Job(ids, tuple(map(ArraySource, pictures)), views, Preprocessing(size=(32, 32), resize=32), 0))
    batch = canvases(small, pictures)
    for frames, notes, move in zip(drawn.frames, drawn.notes, ((0, 0), (1, 1)), strict=True):
        shown = Placed(3, move, place).render(batch)
        for i in range(len(ids)):
            top, left = int(notes["top"][i]), int(notes["left"][i])
            assert (top, left) == (shown.notes["top"][i], shown.notes["left"][i])
            rows, columns = int(notes["rows"][i]), int(notes["columns"][i])
            own = np.s_[top : top + rows, left : left + columns]
            np.testing.assert_array_equal(frames[i][own], steps(shown.pixels)[i][own])
            assert frames[i].any(2).mean() > 0.99  # filled
    assert (drawn.notes[0]["fill_difference"] == 0).all()
    assert (drawn.notes[1]["fill_difference"] > 0).any()
