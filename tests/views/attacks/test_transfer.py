"""Changes made on another model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from eyechart.core.catalogue import make_exams
from eyechart.core.view import Attacked, Pixels
from eyechart.errors import EyechartError, SettingError
from eyechart.exams.adversarial import Adversarial
from eyechart.models.image_model import ImageModel
from eyechart.models.load import load_model
from eyechart.models.nets import CIFAR10_CLASSES, cnn_a
from eyechart.views.attacks.fgsm import FGSM
from eyechart.views.attacks.transfer import Surrogate, Transferred
from eyes import LinearEye, image_set, noise_images, one, seen_by, sitting

N = 12


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    net = cnn_a()
    save_file({f"{k}": 3 * v for k, v in net.state_dict().items()}, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def surrogate(weights: Path) -> Surrogate:
    return Surrogate(Surrogate.named(str(weights)), "eyechart:cnn_a")


def pixels(model: ImageModel, labels: np.ndarray) -> Pixels:
    frames = torch.from_numpy(noise_images(N, 32)).permute(0, 3, 1, 2).float() / 255
    frames = frames.contiguous(memory_format=torch.channels_last)
    return Pixels(frames, tuple(map(str, range(N))), 0, attacked=Attacked(model, labels))


def test_it_shows_what_the_attack_on_the_other_model_shows(weights: Path) -> None:
    other = load_model(str(weights), arch="eyechart:cnn_a", device="cpu")
    asked = seen_by(LinearEye(torch.randn(10, 3 * 32 * 32, generator=torch.Generator().manual_seed(0))), 32)
    labels = other(pixels(other, np.zeros(N)).tensor).argmax(1).numpy()
    shown = Transferred(FGSM("linf", 0.03), surrogate(weights)).render(pixels(asked, labels))
    alone = FGSM("linf", 0.03).render(pixels(other, labels))
    torch.testing.assert_close(shown.pixels, alone.pixels)
    np.testing.assert_array_equal(shown.notes["surrogate_broken"], alone.notes["broken"])
    assert shown.notes["surrogate_right"].all()
    np.testing.assert_array_equal(shown.notes["broken"] == 1, asked(shown.pixels).argmax(1).numpy() != labels)


def test_what_the_other_model_gets_wrong_is_attacked_like_all_else(weights: Path) -> None:
    other = load_model(str(weights), arch="eyechart:cnn_a", device="cpu")
    batch = pixels(other, np.zeros(N))
    wrong = (other(batch.tensor).argmax(1).numpy() + 1) % 10
    shown = Transferred(FGSM("linf", 0.03), surrogate(weights)).render(pixels(other, wrong))
    assert not shown.notes["surrogate_right"].any()
    assert (shown.notes["linf"] > 0.029).all()


def test_a_surrogate_that_beats_every_gradient_raises_a_check(weights: Path) -> None:
    class Rounded(nn.Module):
        """The other model behind a rounding, which hides its gradients."""

        def __init__(self) -> None:
            super().__init__()
            self.net = cnn_a()
            self.net.load_state_dict(load_file(weights))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net((x * 128).round() / 128)

    eye = Rounded().eval()
    model = seen_by(eye, 32)
    other = load_model(str(weights), arch="eyechart:cnn_a", device="cpu")
    labels = other(pixels(other, np.zeros(N)).tensor).argmax(1).numpy()
    exam = Adversarial(surrogate=str(weights), surrogate_arch="eyechart:cnn_a", attacks=("pgd",), eps="16/255")
    found = sitting(exam, model, image_set(noise_images(N, 32), labels)).estimates
    status = {e.at["flag"]: e.at["status"] for e in found.of("flag")}
    assert status["transfer_beats_attack"] in ("warn", "fail")


def test_the_model_itself_is_its_own_best_surrogate(weights: Path) -> None:
    model = load_model(str(weights), arch="eyechart:cnn_a", device="cpu")
    labels = model(pixels(model, np.zeros(N)).tensor).argmax(1).numpy()
    exam = Adversarial(surrogate=str(weights), surrogate_arch="eyechart:cnn_a", attacks=("fgsm",), eps="4/255")
    found = sitting(exam, model, image_set(noise_images(N, 32), labels)).estimates
    here, there = (one(found, f"{which}_success") for which in ("transfer", "surrogate"))
    assert here.value == there.value
    assert here.value > 0  # type: ignore[operator]
    assert here.at["surrogate"] == "net.safetensors"


def test_a_changed_file_is_another_setting_and_refused(weights: Path) -> None:
    exam = Adversarial(surrogate=str(weights), surrogate_arch="eyechart:cnn_a")
    assert Adversarial(**exam.model_dump(mode="json")) == exam
    held = surrogate(weights)
    save_file({k: v + 1 for k, v in cnn_a().state_dict().items()}, weights)
    assert Adversarial(surrogate=str(weights), surrogate_arch="eyechart:cnn_a") != exam
    model = seen_by(LinearEye(torch.randn(10, 3 * 32 * 32)), 32)
    with pytest.raises(SettingError, match="changed"):
        Transferred(FGSM("linf", 0.01), held).render(pixels(model, np.zeros(N)))


@pytest.mark.parametrize(("size", "classes"), [(16, 10), (32, 4)])
def test_one_of_other_frames_or_classes_is_refused(weights: Path, size: int, classes: int) -> None:
    model = seen_by(LinearEye(torch.randn(classes, 3 * size * size)), size)
    assert len(CIFAR10_CLASSES) == 10
    with pytest.raises(SettingError, match="Name a model of the same"):
        surrogate(weights).model(model)


def test_one_that_is_not_there_is_refused() -> None:
    (exam,) = make_exams(["adversarial"], {"adversarial": {"surrogate": "nowhere.safetensors", "attacks": ["fgsm"]}})
    model = seen_by(LinearEye(torch.randn(4, 3 * 8 * 8)), 8)
    with pytest.raises(EyechartError):
        sitting(exam, model, image_set(noise_images(4, 8), np.arange(4)))
    with pytest.raises(SettingError, match="surrogate"):
        make_exams(["adversarial"], {"adversarial": {"surrogate_arch": "eyechart:cnn_a"}})
