"""What would otherwise be found after the last epoch is told before the first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from eyechart.errors import EyechartError, ModelOutputError, SettingError
from eyechart.images.arrays import ArraySet
from eyechart.models.nets import CifarResNet
from eyechart.models.preprocessing import Preprocessing
from eyechart.train.beforehand import check_net
from eyechart.train.checkpoint import digest
from eyechart.train.recipe import Recipe
from eyechart.training import train_model
from eyes import image_set

SEEN = Preprocessing(size=(16, 16))


def noise(labels: list[int], names: tuple[str, ...], seed: int = 0) -> ArraySet:
    pixels = np.random.default_rng(seed).integers(0, 255, (len(labels), 16, 16, 3), dtype=np.uint8)
    found = image_set(pixels, np.array(labels))
    object.__setattr__(found, "class_names", names)
    return found


def refused(tmp_path: Path, images: ArraySet, arch: str = "eyechart:lenet", **more: Any) -> str:
    said: list[Any] = []
    recipe = Recipe(epochs=2, batch_size=4, lr=0.1)
    how = {"preprocess": SEEN, "device": "cpu", "said": said.append, **more}
    with pytest.raises(EyechartError) as told:
        train_model(arch, images, recipe, tmp_path / "net", **how)
    assert not said
    assert not (tmp_path / "net").exists()
    return str(told.value)


def test_other_outputs_than_classes(tmp_path: Path) -> None:
    told = refused(tmp_path, noise([0, 1, 2, 3] * 3, ("a", "b", "c", "d")), "small_nets:ten")
    assert "10 numbers an image, and there are 4 classes" in told
    assert "4 outputs" in told


def test_one_class(tmp_path: Path) -> None:
    assert "All images are of one class" in refused(tmp_path, noise([0] * 6, ("a",)))
    assert "All images are of one class" in refused(tmp_path, noise([1] * 6, ("a", "b")))


def test_tests_on_what_is_trained_on(tmp_path: Path) -> None:
    images = noise([0, 1] * 6, ("a", "b"))
    assert "--test-images" in refused(tmp_path, images, test_images=noise([0, 1] * 6, ("a", "b")))


def test_a_start_whose_weights_would_be_lost(tmp_path: Path) -> None:
    """Xavier's start draws anew what the model was given for."""
    images = noise([0, 1] * 4, ("a", "b"))
    recipe = Recipe(epochs=1, batch_size=4, lr=0.1)
    model = train_model("small_nets:convolutional", images, recipe, tmp_path / "a", preprocess=SEEN, device="cpu")
    with pytest.raises(SettingError, match="start=default"):
        train_model(model, images, recipe.model_copy(update={"start": "xavier"}), tmp_path / "b")


class Answers(nn.Module):
    def __init__(self, give: Any) -> None:
        super().__init__()
        self.layer, self.give = nn.Linear(3, 2), give

    def forward(self, x: torch.Tensor) -> Any:
        return self.give(self.layer(x.mean((2, 3))), x, self.training)


@pytest.mark.parametrize(
    ("give", "told"),
    [
        (lambda rows, x, training: rows.softmax(1), "probabilities"),
        (lambda rows, x, training: (rows, rows) if training else rows, "returns a tuple"),
        (lambda rows, x, training: rows + x.view(len(x), -1).mean(1, keepdim=True), "reshape or flatten"),
        (lambda rows, x, training: rows.detach(), "grad"),
        (lambda rows, x, training: rows * float("nan"), "NaN"),
        (lambda rows, x, training: rows[:, :1], "1 number an image, and there are 2"),
        (lambda rows, x, training: x, "shape"),
    ],
)
def test_answers_that_cannot_be_trained(give: Any, told: str) -> None:
    with pytest.raises((SettingError, ModelOutputError), match=told):
        check_net(Answers(give), SEEN, 2, "own")


def test_nothing_to_train() -> None:
    with pytest.raises(SettingError, match="nothing to train"):
        check_net(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), SEEN, 3, "own")


def test_the_net_and_chance_stay_as_they_are() -> None:
    net = nn.Sequential(CifarResNet(1, 3), nn.Dropout(0.5)).train()
    before, state = digest(net.state_dict()), torch.get_rng_state()
    check_net(net, SEEN, 3, "own")
    assert digest(net.state_dict()) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in net.modules())
    assert all(p.grad is None for p in net.parameters())
