"""The law of the a-trous twin: every S-th place of r2 is r."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from eyechart.models.atrous import Dense, Twin, centre
from eyechart.models.geometry import geometry_of
from eyechart.models.layers import Layer, Watch
from eyechart.models.nets import ResNet4b, cifar_resnet20, cnn_a

TIGHT = 1e-5


def own_maps(net: nn.Module, frames: Tensor) -> dict[str, Tensor]:
    kept: dict[str, Tensor] = {}
    with torch.no_grad(), Watch(net, lambda layer, output: kept.update({layer.name: output.clone()})):
        net(frames.clone())
    return kept


def dense_maps(net: nn.Module, frames: Tensor, names: list[str], **more: int) -> tuple[dict[str, Dense], Twin]:
    kept: dict[str, Dense] = {}

    def keep(layer: Layer, dense: Dense) -> None:
        kept[layer.name] = Dense(dense.values.clone(), dense.stride, dense.before, dense.before_stride)

    twin = Twin(net, **more)
    twin.show(frames, names, keep)
    return kept, twin


def settled(net: nn.Module, seed: int = 0) -> nn.Module:
    """Weights that keep maps alive, and statistics of BatchNorm that do something."""
    chance = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            fan = module.weight[0].numel()
            module.weight.data = torch.randn(module.weight.shape, generator=chance) * (2 / fan) ** 0.5
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(0.1 * torch.randn(module.num_features, generator=chance))
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=chance))
    return net.eval()


def assert_law(net: nn.Module, size: tuple[int, int], most: int = 100, dtype: torch.dtype = torch.float32) -> None:
    """r2[::S] = r for every followed layer, by an independent pass; ``most``: layers that are looked at, evenly."""
    torch.manual_seed(1)
    frames = torch.randn(1, 3, *size, dtype=dtype)
    places = {x.name: x for x in geometry_of(net, size) if x.stride and len(x.shape) == 3}
    names = list(places)[:: max(1, len(places) // most)] + list(places)[-1:]
    own, (dense, twin) = own_maps(net, frames), dense_maps(net, frames, names)
    assert not twin.reasons
    assert set(dense) == set(names)
    strides = set()
    for name, found in dense.items():
        assert found.stride == places[name].stride
        wanted = own[name] if found.values.shape[1] == own[name].shape[1] else own[name].movedim(-1, 1)
        mine = found.values[:, :, :: found.stride[0], :: found.stride[1]]
        assert mine.shape == wanted.shape, name
        error = float((mine - wanted).norm() / wanted.norm().clamp_min(1e-30))
        assert error < (1e-10 if dtype == torch.float64 else TIGHT), (name, error)
        assert twin.errors[name] < TIGHT
        strides.add(found.stride)
    assert len(strides) > 1


class Everything(nn.Module):
    """One of each step that has a rule of its own."""

    def __init__(self, mode: str = "zeros") -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 5, 2, 2, padding_mode=mode)
        self.norm, self.act = nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.depthwise = nn.Conv2d(8, 8, 3, 1, 1, groups=8, padding_mode=mode)
        self.grouped = nn.Conv2d(8, 12, 3, 2, 1, groups=4, dilation=2, padding_mode=mode)
        self.same = nn.Conv2d(12, 12, (2, 4), padding="same", padding_mode=mode)
        self.max, self.averages = nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 1, 1)
        self.uncounted = nn.AvgPool2d(2, 2, 1, count_include_pad=False)
        self.squeeze, self.norm_last = nn.Conv2d(12, 12, 1), nn.LayerNorm(12)
        self.mix, self.tall = nn.Linear(12, 12), nn.Conv2d(12, 6, (3, 1), (2, 1), (1, 0))

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.stem(x)))
        x = F.silu(x + self.depthwise(x))
        x = self.averages(self.same(self.grouped(x)))
        x = x * torch.sigmoid(self.squeeze(x.mean((2, 3), keepdim=True)))
        a, b = x.chunk(2, dim=1)
        x = torch.cat([b, a], 1)
        n, c, h, w = x.size()
        x = x.view(n, 3, c // 3, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        x = self.mix(F.gelu(self.norm_last(x.permute(0, 2, 3, 1)))).permute(0, 3, 1, 2)
        x = F.pad(x, (0, 1, 0, 1))
        x = self.max(x) + 1
        x = F.pad(self.tall(x)[:, :, 1:], (1, 1, 2, 0), mode="replicate") - 0.1
        return self.tall_end(x).mean((2, 3))

    def tall_end(self, x: Tensor) -> Tensor:
        return F.hardtanh(F.pad(x[..., ::2], (0, 0, 0, 0, 1, 2)), -3, 3)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("size", [(72, 72), (75, 90)])
def test_every_kind_of_step_obeys_the_law(mode: str, size: tuple[int, int]) -> None:
    assert_law(settled(Everything(mode)).double(), size, dtype=torch.float64)


class Pools(nn.Module):
    def __init__(self, **settings: object) -> None:
        super().__init__()
        self.conv, self.pool = nn.Conv2d(3, 4, 3, 2), nn.AvgPool2d(3, 2, **settings)  # type: ignore[arg-type]
        self.max, self.last = nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d((2, 3), (2, 1), (0, 1), ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.max(self.pool(self.conv(x))))


@pytest.mark.parametrize("size", [(57, 57), (58, 60), (59, 61), (60, 63), (61, 58), (62, 65), (64, 64)])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"ceil_mode": True},
        {"ceil_mode": True, "padding": 1},
        {"ceil_mode": True, "padding": 1, "count_include_pad": False},
        {"padding": 1, "divisor_override": 5},
    ],
    ids=str,
)
def test_pools_round_as_torch_does(size: tuple[int, int], settings: dict[str, object]) -> None:
    assert_law(settled(Pools(**settings)).double(), size, dtype=torch.float64)


@pytest.mark.parametrize("build", [cifar_resnet20, ResNet4b, cnn_a])
def test_our_own_nets_obey_the_law(build: Callable[[], nn.Module]) -> None:
    assert_law(settled(build()), (32, 32))


@pytest.mark.parametrize(
    ("name", "size"), [("squeezenet1_1", 63), ("shufflenet_v2_x0_5", 64), ("mobilenet_v3_small", 64)]
)
def test_a_few_families_obey_the_law(name: str, size: int) -> None:
    assert_law(settled(torchvision.models.get_model(name)), (size, size), most=20)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *(
            "alexnet",
            "vgg11",
            "vgg16_bn",
            "resnet18",
            "resnet50",
            "resnext50_32x4d",
            "squeezenet1_0",
        ),
        *("densenet121", "mobilenet_v2", "mobilenet_v3_large", "mnasnet1_0", "efficientnet_b0", "efficientnet_v2_s"),
        *("regnet_y_400mf", "regnet_x_400mf", "googlenet", "inception_v3", "shufflenet_v2_x1_0", "convnext_tiny"),
    ],
)
def test_families_obey_the_law(name: str) -> None:
    more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    size = {"inception_v3": 96, "alexnet": 96}.get(name, 80)
    net = settled(
        torchvision.models.get_model(name, **more)
    ).double()  # float32 rounds to some 1e-5 in the deepest of them
    assert_law(net, (size, size), most=12, dtype=torch.float64)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["resnet10t", "tf_efficientnet_b0", "mobilenetv3_small_050", "convnext_atto", "resnetv2_50"]
)
def test_timm_families_obey_the_law(name: str) -> None:
    """Anti-aliased shortcuts, TensorFlow padding, norms with activations."""
    net = settled(timm.create_model(name, pretrained=False)).double()
    assert_law(net, (80, 80), most=12, dtype=torch.float64)


def test_a_circular_twin_is_the_net_at_every_shift() -> None:
    """At phase (i, j) of a circular net r2 is r of the picture moved by (-i, -j)."""
    torch.manual_seed(2)
    net = settled(
        nn.Sequential(
            nn.Conv2d(3, 4, 3, 2, 1, padding_mode="circular"),
            nn.ReLU(),
            nn.Conv2d(4, 4, 3, 2, 1, padding_mode="circular"),
        )
    ).double()
    frames = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    dense = dense_maps(net, frames, ["2"])[0]["2"].values
    for i, j in ((0, 0), (1, 0), (3, 2), (2, 3)):
        moved = net(torch.roll(frames, (-i, -j), (2, 3)))
        torch.testing.assert_close(dense[:, :, i::4, j::4], moved.detach())


def test_the_map_before_a_stride_is_given() -> None:
    net, frames = settled(cifar_resnet20()), torch.rand(2, 3, 32, 32)
    dense, _ = dense_maps(net, frames, ["layer1.2.relu():2", "layer2.0.conv1", "layer2.0.conv2"])
    torch.testing.assert_close(dense["layer2.0.conv1"].before, dense["layer1.2.relu():2"].values)
    assert dense["layer2.0.conv1"].before_stride == (1, 1)
    assert dense["layer2.0.conv2"].before is None


def test_what_changes_a_map_in_place_does_not_sample_it() -> None:
    net = settled(nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1)))
    assert [layer.sampled_from for layer in geometry_of(net, (16, 16))] == [(1, 1), None, None]
    dense, _ = dense_maps(net, torch.rand(1, 3, 16, 16), ["0", "1"])
    assert dense["0"].before is not None
    assert dense["1"].before is None


def test_the_net_is_shared_and_stays_as_it_is() -> None:
    net, frames = settled(cifar_resnet20()), torch.rand(1, 3, 32, 32)
    before, wanted = frames.clone(), net(frames).detach()
    dense_maps(net, frames, ["layer3.2.relu():2"])
    torch.testing.assert_close(frames, before, rtol=0, atol=0)
    torch.testing.assert_close(net(frames).detach(), wanted, rtol=0, atol=0)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_ends_have_reasons() -> None:
    net = settled(cifar_resnet20())
    frames = torch.rand(1, 3, 32, 32)
    dense, twin = dense_maps(net, frames, ["layer3.2.relu():2", "linear"])
    assert set(dense) == {"layer3.2.relu():2"}
    assert "mean()" in twin.reasons["linear"]
    dense, twin = dense_maps(net, frames, ["layer2.0.conv1", "layer3.0.conv1"], most_bytes=4 * 16 * 32 * 32)
    assert not dense
    assert "MB" in twin.reasons["layer2.0.conv1"]
    assert "MB" in twin.reasons["layer3.0.conv1"]


class Lying(nn.Module):
    """Adds a mean that it takes behind the back of whoever follows: of all places, not of those that it keeps.

    To frames whose maps are brighter than ``above``, on average.
    """

    def __init__(self, above: float = -torch.inf) -> None:
        super().__init__()
        self.above = above
        self.conv, self.rest = nn.Conv2d(3, 3, 3, 2, 1), nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        with torch._C.DisableTorchFunctionSubclass():
            mean = y.as_subclass(Tensor).mean((1, 2, 3), keepdim=True)
        return self.rest(y + mean * (mean > self.above))


def test_a_layer_that_is_not_proved_is_not_shown() -> None:
    dense, twin = dense_maps(settled(Lying()), torch.rand(1, 3, 16, 16), ["conv", "rest"])
    assert set(dense) == {"conv"}
    assert "not what the net has" in twin.reasons["rest"]


def test_every_frame_is_proved() -> None:
    """Whichever comes first, those that are not are NaN."""
    net = settled(Lying(above=0.5))
    net.conv.weight.data.abs_()
    net.conv.bias.data.zero_()
    for order in ([0, 1, 2], [1, 0, 2]):
        frames = torch.rand(3, 3, 16, 16) * torch.tensor([0.01, 1.0, 0.01])[order, None, None, None]
        dense, twin = dense_maps(net, frames, ["rest"])
        lost = dense["rest"].values.isnan().flatten(1)
        assert lost.all(1).tolist() == lost.any(1).tolist() == [k == 1 for k in order]
        assert "not what the net has" in twin.reasons["rest"]
        assert twin.errors["rest"] < TIGHT


class OneSize(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, 4)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != 160:
            raise ValueError("wants 160")
        return self.conv(x)


def test_a_net_of_one_size_is_shown_all_of_the_frame() -> None:
    net, frames = settled(OneSize()), torch.rand(1, 3, 160, 160)
    dense, twin = dense_maps(net, frames, ["conv"])
    assert dense["conv"].values.shape[-2:] == (158, 158)
    assert not twin.reasons


def test_large_frames_are_cut_to_their_centre() -> None:
    frames = torch.arange(200.0).expand(1, 3, 150, 200)
    assert centre(frames).shape == (1, 3, 128, 128)
    assert float(centre(frames)[0, 0, 0, 0]) == 36
    assert centre(frames[..., :90]).shape == (1, 3, 128, 90)
