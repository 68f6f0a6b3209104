"""Treated models: saved, loaded again by themselves, treated once more."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from eyechart.core.catalogue import REMEDIES, make_remedies, remedy_class
from eyechart.errors import CheckpointError, SettingError, TrustError, UnknownNameError
from eyechart.models.image_model import ImageModel
from eyechart.models.load import load_model, wrap
from eyechart.models.preprocessing import Preprocessing
from eyechart.remedies.treatment import treat
from eyechart.treating import treat_model

SETTINGS = {"low_pass": {"radius": 6.0}}


@pytest.fixture(scope="module")
def model() -> ImageModel:
    return load_model("demo", device="cpu")


def frames(n: int) -> torch.Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", REMEDIES)
def test_a_treated_model_loads_again_by_itself(name: str, model: ImageModel, tmp_path: Path) -> None:
    own = {name: SETTINGS[name]} if name in SETTINGS else {}
    found = treat(model, make_remedies([name], own), frames(70), torch.full((70,), -1))
    path = tmp_path / "treated.safetensors"
    found.save(path)
    again = load_model(str(path), device="cpu")
    x = frames(3)
    with torch.no_grad():
        wanted = found.net(
            (x - torch.tensor(model.preprocessing.mean).view(3, 1, 1))
            / torch.tensor(model.preprocessing.std).view(3, 1, 1)
        )
    torch.testing.assert_close(again(x), wanted, atol=1e-4, rtol=1e-4)
    assert again.class_names == model.class_names
    assert again.preprocessing == model.preprocessing
    assert again.fingerprint != model.fingerprint
    assert f"treated with {name}" in again.remarks
    told = json.loads(path.with_suffix(".json").read_text())
    assert told["remedies"][0]["name"] == name
    assert told["done"][name]
    assert found.done[name]


def test_a_remedy_done_twice_is_told_twice(model: ImageModel) -> None:
    layers = ("conv1", "layer1.0.conv1")
    made = [make_remedies(["kernel_smoothing"], {"kernel_smoothing": {"layer": k}})[0] for k in (0, 1)]
    found = treat(model, made)
    assert [*found.done] == ["kernel_smoothing", "kernel_smoothing (2)"]
    for told, layer in zip(found.done.values(), layers, strict=True):
        assert layer in told[0]


def test_settings_of_no_remedy_are_refused(model: ImageModel) -> None:
    with pytest.raises(SettingError, match="kernel_smooting"):
        treat_model(model, "kernel_smoothing", settings={"kernel_smooting": {"rho": 1.0}})


def test_a_net_that_could_not_be_built_again_is_not_saved(model: ImageModel, tmp_path: Path) -> None:
    assert model.plain is not None
    own = wrap(model.plain.net, preprocessing=model.preprocessing)
    with pytest.raises(SettingError, match="no name by which"):
        treat_model(own, "kernel_smoothing", out=tmp_path / "treated.safetensors")
    assert not [*tmp_path.iterdir()]
    assert treat_model(own, "kernel_smoothing").name.endswith("kernel_smoothing")


def test_one_after_another_and_once_more(model: ImageModel, tmp_path: Path) -> None:
    settings = {"low_pass": {"radius": 9.0}, "kernel_smoothing": {"rho": 0.1}}
    path, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    treat(model, make_remedies(["kernel_smoothing", "antialias"], {"kernel_smoothing": {"rho": 0.1}})).save(path)
    treat(load_model(str(path), device="cpu"), make_remedies(["low_pass"], {"low_pass": {"radius": 9.0}})).save(second)
    both = treat(model, make_remedies(["kernel_smoothing", "antialias", "low_pass"], settings))
    again = load_model(str(second), device="cpu")
    assert [step["name"] for step in again.source["treatment"]["remedies"]] == [
        "kernel_smoothing",
        "antialias",
        "low_pass",
    ]
    x = frames(2)
    torch.testing.assert_close(
        again(x), ImageModel.of(both.net, model.preprocessing, name="both", device="cpu")(x), atol=1e-4, rtol=1e-4
    )


def test_smoothing_with_rho_0_changes_nothing(model: ImageModel) -> None:
    found = treat(model, make_remedies(["kernel_smoothing"], {"kernel_smoothing": {"rho": 0}}))
    for name, value in found.net.state_dict().items():
        assert torch.equal(value, model.plain.net.state_dict()[name])


def test_the_model_stays_as_it_is(model: ImageModel) -> None:
    before = {name: value.clone() for name, value in model.plain.net.state_dict().items()}
    strides = [m.stride for m in model.plain.net.modules() if isinstance(m, torch.nn.Conv2d)]
    treat(model, make_remedies(["polyphase"], {}), frames(65))
    assert strides == [m.stride for m in model.plain.net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert all(torch.equal(value, before[name]) for name, value in model.plain.net.state_dict().items())


def test_a_radius_is_chosen_on_images_that_allow_it(model: ImageModel) -> None:
    """Smooth images lose nothing by a filter that keeps what they have."""
    at = np.arange(32) / 32
    x = torch.tensor(0.5 + 0.3 * np.cos(2 * np.pi * 3 * at), dtype=torch.float32).expand(200, 3, 32, 32)
    shift = torch.rand(200, 1, 1, 1, generator=torch.Generator().manual_seed(0)) * 0.2
    even = torch.linspace(0.2, 0.9, 100).view(-1, 1, 1, 1).expand(100, 3, 32, 32)  # of other classes
    x = torch.cat([x - shift, even])
    labels = model(x).argmax(1)
    assert len(labels.unique()) > 1
    found = treat(model, make_remedies(["low_pass"], {"low_pass": {"cost": 0.05}}), x, labels)
    assert found.recipe["remedies"][0]["settings"]["radius"] == 4.0
    with pytest.raises(SettingError, match="labels"):
        treat(model, make_remedies(["low_pass"], {}), x)
    with pytest.raises(SettingError, match="commonest answer"):
        treat(model, make_remedies(["low_pass"], {}), x, torch.arange(300) % 10)


def test_fine_grain_needs_a_radius_near_the_corners_which_is_found(model: ImageModel) -> None:
    """The smallest radius at which all of noise is kept lies beyond n/2."""

    class Fine(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            waves = torch.fft.fft2(x[:, 0]).abs()
            return torch.stack([waves[:, 12, 12] - 5, 5 - waves[:, 12, 12]], 1)  # a radius of 17, n/2 is 16

    seen = Preprocessing(size=(32, 32), mean=(0.0,) * 3, std=(1.0,) * 3)
    own = wrap(Fine(), preprocessing=seen, device="cpu")
    x = torch.rand(400, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = treat(own, make_remedies(["low_pass"], {}), x, own(x).argmax(1))
    assert found.recipe["remedies"][0]["settings"]["radius"] == 17.0


def test_what_stands_in_front_of_the_net_is_done_last(model: ImageModel) -> None:
    settings = {"low_pass": {"radius": 9.0}}
    orders = [
        "low_pass,phase_average,antialias",
        "antialias,phase_average,low_pass",
        "phase_average,antialias,low_pass",
    ]
    x = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    answers = []
    for names in orders:
        found = treat(model, make_remedies(names.split(","), settings))
        assert [step["name"] for step in found.recipe["remedies"]] == ["antialias", "phase_average", "low_pass"]
        with torch.no_grad():
            answers.append(found.net(x))
    assert torch.equal(answers[0], answers[1])
    assert torch.equal(answers[0], answers[2])


def test_an_antialiased_model_is_folded(model: ImageModel, tmp_path: Path) -> None:
    found = treat(model, make_remedies(["antialias"], {}))
    found.save(tmp_path / "treated.safetensors")
    again = load_model(str(tmp_path / "treated.safetensors"), device="cpu")
    assert not any("not folded" in told for told in again.remarks)


def test_files_that_lie(model: ImageModel, tmp_path: Path) -> None:
    path = tmp_path / "treated.safetensors"
    treat(model, make_remedies(["antialias"], {})).save(path)
    state = load_file(path)

    def rewritten(recipe: dict[str, object]) -> str:
        save_file(state, path, {"eyechart": json.dumps(recipe)})
        return str(path)

    recipe = treat(model, make_remedies(["antialias"], {})).recipe
    with pytest.raises(TrustError, match="code to be run"):
        load_model(rewritten({**recipe, "architecture": "os:system"}), device="cpu")
    with pytest.raises(CheckpointError, match="another version"):
        load_model(rewritten({**recipe, "schema": 99}), device="cpu")
    with pytest.raises(UnknownNameError):
        load_model(rewritten({**recipe, "remedies": [{"name": "antialia", "settings": {}}]}), device="cpu")
    with pytest.raises(CheckpointError, match="do not fit"):
        load_model(rewritten({**recipe, "architecture": "eyechart:cifar_resnet32"}), device="cpu")
    assert load_model(rewritten(dict(recipe)), device="cpu").n_outputs == 10


def test_remedies_say_what_they_are() -> None:
    for name in REMEDIES:
        cls = remedy_class(name)
        assert cls.name == name
        assert cls.title
        assert cls.explanation.count(". ") == 1
        assert cls.evidence
        assert cls.improves
    with pytest.raises(UnknownNameError, match="antialias"):
        remedy_class("antialas")
