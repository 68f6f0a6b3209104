"""Strides and receptive fields against what moves when single pixels change, and known nets."""

from __future__ import annotations

from itertools import pairwise

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from eyechart.errors import UnknownNameError
from eyechart.models.atrous import Twin
from eyechart.models.geometry import LayerGeometry, geometry_of, geometry_with
from eyechart.models.layers import Layer, Watch
from eyechart.models.nets import ResNet4b, cifar_resnet20, cnn_a
from eyechart.models.stages import named, spread, stages


def by_name(net: nn.Module, size: int | tuple[int, int], channels: int = 3) -> dict[str, LayerGeometry]:
    frame = (size, size) if isinstance(size, int) else size
    return {layer.name: layer for layer in geometry_of(net, frame, channels)}


class Odd(nn.Module):
    """Unequal kernels, strides and padding, dilation, "same", reflection, slices, and a pool that rounds up."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 4, (3, 5), (1, 2), (1, 2))
        self.two = nn.Conv2d(4, 4, 4, padding="same", dilation=(1, 2), groups=2)
        self.three = nn.Conv2d(4, 4, 3, 2, 1, padding_mode="reflect")
        self.pool, self.last = nn.AvgPool2d(3, 2, ceil_mode=True), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.three(self.two(self.one(x)).relu())
        x = F.pad(x, (1, 0, 2, 0))
        return self.last(self.pool(x[:, :, 1::2]))


def seen_pixels(net: nn.Module, size: tuple[int, int], name: str, unit: tuple[int, int]) -> tuple[range, range]:
    """Rows and columns of the pixels that a unit's gradient reaches."""
    frame, kept = torch.rand(1, 3, *size, dtype=torch.float64, requires_grad=True), {}
    with Watch(net, lambda layer, output: kept.update({layer.name: output})):
        net(frame)
    kept[name][0, :, unit[0], unit[1]].sum().backward()
    reached = frame.grad[0].abs().sum(0) > 0  # type: ignore[index]
    return tuple(range(int(r.nonzero()[0]), int(r.nonzero()[-1]) + 1) for r in (reached.any(1), reached.any(0)))  # type: ignore[return-value]


@pytest.mark.parametrize("build", ["Odd", "Averaging", "cifar_resnet20"], ids=["odd", "averaging", "resnet20"])
def test_fields_are_what_gradients_reach(build: str) -> None:
    torch.manual_seed(0)
    net = globals()[build]().double().eval()
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data.abs_()  # so that nothing cancels and ReLU lets all through
    size = (96, 128)
    for name, layer in by_name(net, size).items():
        if layer.stride is None or layer.receptive_field is None or layer.start is None or len(layer.shape) != 3:
            continue
        for axis in (0, 1):
            if layer.receptive_field[axis] > size[axis] // 2:
                continue
            unit = [layer.shape[1] // 2, layer.shape[2] // 2]
            first = layer.start[axis] + unit[axis] * layer.stride[axis]
            reached = seen_pixels(net, size, name, (unit[0], unit[1]))[axis]
            assert (reached.start, reached.stop) == (first, first + layer.receptive_field[axis]), (name, axis)


class Averaging(nn.Module):
    """Average pools and branches that see unequal parts."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.wide = nn.AvgPool2d(3, 2, 1), nn.Conv2d(3, 3, 7, padding=3)
        self.down, self.across = nn.Conv2d(3, 3, 3, 2, 1), nn.Conv2d(3, 3, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.pool(x)
        y = torch.cat([self.wide(y), y], 1)[:, 1:4]
        return self.down(y) + self.across(y)


def test_known_nets() -> None:
    small = by_name(cifar_resnet20(), 32)
    assert [small[n].stride for n in ("conv1", "layer2.0.conv1", "layer3.2.relu():2")] == [(1, 1), (2, 2), (4, 4)]
    assert small["layer2.0.conv1"].sampled_from == (1, 1)
    assert small["layer2.0.conv2"].sampled_from is None
    assert small["linear"].stride is None
    assert "mean" in small["linear"].reason
    resnet = by_name(torchvision.models.resnet18(), 64)
    assert resnet["conv1"].receptive_field == (7, 7)
    assert resnet["maxpool"].receptive_field == (11, 11)
    assert resnet["layer1.0.conv1"].receptive_field == (19, 19)
    assert resnet["layer4.1.relu:2"].stride == (32, 32)
    assert resnet["layer4.1.relu:2"].receptive_field == (435, 435)  # Araujo et al., Distill 2019
    assert by_name(torchvision.models.vgg16(), 64)["features.30"].receptive_field == (212, 212)  # as there
    robust = [by_name(net, 32) for net in (ResNet4b(), cnn_a())]
    assert [robust[0]["layer2.1.relu():2"].stride, robust[1]["3"].stride] == [(8, 8), (4, 4)]


def test_gates_see_the_whole_frame_beside_the_field() -> None:
    found = by_name(torchvision.models.efficientnet_b0(), 64)
    gated = [layer.name for layer in found.values() if layer.context]
    assert "features.1.0.block.2" in gated  # after the first squeeze-excite
    assert "features.0.0" not in gated
    assert found["features.8.2"].stride == (32, 32)


class Sized(nn.Module):
    """Takes one size only, and looks at it with a loop and a branch that depend on it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 2, 3, 2), nn.Linear(2 * 7 * 7, 3)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] != 15 or float(x.mean()) > 2:
            raise ValueError("15 pixels wanted")
        for _ in range(x.shape[0]):
            y = self.conv(x)
        return self.head(y.reshape(y.size(0), -1))


