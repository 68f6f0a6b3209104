"""A gallery from end to end: it goes on where it stopped, says what is dead, and refuses what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from eyechart.errors import IdentityError, ImagesError, SettingError, UnknownNameError
from eyechart.features.colours import magnitude_of
from eyechart.features.examples import Choice
from eyechart.features.gallery import Gallery
from eyechart.features.looks import frames_of
from eyechart.features.maker import Maker
from eyechart.features.measured import measured_magnitude
from eyechart.features.numbers import numbers
from eyechart.features.present import Presented, slug
from eyechart.features.told import figures, sentences
from eyechart.images.image_set import ImageSet
from eyechart.images.load import load_images
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
    net = Rigged()
    net.spare = torch.nn.Identity()
    return Gallery(model_of(net), pictures(), out, **{**usual, **more})


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


def _channels_in(file: Path) -> list[int]:
    with np.load(file) as held:
        return held["channels"].tolist() if "channels" in held.files else []


def test_it_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    pictures_ = Maker.pictures

    def counted(self: Maker, channels: Any) -> Any:
        asked.append(list(channels))
        return pictures_(self, channels)

    monkeypatch.setattr(Maker, "pictures", counted)
    monkeypatch.setattr("eyechart.features.gallery.TOGETHER", {"cpu": 2})
    first = gallery(tmp_path).make()
    damaged = next(file for file in tmp_path.glob("parts/*/*.npz") if _channels_in(file) == [2])
    damaged.write_bytes(damaged.read_bytes()[:100])
    second = gallery(tmp_path).make()
    assert asked == [[0, 1], [2], [2]]
    gallery(tmp_path, choice=Choice(rank="relevance", crop="effective")).make()
    assert asked == [[0, 1], [2], [2]]  # other images beside them are no other pictures
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
    assert "Dead: it says the same of every image, and no picture was found" in text
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
        ({"layers": ["spare"]}, SettingError, "does not use it"),
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
    for text in ("3-", "5-3", "", "1,,2", "-1", "0-99999999999", "²"):
        with pytest.raises(SettingError, match="no channels"):
            numbers(text)


def test_what_is_wrong_is_told_before_the_work(tmp_path: Path) -> None:
    for more in ({"channels": [0, 3]}, {"layers": ["rleu"]}):
        with pytest.raises((SettingError, UnknownNameError)):
            gallery(tmp_path, **more).make()
    assert not list(tmp_path.iterdir())


@pytest.fixture
def broken(tmp_path: Path) -> ImageSet:
    """Ten images in a folder, of which the first is no image."""
    for i, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (10, SIDE, SIDE, 3)).astype(np.uint8)):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    (tmp_path / "0.png").write_bytes(b"no image")
    return load_images(str(tmp_path))


def test_broken_images_have_no_part(broken: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> None:
    model, out = model_of(Rigged()), tmp_path_factory.mktemp("gallery")
    options = RunOptions(workers=0, max_bad=1)
    settings = {"steps": 2, "size": SIDE, "shown": SIDE, "crops": 2}
    one = Gallery(
        model, broken, out, layers=["relu"], method="maco", settings=settings, with_atlas=True, options=options
    )
    (layer,) = one.make()
    assert layer.known.summed.n == 9
    assert "9 images" in layer.mosaics[0].told
    frames = torch.from_numpy(frames_of(broken, broken.ids[1:], model)).permute(0, 3, 1, 2) / 255
    torch.testing.assert_close(measured_magnitude(model, broken, 0), magnitude_of([frames]), rtol=1e-4, atol=1e-4)
    with pytest.raises(ImagesError, match=r"0\.png"):
        Gallery(model, broken, out, layers=["relu"], looks=broken.ids[:1], options=options)


def test_names_of_files_are_never_the_same() -> None:
    names = ["a/b", "a_b", "a:b", "relu()", "relu_", "..", "_", "x" * 200, "x" * 201]
    assert len({slug(name) for name in names}) == len(names)
    assert slug("layer1.0.relu") == "layer1.0.relu"
    assert max(len(slug(name)) for name in names) < 100


def test_ups_and_downs_of_an_answer_are_both_told(made: tuple[Gallery, Any]) -> None:
    (layer,) = made[1]
    without = np.full((3, 9), np.nan)
    without[0, :2], without[1, :2] = (0.3, -0.3), (0.001, -0.001)
    (told,) = (s for s in sentences(replace(layer, made={**layer.made, "without": without})) if "Taking" in s)
    assert "1 of 2" in told


def test_neurons_have_pictures_of_their_own(made: tuple[Gallery, Any], tmp_path: Path) -> None:
    (of_channels,), (layer,) = made[1], gallery(tmp_path, target="neuron", channels=[RED, GRATING]).make()
    assert layer.target == "neuron"
    assert (layer.made["pictures"][1] != of_channels.made["pictures"][1]).any()
    top = layer.known.examples(GRATING, "top")[0]
    assert layer.made["best"][1] == top.value  # at any place, and no mean over them
    maps = Maker(model_of(Rigged()), pictures(), layer.known, made[0].method, 0)._reach(
        torch.from_numpy(layer.made["pictures"]).permute(0, 3, 1, 2) / 255
    )["relu"]
    np.testing.assert_allclose(
        layer.made["score"], maps[[0, 1], [RED, GRATING], SIDE // 2, SIDE // 2], rtol=1e-4, atol=1e-6
    )


def test_noise_is_not_passed_off_as_a_feature(made: tuple[Gallery, Any]) -> None:
    (layer,) = made[1]
    moved = {**layer.made, "still": np.zeros(3, bool), "score": layer.made["best"].astype(float)}
    unmoved = replace(layer, made=moved)
    told = {"created": "2026-01-01T00:00:00+00:00"}
    part = Presented(made[0].folder, made[0].model, made[0].images, (unmoved,), (), told)._part(0, unmoved)
    assert [bool(card.picture) for card in part.cards] == [True, True, False]
    assert "says no more to the picture" in part.cards[DEAD].remark
    assert "do not trust" in part.cards[RED].remark


def test_what_is_undefined_is_no_figure(made: tuple[Gallery, Any]) -> None:
    (layer,) = made[1]
    nowhere = {**layer.made, "rank": np.full((3, 9), np.nan), "best": np.full(3, -0.5)}
    found = {f.key: f for f in figures(replace(layer, made=nowhere), RED, ())}
    assert "decides" in found
    assert "weight" not in found  # no place of the layer has a part in the answers
    assert found["ratio"].text.startswith("-0.5 to ")  # of no sense as a multiple
    assert found["ratio"].number is None
    assert not any("nan" in f.text for f in found.values())


def test_a_gallery_that_grew_is_of_all_images_whatever_limit_is_given(tmp_path: Path) -> None:
    few, more, again = (gallery(tmp_path, options=RunOptions(workers=0, limit=limit)).make()[0] for limit in (6, N, 6))
    assert [layer.known.summed.n for layer in (few, more, again)] == [6, N, N]
    assert not np.array_equal(few.made["best"], more.made["best"])
    np.testing.assert_array_equal(again.made["best"], more.made["best"])
