"""Channels together: a direction along one channel is that channel, and a layer is all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch

from eyechart.errors import SettingError
from eyechart.features.combined import WHOLE, aim_at_directions, aim_at_layer
from eyechart.features.directions import check_fit, read_directions
from eyechart.features.layer_gallery import LayerGallery
from eyechart.features.objectives import Seen
from eyechart.features.present import Presented
from eyechart.features.told import combined_figures, combined_remark, combined_strip, table
from features.rigged import GRATING, RED, SIDE
from features.test_gallery import AT, FIELD, gallery

UNITS = np.eye(3, dtype=np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, LayerGallery]:
    directions = {"red": UNITS[RED], "grating": UNITS[GRATING], "neither <b>": -UNITS[RED]}
    settings = {"steps": 40, "size": SIDE, "shown": SIDE, "motions": False}
    out = tmp_path_factory.mktemp("together")
    one = gallery(out, channels="none", whole=True, directions=directions, settings=settings)
    return one, one.make()[0]


def test_a_direction_along_a_channel_is_the_channel(made: tuple[Any, LayerGallery]) -> None:
    _, layer = made
    whole, red, grating, neither = layer.combined
    assert [one.name for one in layer.combined] == [WHOLE, "red", "grating", "neither <b>"]
    assert grating.examples[0].id == "0007"
    assert grating.examples[0].place == (AT[0] + FIELD // 2, AT[1] + FIELD // 2)
    assert grating.score > grating.examples[0].value
    colour = red.picture.reshape(-1, 3).mean(0)
    assert colour[0] > colour[1:].max() + 8
    assert whole.score > whole.examples[0].value > 0
    assert not layer.channels
    assert neither.score <= 0  # no activation after a ReLU lies along it
    values = [e.value for e in grating.examples]
    assert values == sorted(values, reverse=True)
    assert len({e.id for e in grating.examples}) == len(values) == 9


def test_what_places_give_adds_up(made: tuple[Any, LayerGallery]) -> None:
    maps, pixels = torch.randn(4, 3, 5, 6), torch.rand(4, 3, 8, 8)
    for aim in (aim_at_layer("x"), aim_at_directions("x", {"a": UNITS[0] - UNITS[1], "b": UNITS[2]})):
        for i in range(len(aim.names)):
            value = aim.objective(i).value(Seen({"x": maps}, pixels))
            torch.testing.assert_close(aim.local(i, maps).mean((1, 2)), value)


def test_it_is_kept_and_not_made_again(made: tuple[Any, LayerGallery], monkeypatch: pytest.MonkeyPatch) -> None:
    one, layer = made
    monkeypatch.setattr("eyechart.features.gallery.combined_parts", lambda *_: pytest.fail("made again"))
    again = one.make()[0].combined
    assert [x.examples for x in again] == [x.examples for x in layer.combined]
    np.testing.assert_array_equal(again[0].picture, layer.combined[0].picture)


def test_files_and_page(made: tuple[Any, LayerGallery]) -> None:
    one, layer = made
    told = {"created": "2026-01-01T00:00:00+00:00"}
    page = Presented(one.folder, one.model, one.images, (layer,), (), told).write()
    root = Path(one.folder.root)
    text = (root / page).read_text()
    assert text.count('<article class="channel"') == 4
    assert "neither &lt;b&gt;" in text
    assert "neither <b>" not in text
    assert (root / "relu" / "together-grating.png").exists()
    assert load_file(root / "relu.safetensors")["combined_pictures"].shape == (4, SIDE, SIDE, 3)
    rows = table(layer)["combined"]
    assert rows[2]["name"] == "grating"
    assert rows[2]["top"][0]["id"] == "0007"
    assert "No image says anything of it" in combined_remark(layer.combined[3])
    assert not combined_figures(layer.combined[3])
    assert not combined_strip(layer.combined[3])
    assert combined_strip(layer.combined[2])
    assert not combined_remark(layer.combined[2])
    (figure,) = combined_figures(layer.combined[2])
    assert figure.number == pytest.approx(layer.combined[2].score / layer.combined[2].examples[0].value)


def test_directions_are_read_from_files(tmp_path: Path) -> None:
    rows = np.arange(6, dtype=np.float64).reshape(2, 3)
    np.savez(tmp_path / "a.npz", one=rows[1], two=rows)
    np.save(tmp_path / "b.npy", rows[1])
    save_file({"one": rows[1].astype(np.float32)}, tmp_path / "c.safetensors")
    assert list(read_directions(tmp_path / "a.npz")) == ["one", "two[0]", "two[1]"]
    for file, name in (("b.npy", "b"), ("c.safetensors", "one")):
        wanted = rows[1] / np.linalg.norm(rows[1])
        np.testing.assert_allclose(read_directions(tmp_path / file)[name], wanted, rtol=1e-6)
    check_fit(read_directions(tmp_path / "b.npy"), "relu", 3)
    with pytest.raises(SettingError, match="has 3 numbers, and relu has 4 channels"):
        check_fit(read_directions(tmp_path / "b.npy"), "relu", 4)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3), "no length"),
        (np.array([1.0, np.nan]), "no length"),
        (np.ones((2, 2, 2)), "no direction"),
        (np.array(["a"]), "no direction"),
        (np.ones((0, 3)), "no direction"),
        (np.ones((300, 3)), "300 directions"),
        (np.array([{}]), "cannot be read"),
    ],
)
def test_what_is_no_direction_is_refused(tmp_path: Path, array: Any, words: str) -> None:
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    with pytest.raises(SettingError, match=words):
        read_directions(tmp_path / "x.npy")


def test_files_of_torch_and_damaged_archives_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(4)}, tmp_path / "probe.npz")
    with pytest.raises(SettingError, match=r"torch\.save"):
        read_directions(tmp_path / "probe.npz")
    np.savez(tmp_path / "whole.npz", a=np.arange(500.0))
    data = (tmp_path / "whole.npz").read_bytes()
    for broken in (data[:300], data[:200] + bytes([data[200] ^ 255]) + data[201:]):
        (tmp_path / "broken.npz").write_bytes(broken)
        with pytest.raises(SettingError, match="cannot be read"):
            read_directions(tmp_path / "broken.npz")


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    for name in ("x.npz", "x.safetensors", "x.npy"):
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(SettingError, match="cannot be read"):
            read_directions(tmp_path / name)
        with pytest.raises(SettingError, match="cannot be read"):
            read_directions(tmp_path / "absent" / name)


def test_only_where_a_direction_points_counts(tmp_path: Path) -> None:
    row = np.random.default_rng(0).standard_normal(8)
    np.savez(tmp_path / "scales.npz", one=row, small=row * 1e-38, big=row * 1e30)
    found = read_directions(tmp_path / "scales.npz")
    for name in ("one", "small", "big"):
        np.testing.assert_allclose(found[name], row / np.linalg.norm(row), rtol=1e-5)
    save_torch({"w": torch.from_numpy(row).bfloat16()}, tmp_path / "low.safetensors")
    assert np.linalg.norm(read_directions(tmp_path / "low.safetensors")["w"]) == pytest.approx(1, rel=1e-5)
    (tmp_path / "text.npy").write_text("1 2 3")
    with pytest.raises(SettingError, match="no arrays of numbers"):
        read_directions(tmp_path / "text.npy")
