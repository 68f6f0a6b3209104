"""Labels as a model's output numbers, and what the user is told where classes and outputs do not match."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from eyechart.images.arrays import array_set
from eyechart.run.labels import labels_or_none


def test_classes_of_which_some_match_are_not_said_to_match_none() -> None:
    pixels, ids = np.zeros((3, 4, 4, 3), np.uint8), ["a", "b", "c"]
    images = array_set("three", pixels, ids, {"label": np.arange(3)}, ("bird", "cat", "oven"))
    model = SimpleNamespace(kind="logits", n_outputs=2, class_names=("bird", "cat"), class_ids=())
    labels, (line,) = labels_or_none(cast(Any, model), images, "auto")
    assert labels.tolist() == [-1, -1, -1]
    assert "1 of 3 image classes match no single output: 'oven'" in line
    assert "go by other targets" in line
