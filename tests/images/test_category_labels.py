"""Which category an image is of, by label and by folder; wishes for categories."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eyechart.images.categories import OTHER, Categories
from eyechart.images.category_file import CategoryError
from eyechart.images.category_labels import as_wish, categories_or_none, category_labels

KNOWN = Categories.of("", {"cat": [0, 1], "dog": [3], "fire truck": [4]})


def test_a_label_goes_before_the_folder_and_a_folder_is_the_last_one() -> None:
    ids = ["dog/a.png", "dog/a.png", "cat/dog/a.png", "Fire_Truck/a.png", "a.png", "cat.png", "horse/a.png"]
    labels = np.array([1, 2, -1, -1, -1, -1, -1])
    assert category_labels(KNOWN, labels, ids).tolist() == [0, OTHER, 1, 2, OTHER, OTHER, OTHER]


def test_no_images_have_no_categories() -> None:
    assert category_labels(KNOWN, np.zeros(0, int), []).shape == (0,)


def test_a_wish_keeps_the_content_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[categories]\nhot = ["sun"]\ncold = [0]\n')
    wish = as_wish(str(tmp_path / "own.toml"), "exam.categories")
    assert wish == (("hot", ("sun",)), ("cold", (0,)))
    assert as_wish(wish, "exam.categories") == wish
    assert as_wish("imagenet16", "exam.categories") == "imagenet16"


def test_what_cannot_be_read_names_the_setting() -> None:
    with pytest.raises(CategoryError, match=r"exam\.categories"):
        as_wish("no such file", "exam.categories")


def test_only_auto_may_find_none() -> None:
    assert categories_or_none("auto", ("sun", "moon"), 2, "s") is None
    assert categories_or_none("auto", ("cat", "dog"), 2, "s") == Categories(
        "2 of the 16 categories, by the outputs' own names", ("cat", "dog"), ((0,), (1,))
    )
    with pytest.raises(CategoryError, match="1,000"):
        categories_or_none("imagenet16", ("sun", "moon"), 2, "s")
