"""``eyechart features``: what it is told becomes a gallery, and what it is told wrongly one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

Command = Any


@pytest.fixture
def asked(archive: str, known: tuple[object, ...]) -> tuple[object, ...]:
    quick = ("--set", "steps=3", "--set", "size=16", "--limit", 12, "--layer", "1")
    return ("features", "small_nets:convolutional", "--images", archive, *known, *quick)


def test_channels(command: Command, asked: tuple[object, ...], tmp_path: Path) -> None:
    said = command(*asked, "--channels", "1,3", "--target", "neuron", "--json", "--out", "g")
    assert said.code == 0
    (layer,) = said.json["layers"]
    assert [row["channel"] for row in layer["rows"]] == [1, 3]
    assert layer["combined"] == []
    assert (tmp_path / "g" / "features.html").exists()


def test_a_layer_as_a_whole_and_directions(command: Command, asked: tuple[object, ...], tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", both=np.array([1.0, 1, 0, 0]))
    said = command(*asked, "--target", "layer", "--direction", "d.npz", "--json", "--out", "g")
    assert said.code == 0
    (layer,) = said.json["layers"]
    assert layer["rows"] == []
    assert [one["name"] for one in layer["combined"]] == ["all channels together", "both"]
    assert load_file(next((tmp_path / "g").glob("1*.safetensors")))["combined_score"].shape == (2,)
    said = command(*asked, "--target", "layer", "--channels", "2", "--out", "g")
    assert "1: 1 channel, 1 of channels together" in said.out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--direction", "absent.npz"), "--direction = absent.npz"),
        (("--direction", "short.npy"), "has 3 numbers, and 1 has 4 channels"),
        (("--atlas", "--atlas-layout", "umap"), "eyechart[umap]"),
        (("--channels", "some,4"), "Give some, all, none, or numbers"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    command: Command, asked: tuple[object, ...], tmp_path: Path, more: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eyechart.features.mosaic.find_spec", lambda name: None)
    np.save(tmp_path / "short.npy", np.ones(3))
    said = command(*asked, *more, "--out", "g")
    assert said.code == 2
    assert words in said.paragraph
    assert not (tmp_path / "g").exists()
