"""Names and columns that say which shape and which texture a stimulus has."""

from __future__ import annotations

import numpy as np
import pytest

from eyechart.images.cues import Stimulus, parse_stimulus, read_cues


@pytest.mark.parametrize(
    ("image_id", "expected"),
    [
        ("cat/cat7-elephant1.png", ("cat", "elephant", "cat7", "elephant1")),
        ("cat7-elephant1.webp", ("cat", "elephant", "cat7", "elephant1")),
        ("deep/down/Cat10-Truck3.JPEG", ("cat", "truck", "cat10", "truck3")),
        ("airplane1-bicycle2-108.png", ("airplane", "bicycle", "airplane1", "bicycle2")),
        ("0001_s5n_dnn_0_cat_00_cat7-elephant1.png", ("cat", "elephant", "cat7", "elephant1")),
        ("cat7-elephant1", ("cat", "elephant", "cat7", "elephant1")),
        ("n021230457-n030416321.png", ("n02123045", "n03041632", "n021230457", "n030416321")),
        ("n02123045-truck3-90.png", ("n02123045", "truck", "n02123045", "truck3")),
        ("cat7-n12.png", ("cat", "n", "cat7", "n12")),
    ],
)
def test_names(image_id: str, expected: tuple[str, str, str, str]) -> None:
    assert parse_stimulus(image_id) == Stimulus(*expected)


@pytest.mark.parametrize(
    "image_id",
    ["cat7.png", "cat-elephant.png", "n04111531_14126.png", "7-1.png", "cat7-elephant1-x.png", "", "IMG_0001.jpg"],
)
def test_other_names(image_id: str) -> None:
    assert parse_stimulus(image_id) is None


def test_columns_come_before_names() -> None:
    ids = ("cat7-elephant1.png", "b.png")
    own = {"shape": np.array(["Dog", "knife"], object), "texture": np.array(["oven ", ""], object)}
    found = read_cues(ids, own)
    assert found.shapes.tolist() == ["dog", "knife"]
    assert found.textures.tolist() == ["oven", ""]
    assert found.contents[0] == "cat7"
    assert found.contents[1] != found.styles[1]
    found = read_cues(ids, {**own, "content": np.array([4, 4]), "style": np.array([1, 2])})
    assert (found.contents.tolist(), found.styles.tolist()) == (["4", "4"], ["1", "2"])


def test_one_column_is_not_enough() -> None:
    found = read_cues(("cat7-elephant1.png", "b.png"), {"shape": np.array(["dog", "dog"], object)})
    assert found.shapes.tolist() == ["cat", ""]
    assert found.textures.tolist() == ["elephant", ""]


def test_columns_are_known_in_any_case() -> None:
    read = read_cues(["a.png"], {"Shape": np.array(["cat"]), "TEXTURE": np.array(["dog"])})
    assert (read.shapes[0], read.textures[0]) == ("cat", "dog")