def test_code_that_cannot_be_traced_can_be_followed() -> None:
    found = by_name(Sized(), 15, channels=1)
    assert found["conv"].stride == (2, 2)
    assert found["head"].stride is None
    assert "reshape" in found["head"].reason


class Hidden(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, 2)
        self.within = torch.jit.trace(nn.Conv2d(3, 3, 3), torch.rand(1, 3, 15, 15))
        self.after = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.within(self.first(x)))


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_what_is_hidden_is_said() -> None:
    found = by_name(Hidden(), 31)
    assert found["first"].stride == (2, 2)
    assert found["after"].stride is None
    assert found["after"].reason


def test_transformers_and_upsampling_end_with_a_reason() -> None:
    vit = by_name(timm.create_model("vit_tiny_patch16_224", pretrained=False), 224)
    assert vit["patch_embed.proj"].stride == (16, 16)
    assert vit["blocks.0.attn.qkv"].reason
    up = by_name(nn.Sequential(nn.Conv2d(3, 3, 3, 2), nn.Upsample(scale_factor=2), nn.ReLU()), 32)
    assert up["0"].stride == (2, 2)
    assert "interpolate" in up["2"].reason


def test_the_net_stays_as_it_was() -> None:
    net = cifar_resnet20().train()
    net.layer1.eval()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    assert by_name(net, 32)
    assert net.training
    assert not net.layer1.training
    assert net.layer2.training
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


class Keeping(nn.Module):
    """Keeps what it was last shown, for its next answer, and counts its answers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 3, 3, 2), None
        self.register_buffer("answers", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        self.answers += 1
        self.last = y if self.last is None else self.last + y
        return self.last


def test_nothing_of_the_walk_stays_in_the_net() -> None:
    net = Keeping().eval()
    assert by_name(net, 16)["conv"].stride == (2, 2)
    Twin(net).show(torch.rand(2, 3, 16, 16), ["conv"], lambda layer, dense: None)
    assert net.last is None
    assert float(net.answers) == 0


class InPlace(nn.Module):
    """Goes on with the tensor that was changed, not with what the change gave back."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.narrow, self.wide, self.after = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 5, padding=2), nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y, z = self.narrow(x), self.wide(x)
        if self.how == "add_":
            y.add_(z)
        elif self.how == "out":
            torch.add(y, z, out=y)
        else:
            y[:, 1:] = z[:, 1:]
        return self.after(y)


def test_a_tensor_that_was_changed_in_place_lies_where_the_change_put_it() -> None:
    assert by_name(InPlace("add_"), 16)["after"].receptive_field == (5, 5)
    assert by_name(InPlace("out"), 16)["after"].receptive_field == (5, 5)
    assert "setitem" in by_name(InPlace("setitem"), 16)["after"].reason


def test_steps_that_one_grey_picture_does_not_take_are_given_with_the_reason() -> None:
    asked = [Layer("conv", "convolution", (2, 7, 7)), Layer("conv:2", "convolution", (2, 7, 7))]
    found = {x.name: x for x in geometry_with(Sized().eval(), torch.zeros(1, 1, 15, 15), asked)}
    assert found["conv"].stride == (2, 2)
    assert "not used" in found["conv:2"].reason
    failed = {x.name: x for x in geometry_with(Sized().eval(), torch.zeros(1, 1, 14, 15), asked)}
    assert "fails on its way there: ValueError: 15 pixels wanted" in failed["conv"].reason


def test_rows_and_columns_lie_on_axes() -> None:
    found = by_name(torchvision.models.convnext_tiny(), 32)
    assert found["features.0.0"].axes == (1, 2)
    assert found["features.1.0.block.2"].axes == (0, 1)  # a norm over channels, which lie last there
    assert found["classifier.2"].axes is None


def test_few_names_are_spread_to_the_last() -> None:
    assert [spread("abcde", most) for most in (0, 1, 2, 3)] == [(), ("e",), ("a", "e"), ("a", "c", "e")]


def test_stages_are_changes_of_stride_and_what_comes_before() -> None:
    found = geometry_of(cifar_resnet20(), (32, 32))
    geometry = {layer.name: layer for layer in found}
    names = stages([_as_layer(place) for place in found], geometry)
    assert names == ("layer1.2.relu():2", "layer2.0.conv1", "layer2.2.relu():2", "layer3.0.conv1", "layer3.2.relu():2")
    depths = [list(geometry).index(name) for name in names]
    assert all(a < b for a, b in pairwise(depths))


def test_patterns_name_layers_in_the_order_of_use() -> None:
    found = geometry_of(cifar_resnet20(), (32, 32))
    geometry = {layer.name: layer for layer in found}
    layers = [_as_layer(place) for place in found]
    assert named(("layer3.?.conv1", "conv1"), layers, geometry, "x") == (
        "conv1",
        *(f"layer3.{i}.conv1" for i in range(3)),
    )
    assert named(("linear",), layers, geometry, "x") == ("linear",)
    with pytest.raises(UnknownNameError, match="convq"):
        named(("convq",), layers, geometry, "x")


def _as_layer(place: LayerGeometry) -> Layer:
    return Layer(place.name, place.kind, place.shape)
