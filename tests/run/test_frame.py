"""The frame that images without a model are made to fit."""

from __future__ import annotations

import numpy as np
import pytest

from eyechart.errors import SettingError
from eyechart.images.arrays import array_set
from eyechart.run.frame import frame_of


def test_images_of_one_pixel_are_too_small_whatever_is_done_with_them() -> None:
    images = array_set("tiny", np.zeros((1, 1, 1, 3), np.uint8), ["a"], {}, ())
    with pytest.raises(SettingError, match="too small to examine"):
        frame_of(images, None)
