"""Frost: the photographs, how they are resized, where parts are taken, and the sum, to the last grey level."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files

import numpy as np
import pytest

from eyechart.core.chance import generator
from eyechart.views.corruptions.frost import KINDS, PICTURES, SCALES, part_of_ice, photograph, resized
from views.corruptions.frames import SIDES, Array, frames, levels, whole

SIZES = {"frost1.webp": (600, 900), "frost2.webp": (315, 560), "frost4.jpg": (350, 527), "frost5.jpg": (495, 660)}


def parts(n: int, size: tuple[int, int], column: str) -> Array:
    """What the test images get."""
    chance = (generator(5, "corruption/frost/", f"image {number}") for number in range(n))
    return np.stack([part_of_ice(rng, size, SCALES[column]) for rng in chance])  # type: ignore[index]


def test_photographs_and_what_must_go_with_them() -> None:
    assert {name: photograph(name).shape[:2] for name in PICTURES} == SIZES
    there = {path.name for path in files("eyechart").joinpath("data", "frost").iterdir()}
    assert there == {*SIZES, "LICENSE.frost", "NOTICE.md"}
    pixels = {name: sha256(photograph(name).tobytes()).hexdigest()[:16] for name in PICTURES[:2]}
    assert pixels == {"frost1.webp": "d425da47a6c26b22", "frost2.webp": "7fa31bc73f188ddd"}  # of the published PNGs


@pytest.mark.parametrize("name", SIZES)
def test_a_fifth_is_every_fifth_pixel(name: str) -> None:
    small = resized(name, 0.2)
    assert small.shape[:2] == tuple(round(side * 0.2) for side in SIZES[name])
    every = photograph(name)[2::5, 2::5]
    assert (small == every[: small.shape[0], : small.shape[1]]).all()


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("factor", [0.3, 1.7])
def test_resizing_is_linear_without_smoothing(name: str, factor: float) -> None:
    picture, found = photograph(name), resized(name, factor)
    rows, columns = (
        np.clip((np.arange(round(side * factor)) + 0.5) / factor - 0.5, 0, side - 1) for side in picture.shape[:2]
    )
    across = np.stack(
        [[np.interp(columns, np.arange(picture.shape[1]), row[:, c]) for row in picture] for c in range(3)], -1
    )
    above = np.floor(rows).astype(int)
    share = (rows - above)[:, None, None]
    expected = across[above] * (1 - share) + across[np.minimum(above + 1, len(picture) - 1)] * share
    assert np.abs(found - expected).max() < 1.2  # fixed-point arithmetic, that cuts on the way
    assert np.abs(found - expected).mean() < 0.35


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize(("factor", "alike"), [(0.2, 1.0), (0.3, 1.0), (1.3, 0.99)])
def test_resizing_is_opencvs(name: str, factor: float, alike: float) -> None:
    cv2 = pytest.importorskip("cv2")
    theirs = cv2.resize(photograph(name), (0, 0), fx=factor, fy=factor)
    found = resized(name, factor)
    assert (found == theirs).mean() >= alike
    assert np.abs(found.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("column", SIDES)
@pytest.mark.parametrize("size", [(32, 32), (64, 64), (20, 130), (224, 224)])
def test_the_published_sum(column: str, size: tuple[int, int]) -> None:
    x, ice = frames(*size), parts(4, size, column)
    for severity, (image, weight) in enumerate(KINDS["frost"].levels[column], 1):  # type: ignore[index]
        expected = np.uint8(np.clip(image * x + weight * ice, 0, 255))
        assert (whole(levels(x, "frost", severity, column=column)) == expected).all()


def test_photographs_and_places_are_all_as_likely() -> None:
    counts, tops = dict.fromkeys(SIZES, 0), []
    small = {name: resized(name, 0.2) for name in SIZES}
    for number in range(400):
        part = part_of_ice(generator(0, "test", str(number)), (32, 32), 0.2)
        (found,) = [
            (name, y, x)
            for name, ice in small.items()
            for y, x in np.argwhere((ice[:-31, :-31] == part[0, 0]).all(-1)).tolist()
            if (ice[y : y + 32, x : x + 32] == part).all()
        ][:1]
        counts[found[0]] += 1
        tops.append(found[1] / (small[found[0]].shape[0] - 32))
    expected = {"frost1.webp": 80, "frost2.webp": 160, "frost4.jpg": 80, "frost5.jpg": 80}
    assert sum((counts[name] - n) ** 2 / n for name, n in expected.items()) < 16.3  # chi-squared, 3 degrees, p = .001
    assert max(tops) < 1  # never the last place, as published
    assert abs(np.mean(tops) - 0.5) < 0.06


@pytest.mark.parametrize("size", [(400, 400), (1000, 30), (20, 1200)])
def test_frames_larger_than_photographs(size: tuple[int, int]) -> None:
    for number in range(5):
        part = part_of_ice(generator(0, "large", str(number)), size, 1.0)
        assert part.shape == (*size, 3)
        assert part.std() > 10


def test_one_channel_gets_grey_ice() -> None:
    x = frames(40, 50, 1)
    grey = np.asarray(parts(4, (40, 50), "tiny") @ np.array([0.299, 0.587, 0.114]))[..., None]
    image, weight = KINDS["frost"].levels["tiny"][3]
    shown = levels(x, "frost", 4, column="tiny", rounding="none")
    np.testing.assert_allclose(shown, np.clip(image * x + weight * grey, 0, 255), atol=1e-3)
