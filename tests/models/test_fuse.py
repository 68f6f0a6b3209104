"""Convolutions with their followers in one kernel: the same answers, and left alone where that cannot be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from eyechart.models.fold import folded
from eyechart.models.fuse import added, available, convolved, fused, with_weights_of
from eyechart.models.image_model import ImageModel
from eyechart.models.nets import CifarResNet
from eyechart.models.preprocessing import Preprocessing

pytestmark = pytest.mark.skipif(not available(), reason="this build of torch has no oneDNN")
FRAMES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)).contiguous(
    memory_format=torch.channels_last
)


class Small(nn.Module):
    """Two convolutions with something between and after them."""

    def __init__(self, after: Callable[[Small, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        """Means of the last maps."""
        return self.after(self, x).mean((2, 3))


def run(net: nn.Module) -> Tensor:
    with torch.no_grad():
        answers: Tensor = net(FRAMES)
    return answers


def steps(net: nn.Module) -> tuple[int, int]:
    """How many convolutions of the twin end in a kernel of their own with a ReLU, and how many with a sum."""
    net = folded(net.eval(), run).net
    twin = fused(net, run)
    if twin is None:
        return 0, 0
    assert torch.allclose(run(twin), run(net), rtol=0, atol=1e-5 * float(run(net).abs().max()))
    kinds = [node.target for node in twin.graph.nodes if node.op == "call_function"]
    return kinds.count(convolved), kinds.count(added)


def test_a_resnet_is_fused_whole() -> None:
    assert steps(CifarResNet(1)) == (4, 3)  # the stem and one of each block; the other with the shortcut
    assert steps(torchvision.models.resnet18(weights=None)) == (9, 8)


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (lambda net, x: net.second(F.relu(net.first(x))).relu_(), (2, 0)),
        (lambda net, x: torch.relu(net.first(x) + 1.0), (0, 0)),
        (lambda net, x: net.second(a := net.first(x)) + a, (0, 1)),
        (lambda net, x: torch.add(a := net.first(x), net.second(a)).relu(), (0, 1)),
        (lambda net, x: F.relu(a := net.first(x)) + a, (0, 0)),  # the map before the ReLU is read, too
        (lambda net, x: net.second(a := net.first(x)) + a.mean((2, 3), keepdim=True), (0, 1)),
        (lambda net, x: net.second(F.relu(a := net.first(x)).mean((2, 3), keepdim=True)) + a, (0, 0)),  # a smaller map
        (lambda net, x: net.second(F.relu(net.first(x)).mean((2, 3), keepdim=True)) + x.mean(), (1, 0)),
        (lambda net, x: F.relu(net.first(x)) if x.sum() > 0 else x, (0, 0)),  # cannot be traced
        (lambda net, x: F.relu(net.first(x)) * torch.rand(()), (0, 0)),  # answers differ from call to call
    ],
)
def test_what_follows_a_convolution(after: Callable[[Small, Tensor], Tensor], found: tuple[int, int]) -> None:
    assert steps(Small(after)) == found


def test_a_sum_in_place_is_taken_only_where_nobody_else_sees_it() -> None:
    def onto_the_convolution(net: Small, x: Tensor) -> Tensor:
        held = net.first(x)
        out = net.second(held)
        out += held
        return F.relu(out)

    def onto_the_other(net: Small, x: Tensor) -> Tensor:
        held = net.first(x)
        kept = held
        held += net.second(held)
        return F.relu(held) + kept

    assert steps(Small(onto_the_convolution)) == (0, 1)
    assert steps(Small(onto_the_other)) == (0, 0)


def test_hooks_and_other_kinds_of_convolutions_are_kept() -> None:
    net = Small(lambda net, x: net.second(F.relu(net.first(x))).relu())
    net.first.register_forward_hook(lambda *_: None)
    assert steps(net) == (1, 0)
    net = Small(lambda net, x: F.relu(net.first(x)))
    net.first.padding_mode = "circular"
    assert steps(net) == (0, 0)


def test_a_net_that_keeps_what_it_is_shown_is_not_handed_stand_ins() -> None:
    def keeping(net: Small, x: Tensor) -> Tensor:
        net.seen = x
        return F.relu(net.first(x))

    net = Small(keeping)
    assert steps(net) == (1, 0)
    assert type(net.seen) is Tensor


def test_the_twin_shares_its_weights() -> None:
    net = folded(CifarResNet(1).eval(), run).net
    twin = fused(net, run)
    assert twin is not None
    with torch.no_grad():
        net.conv1.weight.mul_(2.0)
        net.linear.bias.add_(1.0)
    assert torch.allclose(run(twin), run(net), atol=1e-4)
    other = folded(CifarResNet(1).eval(), run).net
    assert torch.allclose(run(with_weights_of(other, twin.graph)), run(other), atol=1e-4)


def test_a_model_answers_by_its_twin_and_has_gradients_all_the_same() -> None:
    torch.manual_seed(0)
    model = ImageModel.of(CifarResNet(1), Preprocessing(size=(32, 32), mean=(0.5,) * 3, std=(0.5,) * 3), name="a net")
    assert model.quick is not None
    frames = FRAMES.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.forward(frames).sum(), frames)
    assert float(gradient.abs().max()) > 0
    with torch.inference_mode():
        assert torch.allclose(model.forward(FRAMES), model.net(FRAMES), atol=1e-5)
    other = folded(CifarResNet(1).eval(), run).net
    with torch.inference_mode():
        assert torch.allclose(model.with_net(other).forward(FRAMES), other(FRAMES), atol=1e-4)


def test_a_net_that_keeps_what_it_made_of_its_weights_is_asked_itself() -> None:
    def scaled(net: Small, x: Tensor) -> Tensor:
        if not hasattr(net, "scale"):
            net.scale = net.first.weight.detach().abs().mean()
        return F.relu(net.first(x)) / net.scale

    net = Small(scaled)
    run(net)
    assert steps(net) == (0, 0)
