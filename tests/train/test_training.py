"""Training a net from images to a model that loads again by itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from eyechart.core.catalogue import make_exams
from eyechart.errors import EyechartError
from eyechart.images.arrays import ArraySet
from eyechart.models.load import load_model
from eyechart.models.nets_small import lenet
from eyechart.models.preprocessing import Preprocessing
from eyechart.store.folder import Folder
from eyechart.train.curves import best_epoch, epochs_to, gap, order_of_acquisition, values_of
from eyechart.train.log import read
from eyechart.train.recipe import Recipe, recipe_of
from eyechart.train.watch import Watching
from eyechart.training import train_model
from eyes import image_set


def coloured(n: int, seed: int = 0) -> ArraySet:
    chance = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    images = chance.integers(0, 80, (n, 32, 32, 3), dtype=np.uint8)
    images[np.arange(n), :, :, labels] += 120
    found = image_set(images, labels)
    object.__setattr__(found, "class_names", ("red", "green", "blue"))
    return found


def recipe(**changes: Any) -> Recipe:
    return Recipe(**{"epochs": 2, "batch_size": 16, "lr": 0.02, **changes})


def test_trained_loaded_and_trained_on(tmp_path: Path) -> None:
    images = coloured(48)
    model = train_model("eyechart:lenet", images, recipe(epochs=6), tmp_path / "a", device="cpu")
    assert model.class_names == ("red", "green", "blue")
    assert any("trained" in remark for remark in model.remarks)
    again = load_model(str(tmp_path / "a" / "model.safetensors"), device="cpu")
    assert again.fingerprint == model.fingerprint
    pixels = torch.from_numpy(np.stack([np.asarray(images.source(k).open().picture) for k in range(48)]))
    right = again(pixels.permute(0, 3, 1, 2)).argmax(1).numpy() == images.labels
    assert right.mean() > 0.9
    on = train_model(again, images, recipe(epochs=1, lr=1e-6), tmp_path / "b", device="cpu")
    assert on.fingerprint != again.fingerprint
    torch.testing.assert_close(on(pixels.permute(0, 3, 1, 2)), again(pixels.permute(0, 3, 1, 2)), atol=0.05, rtol=0.05)


def test_it_is_watched_on_what_it_is_trained_on(tmp_path: Path) -> None:
    """With labels dealt out anew, accuracy on training images counts those labels."""
    exams = make_exams(["clean"], {})
    changes = recipe(epochs=3, shuffled_labels=True)
    train_model(
        "eyechart:lenet",
        coloured(48),
        changes,
        tmp_path,
        device="cpu",
        watch=exams,
        every=2,
        test_images=coloured(30, 1),
    )
    lines = read(Folder(tmp_path))
    watched = values_of(lines, "train.clean.accuracy")
    assert [epoch for epoch, _ in watched] == [2, 3]
    assert {epoch for epoch, _ in values_of(lines, "test.clean.accuracy")} == {2, 3}
    run = json.loads((tmp_path / "watch" / "epoch-00003" / "train" / "results.json").read_text())
    assert run["images"] == 48


def test_an_epoch_that_is_trained_again_to_other_weights_is_watched_again(tmp_path: Path) -> None:
    """On a GPU sums differ from time to time; stopped between watching and its checkpoint, a training must go on."""
    how: dict[str, Any] = {"device": "cpu", "watch": make_exams(["clean"], {})}
    train_model("eyechart:lenet", coloured(12), recipe(batch_size=4), tmp_path / "a", **how)
    train_model("eyechart:lenet", coloured(12), recipe(batch_size=4), tmp_path / "b", seed=1, **how)
    for folder in ("a", "b"):
        (tmp_path / folder / "checkpoints" / "epoch-00002.safetensors").unlink()
    shutil.rmtree(tmp_path / "a" / "watch" / "epoch-00002")
    (tmp_path / "b" / "watch" / "epoch-00002").rename(tmp_path / "a" / "watch" / "epoch-00002")
    train_model("eyechart:lenet", coloured(12), recipe(batch_size=4), tmp_path / "a", **how)
    assert len(list((tmp_path / "a" / "watch" / "epoch-00002").iterdir())) == 2
    assert read(Folder(tmp_path / "a"))[1]["train.clean.accuracy"]


def test_one_process_of_several_watches_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each used to take part in the run, and to read results that another had not written yet."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    seen = Preprocessing(size=(32, 32))
    watching = Watching(
        make_exams(["clean"], {}), {"test": coloured(12)}, seen, ("red", "green", "blue"), 1, 2, str(tmp_path)
    )
    found = watching(1, lenet(3))
    assert found["test.clean.accuracy"] is not None


def test_curves() -> None:
    curve = [(1, 0.2), (2, 0.85), (3, 0.9), (4, 0.88)]
    assert epochs_to(curve) == 2
    assert epochs_to([]) is None
    assert best_epoch(curve) == 3
    assert gap(curve, [(2, 0.5), (4, 0.5)]) == [(2, pytest.approx(0.35)), (4, pytest.approx(0.38))]
    assert order_of_acquisition({"late": [(5, 0.1), (6, 0.9)], "soon": curve, "never": [(1, 0.0)]}) == ["soon", "late"]


def test_mistakes(tmp_path: Path) -> None:
    for wrong in ({"arch": "eyechart:lenett"}, {"recipe": "standard_smal"}):
        with pytest.raises(EyechartError):
            train_model(
                **{"arch": "eyechart:lenet", "images": coloured(6), "recipe": recipe(), "out": tmp_path, **wrong}
            )
    with pytest.raises(EyechartError, match="no classes"):
        train_model("eyechart:lenet", image_set(np.zeros((4, 32, 32, 3), np.uint8)), recipe(), tmp_path)


def test_a_start_with_other_classes(tmp_path: Path) -> None:
    model = train_model("eyechart:lenet", coloured(12), recipe(epochs=1, batch_size=4), tmp_path / "a", device="cpu")
    others = coloured(12)
    object.__setattr__(others, "class_names", ("ant", "bee", "cat"))
    with pytest.raises(EyechartError, match=r"keeps its outputs: a new head .* without --start"):
        train_model(model, others, recipe(), tmp_path / "b")


def test_remedies_before_training(tmp_path: Path) -> None:
    """The net is trained with the changed architecture from the start, and loads again as it is."""
    changed = recipe(remedies=[{"name": "antialias", "stem": "full"}])
    model = train_model("eyechart:cifar_resnet8", coloured(48), changed, tmp_path / "a", device="cpu")
    plain = train_model("eyechart:cifar_resnet8", coloured(48), recipe(), tmp_path / "b", device="cpu")
    (step,) = model.source["treatment"]["remedies"]
    assert (step["name"], step["settings"]["stem"]) == ("antialias", "full")
    strided = [m for m in model.plain.net.modules() if isinstance(m, torch.nn.Conv2d) and m.stride != (1, 1)]
    assert not strided
    assert {*model.plain.net.state_dict()} == {*plain.plain.net.state_dict()}
    again = load_model(str(tmp_path / "a" / "model.safetensors"), device="cpu")
    pixels = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(again(pixels), model(pixels))
    state = model.plain.net.state_dict()
    plain.plain.net.load_state_dict(state)
    assert (plain.plain.net(pixels) - model.plain.net(pixels)).abs().max() > 1e-3


def test_remedies_of_recipes() -> None:
    assert recipe_of("antialias_small").cures()[0].name == "antialias"
    for wrong in (["kernel_smoothing"], ["antialas"], [{"name": "antialias", "tap": 3}]):
        with pytest.raises(EyechartError):
            recipe(remedies=wrong)


@pytest.mark.parametrize("arch", ["timm:test_resnet", "timm:test_efficientnet", "torchvision:squeezenet1_1"])
def test_nets_with_kernels_of_one_pixel(tmp_path: Path, arch: str) -> None:
    """In channels_last these lie in memory like no others; stopped after an epoch, they go on as if they had not been."""
    seen, images = Preprocessing(size=(32, 32)), coloured(16)

    def stop(line: Any) -> None:
        raise KeyboardInterrupt

    how: dict[str, Any] = {"preprocess": seen, "device": "cpu"}
    whole = train_model(arch, images, recipe(), tmp_path / "whole", **how)
    with pytest.raises(KeyboardInterrupt):
        train_model(arch, images, recipe(), tmp_path / "parts", said=stop, **how)
    parts = train_model(arch, images, recipe(), tmp_path / "parts", **how)
    assert parts.fingerprint == whole.fingerprint
    lines = [read(Folder(tmp_path / name)) for name in ("whole", "parts")]
    assert [line["weights"] for line in lines[0]] == [line["weights"] for line in lines[1]]
