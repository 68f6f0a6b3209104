"""Smoothed first layers against a transcription, and eyes on which the effect is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.core.query import Query
from eyechart.core.view import Plain
from eyechart.exams.clean import Clean
from eyechart.exams.kernel_smoothing import KernelSmoothing
from eyechart.models.image_model import ImageModel
from eyechart.run.altered import altered
from eyechart.views.kernels import SmoothedKernels
from eyes import LinearEye, examined, image_set, noise_images, seen_by, sitting

SIZE, CLASSES = 12, 4


class Normed(nn.Module):
    """Convolution, BatchNorm, another one first in the list of modules but second in use."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.later = nn.Conv2d(6, 5, 3, padding=1)
        self.first = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(5, CLASSES)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)
        self.norm.weight.data.uniform_(0.5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.later(self.norm(self.first(x)).relu()).relu().mean((2, 3)))


def slowly_smoothed(kernels: np.ndarray, rho: float, normalize: bool) -> np.ndarray:
    found = np.zeros_like(kernels)
    height, width = kernels.shape[-2:]
    for place in np.ndindex(kernels.shape):
        *kernel, i, j = place
        around = 0.0
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                if di or dj:
                    row, column = min(max(i + di, 0), height - 1), min(max(j + dj, 0), width - 1)
                    around += kernels[(*kernel, row, column)]
        found[place] = kernels[place] + rho * around
    return found / (1 + 8 * rho) if normalize else found


def by_hand(net: Normed, rho: float, normalize: bool) -> Normed:
    other = Normed()
    other.load_state_dict(net.state_dict())
    smoothed = slowly_smoothed(net.first.weight.detach().double().numpy(), rho, normalize)
    other.first.weight.data.copy_(torch.from_numpy(smoothed))
    return other.eval()


@pytest.mark.parametrize("normalize", [False, True])
def test_the_first_layer_used_is_smoothed_before_folding(normalize: bool) -> None:
    net = Normed().eval()
    model = seen_by(net, SIZE)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    pixels = torch.rand(5, 3, SIZE, SIZE)
    with torch.inference_mode():
        got = altered(model, SmoothedKernels(0.5, normalize))(pixels)
        own = model(pixels)
    with torch.no_grad():
        torch.testing.assert_close(got, by_hand(net, 0.5, normalize)(pixels), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(own, net(pixels), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(got, own, atol=1e-3)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_rows_are_those_of_nets_smoothed_by_hand() -> None:
    net, images = Normed(3).eval(), image_set(noise_images(9, SIZE), [k % CLASSES for k in range(9)])
    exam = KernelSmoothing(rho=(1.0, 0.25), radius=3.0)
    assert exam.rho == (0.0, 0.25, 1.0)
    sat = sitting(exam, seen_by(net, SIZE), images)
    pixels = torch.from_numpy(noise_images(9, SIZE)).permute(0, 3, 1, 2).float() / 255
    f = SIZE * np.fft.fftfreq(SIZE)
    inside = torch.from_numpy(np.hypot(f[:, None], f[None]) <= 3.0)
    low = torch.fft.ifft2(torch.fft.fft2(pixels.double()) * inside).real.float()
    wanted = []
    for shown in (pixels, low, pixels - low):
        for normalize in (False, True):
            for rho in exam.rho:
                with torch.no_grad():
                    wanted.append(by_hand(net, rho, normalize)(shown).argmax(1).numpy())
    np.testing.assert_array_equal(sat.whole.rows["top1"], np.stack(wanted, 1))


def test_own_kernels_are_asked_once_and_losses_are_paired() -> None:
    images = image_set(noise_images(12, SIZE), [k % CLASSES for k in range(12)])
    exam = KernelSmoothing(rho=(0.0, 1.0))
    sat = sitting(exam, seen_by(Normed(1).eval(), SIZE), images)
    asked = exam.ask(sat.subject, ())
    assert asked is not None
    assert len(asked) == 3 * (1 + 2)
    assert asked[0] == Query(Plain())
    found = exam.estimates(sat.whole, sat.batch.labels, sat.subject)
    for shown in ("whole", "low", "high"):
        at = {"shown": shown, "normalize": "raw"}
        own, after = (found.one("accuracy", rho=rho, **at) for rho in (0.0, 1.0))
        loss = found.one("accuracy_loss", rho=1.0, **at)
        assert own is not None
        assert after is not None
        assert loss is not None
        assert loss.value == pytest.approx(own.value - after.value)
        none = found.one("accuracy_loss", rho=0.0, **at)
        assert none is not None
        assert none.value == 0.0


class EdgeEye(nn.Module):
    """Class 1 if neighbours differ (a kernel 1, -2, 1 along the columns), else class 0: smoothing blinds it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, (1, 3), bias=False)
        self.conv.weight.data = torch.tensor([1.0, -2.0, 1.0]).expand(1, 3, 1, 3).clone()

    def forward(self, x: Tensor) -> Tensor:
        seen = self.conv(x).abs().mean((1, 2, 3))
        return torch.stack([torch.full_like(seen, 1.0), 2 * seen], 1)


def test_an_eye_for_the_finest_grain_is_blinded(tmp_path: Path) -> None:
    stripes, flat = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    stripes[:, ::2] = 255
    flat += 100
    images = image_set(np.stack([stripes, flat] * 8), [1, 0] * 8)
    model: ImageModel = seen_by(EdgeEye(), SIZE)
    run = examined(model, images, [Clean(), KernelSmoothing(normalize=(True,))], tmp_path)
    accuracy = {e.at["rho"]: e.value for e in run.estimates.of("accuracy", shown="whole")}
    assert accuracy[0.0] == 1.0
    # weights and neighbours add up to 0 everywhere, so at rho = 1 nothing is left of the kernel
    assert accuracy[1.0] == 0.5
    clean = run.estimates.one("accuracy")
    assert clean is not None
    assert clean.value == 1.0


def test_without_convolutions_it_is_left_out(tmp_path: Path) -> None:
    eye = LinearEye(torch.randn(CLASSES, 3 * SIZE * SIZE, generator=torch.Generator().manual_seed(0)))
    images = image_set(noise_images(6, SIZE), [0, 1, 2, 3, 0, 1])
    run = examined(seen_by(eye, SIZE), images, [Clean(), KernelSmoothing()], tmp_path)
    assert [s["exam"] for s in run.results["skipped"]] == ["kernel_smoothing"]
    assert "cannot be found" in run.results["skipped"][0]["reason"]


@pytest.mark.parametrize("layer", [0, 2])
def test_layers_that_cannot_be_changed_are_a_reason_to_leave_it_out(tmp_path: Path, layer: int) -> None:
    net = Normed().eval()
    if not layer:
        nn.utils.parametrizations.weight_norm(net.first)
        nn.utils.parametrizations.weight_norm(net.later)
    images = image_set(noise_images(6, SIZE), [0, 1, 2, 3, 0, 1])
    run = examined(seen_by(net, SIZE), images, [Clean(), KernelSmoothing(layer=layer)], tmp_path)
    assert [s["exam"] for s in run.results["skipped"]] == ["kernel_smoothing"]
    assert {e.exam for e in run.estimates} == {"clean"}
