"""Steps of a net: all are met, by name, with where their input comes from, and the net is left as it was."""

from __future__ import annotations

import copy

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eyechart.models.layers import Layer, Watch, kind_of, layers_of
from eyechart.models.nets import cifar_resnet20


class Shared(nn.Module):
    """One ReLU module used twice in place, a sum, a functional pool, and a function hidden in a leaf."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.relu, self.leaf = nn.ReLU(inplace=True), Leaf()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.norm(self.conv(x)))
        z = self.relu(self.norm(y) + y)
        return F.avg_pool2d(self.leaf(z), 2).flatten(1)


class Leaf(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x)


def met(net: nn.Module, size: int = 8) -> tuple[Layer, ...]:
    with torch.inference_mode():
        return layers_of(net.eval(), lambda one, n: one(torch.rand(n, 3, size, size)))


def test_each_step_is_met_once_a_call_with_its_source() -> None:
    found = [(layer.name, layer.kind, layer.source) for layer in met(Shared())]
    assert found == [
        ("conv", "convolution", ""),
        ("norm", "norm", "conv"),
        ("relu", "activation", "norm"),
        ("norm:2", "norm", "relu"),
        ("add()", "sum", "norm:2"),
        ("relu:2", "activation", "add()"),
        ("leaf", "other", "relu:2"),
        ("pool()", "pool", "leaf"),
    ]


def test_functions_of_a_residual_net_are_steps() -> None:
    found = {layer.name: layer for layer in met(cifar_resnet20(), 32)}
    assert found["layer2.0.add()"].source == "layer2.0.bn2"
    assert found["layer2.0.relu():2"].source == "layer2.0.add()"
    assert found["layer2.0"].kind == "block"
    assert found["layer3.2.conv2"].shape == (64, 8, 8)
    assert sum(layer.kind == "norm" for layer in found.values()) == 19
    assert sum(layer.kind == "activation" for layer in found.values()) == 19


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "resnet10t", "mobilenetv3_small_050", "convnext_atto"])
def test_nets_of_all_sorts_can_be_watched(name: str) -> None:
    found = met(timm.create_model(name, pretrained=False), 224 if "vit" in name else 64)
    kinds = {layer.kind for layer in found}
    assert {"convolution", "linear", "sum"} <= kinds
    assert "activation" in kinds or "attention" in kinds
    assert len({layer.name for layer in found}) == len(found)


class Turned(nn.Module):
    """A norm that works on the last axis, as in ConvNeXt."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(3, 4, 3), nn.LayerNorm(4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x).permute(0, 2, 3, 1).contiguous())
        return self.act(y.flatten(1, 2).transpose(1, 2).reshape(len(x), 4, 6, 6)).mean((2, 3))


def test_sources_are_known_through_other_shapes() -> None:
    found = {layer.name: layer.source for layer in met(Turned())}
    assert found == {"conv": "", "norm": "conv", "act": "norm"}


def test_what_is_seen_is_the_output_before_it_is_changed_in_place() -> None:
    torch.manual_seed(0)
    net, frames = Shared().eval(), torch.rand(2, 3, 8, 8)
    seen: dict[str, float] = {}
    with torch.inference_mode(), Watch(net, lambda layer, out: seen.update({layer.name: float(out.min())})):
        net(frames)
    assert seen["norm"] < 0 <= seen["relu"]
    with torch.inference_mode():
        wanted = net.norm(net.conv(frames)).min()
    assert seen["norm"] == pytest.approx(float(wanted))


def test_what_is_computed_of_an_output_is_no_step_of_the_net() -> None:
    net, names = cifar_resnet20().eval(), []

    def look(layer: Layer, output: Tensor) -> None:
        names.append(layer.name)
        F.relu(output + output)

    with torch.inference_mode(), Watch(net, look):
        net(torch.rand(1, 3, 32, 32))
    assert names == [layer.name for layer in met(cifar_resnet20(), 32)]


def test_the_net_is_left_as_it_was() -> None:
    net = Shared().eval()
    frames = torch.rand(2, 3, 8, 8)
    with torch.inference_mode():
        before = net(frames)
        met(net)
        torch.testing.assert_close(net(frames), before, rtol=0, atol=0)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_hooks_go_even_where_the_net_fails_and_it_has_no_layers_then() -> None:
    net = Shared().eval()
    assert layers_of(net, lambda one, n: one(torch.rand(n, 4, 8, 8))) == ()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_scripted_parts_are_hidden_and_the_rest_is_met() -> None:
    """A copy of a traced module takes no hooks."""
    traced = torch.jit.trace(nn.ReLU(), torch.rand(1, 3, 6, 6))
    net = copy.deepcopy(nn.Sequential(nn.Conv2d(3, 3, 3), traced, nn.Conv2d(3, 3, 1)))
    assert [layer.name for layer in met(net)] == ["0", "2"]


def test_kinds_go_by_class() -> None:
    assert kind_of(nn.BatchNorm2d(2)) == "norm"
    assert kind_of(nn.Sequential(nn.ReLU())) == "block"
    assert kind_of(nn.MultiheadAttention(4, 2)) == "attention"
    assert kind_of(nn.Dropout()) == "other"
