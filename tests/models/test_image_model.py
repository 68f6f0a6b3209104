"""The frozen form: answers checked, the user's module untouched, one fingerprint per model."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.errors import ClassMapError, ModelOutputError, SettingError
from eyechart.models.image_model import ImageModel
from eyechart.models.load import wrap
from eyechart.models.nets import cifar_resnet20
from eyechart.models.preprocessing import Preprocessing

SEEN = Preprocessing(size=(8, 8), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25))


class Says(nn.Module):
    """Two linear scores of the mean colour, handed to ``form``."""

    def __init__(self, form: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.form = form
        self.fc = nn.Linear(3, 4)
        with torch.no_grad():
            self.fc.weight.copy_(torch.arange(12.0).view(4, 3) / 5)
            self.fc.bias.fill_(1.0)

    def forward(self, x: Tensor) -> object:
        return self.form(self.fc(x.mean((2, 3))))


def refused(form: Callable[[Tensor], object], **options: object) -> ModelOutputError:
    with pytest.raises(ModelOutputError) as caught:
        wrap(Says(form), preprocessing=SEEN, name="mine", **options)
    assert caught.value.exit_code == 2
    assert caught.value.setting in str(caught.value)
    assert str(caught.value.value) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.way_out
    return caught.value


@pytest.mark.parametrize(
    "form",
    [
        lambda z: z,
        lambda z: (z, z.mean()),
        lambda z: {"logits": z, "loss": z.mean()},
        lambda z: {"scores": z},
        lambda z: SimpleNamespace(logits=z),
        lambda z: z.double(),
        lambda z: z.half(),
    ],
)
def test_answers_are_unwrapped(form: Callable[[Tensor], object]) -> None:
    model = wrap(Says(form), preprocessing=SEEN)
    rows = model(torch.rand(5, 3, 8, 8))
    assert (rows.shape, rows.dtype, model.kind, model.n_outputs) == ((5, 4), torch.float32, "logits", 4)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (lambda z: None, "NoneType"),
        (lambda z: {"a": z, "b": z}, "keys a, b"),
        (lambda z: z[:, :, None, None], r"(4, 4, 1, 1)"),
        (lambda z: z[:1], r"(1, 4)"),
        (lambda z: z.mean(), "shape ()"),
        (lambda z: z.argmax(1), "shape"),
        (lambda z: z.argmax(1, keepdim=True), "int64"),
        (lambda z: z * float("nan"), "16 of 16"),
        (lambda z: z / torch.zeros(4), "16 of 16"),
        (lambda z: z[:, :1], r"(4, 1)"),
        (lambda z: z[:, :0], r"(4, 0)"),
        (lambda z: z.reshape(3, 99), "mine"),
    ],
)
def test_unusable_answers(form: Callable[[Tensor], object], says: str) -> None:
    error = refused(form)
    assert error.setting.startswith("model")
    assert says in str(error)


def test_a_frame_size_the_net_cannot_take() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 9 * 9, 4))
    with pytest.raises(ModelOutputError, match=r"\(4, 3, 8, 8\).*--preprocess"):
        wrap(net, preprocessing=SEEN)


def test_a_net_that_takes_a_gradient_before_it_answers_is_told_how_it_may() -> None:
    class Stepping(Says):
        def forward(self, x: Tensor) -> object:
            with torch.enable_grad():
                start = x.detach().clone().requires_grad_()
                (slope,) = torch.autograd.grad(self.fc(start.mean((2, 3))).sum(), start)
            return self.fc((x - 0.1 * slope).mean((2, 3)))

    class Leaving(Stepping):
        def forward(self, x: Tensor) -> object:
            with torch.inference_mode(False):
                return super().forward(x.clone())

    with pytest.raises(ModelOutputError, match=r"asks for derivatives while it answers.*inference_mode\(False\)"):
        wrap(Stepping(lambda z: z), preprocessing=SEEN)
    assert wrap(Leaving(lambda z: z), preprocessing=SEEN).n_outputs == 4


def test_probabilities_are_noticed_and_become_log_p() -> None:
    model = wrap(Says(lambda z: z.softmax(1)), preprocessing=SEEN)
    assert model.outputs == "probabilities"
    assert any("probabilities" in remark for remark in model.remarks)
    frames = torch.randn(3, 3, 8, 8)
    plain = wrap(Says(lambda z: z), preprocessing=SEEN, outputs="logits")
    torch.testing.assert_close(model.forward(frames), plain.forward(frames).log_softmax(1))


def test_a_probability_of_zero_stays_finite() -> None:
    model = wrap(Says(lambda z: nn.functional.one_hot(z.argmax(1), 4).float()), preprocessing=SEEN)
    rows = model(torch.rand(3, 3, 8, 8))
    assert model.outputs == "probabilities"
    assert bool(torch.isfinite(rows).all())
    assert float(rows.min()) == pytest.approx(-87.336544)


def test_contradicted_announcements() -> None:
    assert "--outputs probabilities" in refused(lambda z: z.softmax(1), outputs="logits").way_out
    assert "--outputs logits" in refused(lambda z: z, outputs="probabilities").way_out
    assert "sum" in str(refused(lambda z: z.sigmoid(), outputs="probabilities"))


def test_embedding() -> None:
    model = wrap(Says(lambda z: z[:, :1]), preprocessing=SEEN, outputs="embedding")
    assert (model.kind, model.outputs, model.n_outputs) == ("embedding", "embedding", 1)
    assert wrap(Says(lambda z: z.softmax(1)), preprocessing=SEEN, outputs="embedding").outputs == "embedding"


def test_chance_in_eval_mode_is_remarked() -> None:
    model = wrap(Says(lambda z: nn.functional.dropout(z, 0.5, True)), preprocessing=SEEN)
    assert any("not deterministic" in remark for remark in model.remarks)


def test_answers_that_depend_on_the_batch_are_remarked() -> None:
    model = wrap(Says(lambda z: z - z.mean(0)), preprocessing=SEEN)
    assert any("other images of its batch" in remark for remark in model.remarks)


def test_code_that_views_strided_memory_still_runs() -> None:
    class Viewing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(144, 5)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return self.fc(y.view(y.size(0), -1))

    net = Viewing().eval()
    model = wrap(net, preprocessing=SEEN)
    frames = torch.randn(2, 3, 8, 8)
    assert not model.channels_last
    assert any("contiguous" in remark for remark in model.remarks)
    wanted = net(frames).detach()
    torch.testing.assert_close(model.forward(frames.contiguous(memory_format=torch.channels_last)), wanted)


def test_class_names_must_match() -> None:
    model = wrap(Says(lambda z: z), preprocessing=SEEN, class_names=("a", "b", "c", "d"))
    assert model.class_names == ("a", "b", "c", "d")
    with pytest.raises(ClassMapError, match="3 class names are given for 4 outputs"):
        wrap(Says(lambda z: z), preprocessing=SEEN, class_names=("a", "b", "c"))


def test_bad_device_and_bad_module() -> None:
    with pytest.raises(SettingError, match="--device"):
        wrap(Says(lambda z: z), preprocessing=SEEN, device="abacus")
    with pytest.raises(SettingError, match="not a model"):
        wrap(lambda x: x, preprocessing=SEEN)  # type: ignore[arg-type]


def test_the_module_is_handed_back_untouched(shake: Callable[[nn.Module], nn.Module]) -> None:
    net = shake(cifar_resnet20()).train()
    net.layer1[0].eval()
    net.conv1.weight.requires_grad_(False)
    seen: list[int] = []
    net.linear.register_forward_hook(lambda *_: seen.append(1))
    net(torch.randn(4, 3, 8, 8)).sum().backward()
    before = copy.deepcopy(net.state_dict())
    grads = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    facts = [(n, m.training, len(m._forward_hooks), type(m)) for n, m in net.named_modules()]
    memory = {name: (p.stride(), p.requires_grad, p.data_ptr()) for name, p in net.named_parameters()}
    pixels = torch.rand(2, 3, 8, 8)
    states = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())

    model = wrap(net, preprocessing=SEEN)
    model(pixels)

    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert {name for name, p in net.named_parameters() if p.grad is not None} == set(grads)
    assert all(torch.equal(p.grad, grads[name]) for name, p in net.named_parameters() if name in grads)
    assert facts == [(n, m.training, len(m._forward_hooks), type(m)) for n, m in net.named_modules()]
    assert memory == {name: (p.stride(), p.requires_grad, p.data_ptr()) for name, p in net.named_parameters()}
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()
    assert random.getstate() == states[2]
    assert not any(m.training for m in model.net.modules())
    assert not any(p.requires_grad for p in model.net.parameters())
    shared_memory = {p.data_ptr() for p in net.parameters()} & {p.data_ptr() for p in model.net.parameters()}
    assert not shared_memory


def test_gradients_with_respect_to_the_frames() -> None:
    model = wrap(cifar_resnet20(), preprocessing=SEEN)
    frames = torch.randn(2, 3, 8, 8).requires_grad_()
    model.forward(frames).sum().backward()
    assert frames.grad is not None
    assert float(frames.grad.abs().sum()) > 0
    assert model(torch.rand(2, 3, 8, 8)).is_inference()


def of(net: nn.Module, **options: object) -> ImageModel:
    return wrap(net, preprocessing=SEEN, **options)


def test_fingerprint(shake: Callable[[nn.Module], nn.Module]) -> None:
    net = shake(cifar_resnet20())
    first = of(net).fingerprint
    assert len(first) == 32
    assert of(copy.deepcopy(net).eval()).fingerprint == first
    assert of(copy.deepcopy(net).to(memory_format=torch.channels_last)).fingerprint == first
    unfolded = copy.deepcopy(net)
    for layer in unfolded.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(lambda *_: None)
    assert any("not folded" in remark for remark in of(unfolded).remarks)
    assert of(unfolded).fingerprint == first  # folding is no part of it
    assert of(net, outputs="embedding").fingerprint != first
    with torch.no_grad():
        net.linear.bias[3] += 1e-6
    assert of(net).fingerprint != first


def test_fingerprint_sees_structure_without_weights() -> None:
    def eye(stride: int) -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3, stride), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    assert of(eye(1)).fingerprint == of(eye(1)).fingerprint != of(eye(2)).fingerprint


def test_half_precision_and_wrappers() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).half()
    model = of(nn.DataParallel(net))
    assert any("float16" in remark for remark in model.remarks)
    assert model(torch.rand(2, 3, 8, 8)).dtype == torch.float32
    assert next(net.parameters()).dtype == torch.float16
    assert type(model.net) is nn.Sequential


def test_a_net_that_writes_into_its_input() -> None:
    class Writing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(x.sub_(1.0).mean((2, 3)))

    model = of(Writing())
    pixels = torch.rand(2, 3, 8, 8)
    assert torch.equal(model(pixels), model(pixels))
    assert model.remarks == ()


def test_bytes_and_reals_get_the_same_answer() -> None:
    model = of(cifar_resnet20())
    pixels = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(model(pixels), model(pixels.float() / 255), rtol=1e-5, atol=1e-5)
