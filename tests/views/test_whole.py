"""The picture as a whole: untouched at the input's size, resized without a crop at any other."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from eyechart.images.original import Original
from eyechart.models.preprocessing import Preprocessing
from eyechart.views.whole import Whole
from eyes import noise_images

USUAL = Preprocessing(size=(16, 16), resize=18)


def shown(picture: Image.Image, preprocessing: Preprocessing = USUAL) -> tuple[np.ndarray, float]:
    frame = Whole().frame(Original(picture), preprocessing, np.random.default_rng(0))
    return np.asarray(frame.picture), frame.notes["resized"]


def test_a_picture_of_the_input_s_size_is_not_touched() -> None:
    picture = Image.fromarray(noise_images(1)[0])
    pixels, resized = shown(picture)
    np.testing.assert_array_equal(pixels, np.asarray(picture))
    assert resized == 0
    assert (np.asarray(USUAL.frame(picture)) != pixels).any()  # its own preprocessing would


@pytest.mark.parametrize("size", [(32, 32), (40, 24), (9, 9)])
def test_any_other_is_resized_and_keeps_its_rim(size: tuple[int, int]) -> None:
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[:, : size[0] // 3] = 255
    found, resized = shown(Image.fromarray(pixels))
    assert found.shape == (16, 16, 3)
    assert resized == 1
    assert found[:, 0].min() > 200
    assert found[:, -1].max() < 60
