"""``eyechart boxes`` on small annotated sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Command = Any


@pytest.fixture
def centred(tmp_path: Path) -> Path:
    """200 images with one object each, near the middle; one crowd."""
    chance = np.random.default_rng(0)
    images = [{"id": k, "width": 640, "height": 480} for k in range(200)]
    places = np.clip(chance.normal([320, 240], 40, (200, 2)), 60, 420) - 50
    found: list[dict[str, Any]] = [{"image_id": k, "bbox": [*map(float, places[k]), 100, 100]} for k in range(200)]
    found.append({"image_id": 0, "bbox": [0, 0, 9, 9], "iscrowd": 1})
    file = tmp_path / "instances.json"
    file.write_text(json.dumps({"images": images, "annotations": found}))
    return file


def test_in_words(command: Command, centred: Path) -> None:
    said = command("boxes", centred)
    assert said.code == 0
    assert said.err == ""
    assert "200 boxes in 200 images" in said.out
    assert "Left out: 1 boxes of crowds." in said.out
    for words in (
        "centre across, mean",
        "distance from the middle, mean",
        "touching the border",
        "divergence from feasible",
    ):
        assert words in said.out
    assert "@" in said.out


def test_as_json(command: Command, centred: Path) -> None:
    said = command("boxes", centred, "--json")
    found = {(one["measure"], one["of"]): one for one in said.json["figures"]}
    assert said.json["left_out"] == {"boxes of crowds": 1}
    assert (said.json["boxes"], said.json["images"]) == (200, 200)
    distance = found["mean", "distance"]
    assert distance["low"] < distance["value"] < distance["high"] < distance["feasible"] < distance["uniform"]
    assert found["kl", "feasible"]["low"] > 0.5
    for one in found.values():
        assert one["low"] <= one["value"] <= one["high"]
    for name in ("histogram", "feasible_histogram"):
        assert np.array(said.json[name]).shape == (16, 16)
        assert np.sum(said.json[name]) == pytest.approx(1, abs=1e-5)


def test_what_cannot_be_read_is_one_paragraph(command: Command, tmp_path: Path) -> None:
    said = command("boxes", tmp_path / "absent.json")
    assert said.code == 2
    assert "COCO" in said.paragraph
    assert "ANNOTATIONS = " in said.paragraph
    assert "ANNOTATIONS" in command("boxes", "--help").out
