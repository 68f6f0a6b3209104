"""A gallery from end to end: it goes on where it stopped, says what is dead, and refuses what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from eyechart.errors import IdentityError, SettingError, UnknownNameError
from eyechart.features.gallery import Gallery, numbers
from eyechart.features.maker import Maker
from eyechart.features.present import Presented
from eyechart.run.options import RunOptions
from eyes import image_set
from features.rigged import DEAD, FIELD, GRATING, RED, SIDE, Rigged, grating, model_of

N, PLANTED, AT = 24, 7, (10, 14)


def pictures() -> Any:
    """Noise of little contrast; one has the grating in it."""
    images = np.random.default_rng(0).integers(118, 138, (N, SIDE, SIDE, 3)).astype(np.uint8)
    patch = grating(FIELD)
    patch = (127.5 + 127 * patch / patch.abs().max()).round().numpy().astype(np.uint8)
    images[PLANTED, AT[0] : AT[0] + FIELD, AT[1] : AT[1] + FIELD] = patch[..., None]
    return image_set(images, np.arange(N) % 4)


def gallery(out: Path, **more: Any) -> Gallery:
    settings = {"steps": 12, "size": SIDE, "shown": SIDE}
    usual: dict[str, Any] = {
        "layers": ["relu"],
        "channels": "all",
        "settings": settings,
        "options": RunOptions(workers=0),
    }
    return Gallery(model_of(Rigged()), pictures(), out, **{**usual, **more})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gallery, Any]:
    one = gallery(tmp_path_factory.mktemp("gallery"), looks=["0007"])
    return one, one.make()


def test_the_top_example_is_the_planted_one(made: tuple[Gallery, Any]) -> None:
    (layer,) = made[1]
    top = layer.known.examples(GRATING, "top")[0]
    assert top.id == "0007"
    assert top.place == (AT[0] + FIELD // 2, AT[1] + FIELD // 2)


def test_pictures_beat_examples_and_dead_channels_are_told(made: tuple[Gallery, Any]) -> None:
    (layer,) = made[1]
    assert list(layer.made["still"]) == [False, False, True]
    assert layer.known.summed.dead[DEAD]
    assert layer.made["score"][RED] > layer.made["best"][RED]
    assert (layer.made["last"][:2] > layer.made["first"][:2]).all()


def test_it_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    part = Maker.part

    def counted(self: Maker, channels: Any) -> Any:
        asked.append(list(channels))
        return part(self, channels)

    monkeypatch.setattr(Maker, "part", counted)
    monkeypatch.setattr("eyechart.features.gallery.TOGETHER", {"cpu": 2})
    first = gallery(tmp_path).make()
    (damaged,) = tmp_path.glob("parts/*/2-*.npz")
    damaged.write_bytes(damaged.read_bytes()[:100])
    second = gallery(tmp_path).make()
    assert asked == [[0, 1], [2], [2]]
    np.testing.assert_array_equal(first[0].made["pictures"], second[0].made["pictures"])
    gallery(tmp_path, settings={"steps": 3, "size": SIDE, "shown": SIDE}).make()
    assert asked[3:] == [[0, 1], [2]]  # other settings are other pictures


def test_another_models_folder_is_refused(made: tuple[Gallery, Any]) -> None:
    torch.manual_seed(3)
    other = Rigged()
    other.head.weight.data += 1
    with pytest.raises(IdentityError):
        Gallery(model_of(other), pictures(), made[0].folder.root, layers=["relu"], options=RunOptions(workers=0)).make()


def test_files(made: tuple[Gallery, Any]) -> None:
    one, layers = made
    told = {"created": "2026-01-01T00:00:00+00:00"}
    page = Presented(one.folder, one.model, one.images, layers, (("model", "<b>rigged</b>"),), told, ["0007"]).write()
    root = Path(one.folder.root)
    text = (root / page).read_text()
    assert "&lt;b&gt;rigged&lt;/b&gt;" in text
    assert "<b>rigged" not in text
    assert "no picture near" not in text
    assert "Dead: it says the same of every image." in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    with Image.open(root / "relu" / "0000.png") as picture:
        assert picture.size == (SIDE, SIDE)
    assert not (root / "relu" / "0002.png").exists()
    bundle = load_file(root / "relu.safetensors")
    assert bundle["pictures"].shape == (3, SIDE, SIDE, 3)
    table = json.loads((root / "features.json").read_text())
    assert [row["channel"] for row in table["layers"][0]["rows"]] == [0, 1, 2]
    assert table["layers"][0]["rows"][DEAD]["dead"]


def test_many_pictures_lie_beside_the_page(made: tuple[Gallery, Any]) -> None:
    one, layers = made
    told = {"created": "2026-01-01T00:00:00+00:00"}
    page = Presented(one.folder, one.model, one.images, layers, (), told, beside=True).write()
    text = (Path(one.folder.root) / page).read_text()
    assert "data:image/webp" not in text
    assert (Path(one.folder.root) / "assets" / "relu-0001.webp").exists()


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"layers": ["rleu"]}, UnknownNameError, "relu"),
        ({"channels": [0, 3]}, SettingError, "0 to 2"),
        ({"looks": ["nobody"]}, SettingError, "no such image"),
        ({"method": "fuorier"}, UnknownNameError, "fourier"),
        ({"settings": {"steps": 0}}, SettingError, "steps"),
        ({"settings": {"stpes": 3}}, SettingError, "stpes"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path: Path, more: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        gallery(tmp_path, **more).make()


def test_numbers_of_channels() -> None:
    assert numbers("3,10-12") == [3, 10, 11, 12]
    assert numbers("all") == "all"
    with pytest.raises(SettingError, match="no channels"):
        numbers("3-")
