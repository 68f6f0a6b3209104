"""Windows of a real margin: the pixels that torchvision's transforms give, wherever the window lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from eyechart.core.chance import generator
from eyechart.core.view import Plain
from eyechart.images.original import Original
from eyechart.images.sources import ArraySource
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.draw import Job, draw
from eyechart.views.windows import RandomWindow, Window, usual_margin

Array = np.ndarray[Any, Any]
AS_USUAL = Preprocessing(size=(224, 224), resize=256)
SMALL = Preprocessing(size=(28, 28), resize=28)
SHAPES = [(300, 400), (401, 333), (256, 256), (100, 90), (224, 224)]
CHANCE = np.random.default_rng(0)


def coloured(height: int, width: int) -> Array:
    return CHANCE.integers(0, 256, (height, width, 3), dtype=np.uint8)


def seen(view: Window | RandomWindow | Plain, picture: Array, preprocessing: Preprocessing) -> Array:
    frame = view.frame(Original(Image.fromarray(picture)), preprocessing, np.random.default_rng(0))
    return np.asarray(frame.picture)


def middle(picture: Array, short: int) -> Array:
    """Resize(short), CenterCrop(short), written with Pillow alone."""
    height, width = picture.shape[:2]
    to = (short, int(short * height / width)) if width <= height else (int(short * width / height), short)
    resized = np.asarray(Image.fromarray(picture).resize(to, Image.Resampling.BILINEAR))
    top, left = round((resized.shape[0] - short) / 2), round((resized.shape[1] - short) / 2)
    return resized[top : top + short, left : left + short]


def test_the_margin_is_32_at_224() -> None:
    assert [usual_margin(n) for n in (224, 32, 16, 299, 2)] == [32, 5, 2, 43, 1]


@pytest.mark.parametrize("shape", SHAPES)
def test_windows_are_cut_from_the_middle_of_256(shape: tuple[int, int]) -> None:
    picture = coloured(*shape)
    whole = middle(picture, 256)
    for top, left in ((0, 0), (31, 5), (32, 32), (16, 16)):
        window = seen(Window((top, left)), picture, AS_USUAL)
        np.testing.assert_array_equal(window, whole[top : top + 224, left : left + 224])
    np.testing.assert_array_equal(seen(Plain(), picture, AS_USUAL), whole[16:240, 16:240])


def test_a_margin_of_one_s_own_and_what_is_noted() -> None:
    picture = coloured(50, 80)
    view = Window((0, 8), margin=8)
    frame = view.frame(Original(Image.fromarray(picture)), SMALL, np.random.default_rng(0))
    np.testing.assert_array_equal(np.asarray(frame.picture), middle(picture, 36)[:28, 8:])
    assert frame.notes["enlarged"] == pytest.approx(0.72, abs=0.01)
    assert Window((0, 0)).frame(Original(Image.fromarray(coloured(28, 28))), SMALL, np.random.default_rng(0)).notes[
        "enlarged"
    ] == pytest.approx(32 / 28)


def test_a_model_that_squashes_is_shown_squashed_windows() -> None:
    picture = coloured(50, 80)
    squash = Preprocessing(size=(28, 21), resize=(28, 21))
    expected = np.asarray(Image.fromarray(picture).resize((24, 32), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(seen(Window((4, 3)), picture, squash), expected[4:32, 3:24])


def test_frames_that_are_not_square_are_covered() -> None:
    wide = Preprocessing(size=(14, 28), resize=32)
    for shape in ((30, 90), (90, 30)):
        frame = seen(Window((2, 4)), coloured(*shape), wide)
        assert frame.shape == (14, 28, 3)
        assert (frame.max((0, 2)) > 0).all()  # no empty border
        assert (frame.max((1, 2)) > 0).all()


def keys(t: Array) -> Array:
    """Keys' cubic, a = -1/2 (IEEE Trans. ASSP 29, 1981)."""
    t = np.abs(t)
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0))


@pytest.mark.parametrize("place", [(2.5, 2.0), (2.0, 1.75), (1 / 3 + 2, 2.25)])
def test_between_pixels_it_is_keys_cubic(place: tuple[float, float]) -> None:
    picture = coloured(60, 45)
    whole = middle(picture, 32).astype(float)
    weights = [keys(np.arange(28)[:, None] + at - np.arange(32)) for at in place]
    expected = np.einsum("yk,klc,xl->yxc", weights[0], whole, weights[1]).clip(0, 255)
    found = seen(Window(place), picture, SMALL).astype(float)
    assert np.abs(found - expected).max() <= 2  # Pillow rounds, and clips, after either axis
    assert np.abs(found - expected).mean() < 0.5


def drawn(view: RandomWindow, n: int) -> tuple[Array, Array]:
    """(n,) places down and right, for so many images."""
    ids = tuple(f"image {i}" for i in range(n))
    sources = tuple(ArraySource(np.zeros((9, 9, 3), np.uint8)) for _ in ids)
    notes = draw(Job(ids, sources, (view,), SMALL, 0)).notes[0]
    return notes["down"], notes["right"]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("distinct", [False, True])
def test_places_are_uniform_and_of_one_stream(last: bool, distinct: bool) -> None:
    n, side = 3000, 4 + last
    first, second = (np.stack(drawn(RandomWindow(f, 2, last=last, distinct=distinct), n), 1) for f in (1, 2))
    for places in (first, second):
        numbers = (places[:, 0] * side + places[:, 1]).astype(int)
        counts = np.bincount(numbers, minlength=side * side)
        assert len(counts) == side * side
        assert ((counts - n / side**2) ** 2 / (n / side**2)).sum() < 60  # chi square of 24 degrees at most
    same = (first == second).all(1).mean()
    assert same == 0 if distinct else abs(same - 1 / side**2) < 0.02
    rng = generator(0, "consistency.crop.2", "image 7")
    place = int(rng.integers(side * side))
    assert first[7].tolist() == [place // side, place % side]


def test_the_window_shows_its_place() -> None:
    picture = coloured(40, 40)
    job = Job(("a",), (ArraySource(picture),), (RandomWindow(1), RandomWindow(2), RandomWindow(1, 1)), SMALL, 3)
    for frames, notes in zip(draw(job).frames, draw(job).notes, strict=True):
        top, left = int(notes["down"][0]), int(notes["right"][0])
        np.testing.assert_array_equal(frames[0], middle(picture, 32)[top : top + 28, left : left + 28])


@pytest.mark.parametrize("shape", [(400, 20), (20, 400), (1, 40), (3000, 2), (1, 1)])
def test_long_and_tiny_pictures_fill_the_frame(shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), 200, np.uint8)
    for place in ((0, 0), (4, 4), (1.5, 2.25)):
        np.testing.assert_array_equal(seen(Window(place), picture, SMALL), 200)


def test_one_place_cannot_be_two() -> None:
    job = Job(("a",), (ArraySource(coloured(9, 9)),), (RandomWindow(1, margin=1, distinct=True),), SMALL, 0)
    assert not draw(job).valid.any()
