"""Less subsampling: in a circular net with a global mean it equals averaging over the phases that it frees."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torchvision.models import get_model_builder

from eyechart.core.remedy import Patient
from eyechart.errors import SettingError
from eyechart.models.nets import CifarResNet
from eyechart.models.preprocessing import Preprocessing
from eyechart.models.statistics import settle
from eyechart.remedies.dense_stride import DenseStride
from eyechart.remedies.phase_average import PhaseAverage


def frames(n: int, size: int) -> Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def seen(size: int) -> Preprocessing:
    return Preprocessing(size=(size, size), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


class Kinds(nn.Module):
    """Convolutions with and without strides, an average pool and a slice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1)
        self.third, self.short, self.head = nn.Conv2d(8, 8, 3, 2, 1), nn.Conv2d(8, 8, 1), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).relu()
        x = self.second(x).relu()
        x = self.third(x).relu() + self.short(x[..., ::2, ::2])
        return self.head(x.relu().mean((2, 3)))


def wrap(net: nn.Module) -> None:
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            m.padding_mode = "circular"


def circular(build: Callable[[], nn.Module], size: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = build().eval().double()
    wrap(net)
    settle(net, frames(16, size))
    return net


@pytest.mark.parametrize("build", [lambda: CifarResNet(1), Kinds], ids=["resnet", "kinds"])
def test_it_is_the_mean_over_the_phases(build: Callable[[], nn.Module]) -> None:
    net = circular(build, 16)
    x = frames(2, 16)
    with torch.no_grad():
        for steps, period, grid in ((1, 4, 2), (2, 4, 4)):
            dense = DenseStride(steps=steps).treat(Patient(copy.deepcopy(net), seen(16), x))
            # the last stride of 2 leaves out every second place of a map whose places lie 2 pixels apart
            mean = PhaseAverage(grid=grid, period=period).treat(Patient(net, seen(16))).net
            torch.testing.assert_close(dense.net(x), mean(x), rtol=0, atol=1e-12)
            assert list(dense.net.state_dict()) == list(net.state_dict())
        still, moved = dense.net(x), dense.net(x.roll((1, 3), (2, 3)))
        torch.testing.assert_close(still, moved, rtol=0, atol=1e-12)
        assert float((net(x) - net(x.roll((1, 3), (2, 3)))).abs().max()) > 1e-3


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v3_small", "densenet121"])
def test_nets_of_torchvision(name: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = get_model_builder(name)(weights=None, num_classes=5).eval()
    x = frames(1, 64).float()
    found = DenseStride().treat(Patient(copy.deepcopy(net), seen(64)))
    assert found.done
    with torch.no_grad():
        assert found.net(x).shape == net(x).shape


def test_windows_of_unlike_widths_are_joined() -> None:
    """A pool of 2 and a convolution of 3 leave dense maps of unlike sizes; every second place is still the strided net's."""

    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.pool = nn.Conv2d(3, 3, 3, 2, 1), nn.AvgPool2d(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.down(x) + self.pool(x)

    net, x = Joined().eval(), frames(1, 16).float()
    with torch.no_grad():
        dense = DenseStride().treat(Patient(copy.deepcopy(net), seen(16))).net(x)
        torch.testing.assert_close(dense[..., ::2, ::2], net(x))
        assert dense.shape[2:] == (15, 15)


def test_a_pool_called_as_a_function_is_spread() -> None:
    class Called(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.Conv2d(3, 4, 3, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.avg_pool2d(self.down(x).relu(), 3, 1, 1)

    net, x = Called().eval(), frames(1, 16).float()
    with torch.no_grad():
        dense = DenseStride().treat(Patient(copy.deepcopy(net), seen(16))).net(x)
        torch.testing.assert_close(dense[..., ::2, ::2][..., 1:-1, 1:-1], net(x)[..., 1:-1, 1:-1])


@pytest.mark.parametrize("size", [16, 17])
def test_tensorflow_padding_is_spread(size: int) -> None:
    """Every fourth place of the dense map is the net's own."""
    net = nn.Sequential(
        Conv2dSame(3, 4, 3, 2), nn.ReLU(), Conv2dSame(4, 5, 4, 2), nn.ReLU(), Conv2dSame(5, 2, 2)
    ).eval()
    with torch.no_grad():
        x = frames(1, size).float()
        dense = DenseStride(steps=2).treat(Patient(copy.deepcopy(net), seen(size))).net(x)
        torch.testing.assert_close(dense[..., ::4, ::4], net(x))


def test_averaging_over_all_phases_of_a_circular_net_is_blind_to_shifts() -> None:
    net, x = circular(lambda: CifarResNet(1), 16), frames(2, 16)
    with torch.no_grad():
        mean = PhaseAverage(grid=4).treat(Patient(net, seen(16))).net
        torch.testing.assert_close(mean(x), mean(x.roll((3, 2), (2, 3))), rtol=0, atol=1e-12)
        half = PhaseAverage(grid=2).treat(Patient(net, seen(16))).net
        gaps = [float((f(x) - f(x.roll((3, 2), (2, 3)))).abs().max()) for f in (half, net)]
    assert 1e-3 < gaps[0] < gaps[1]


def test_a_step_that_cannot_be_spread_is_named() -> None:
    with pytest.raises(SettingError, match="no step"):
        DenseStride().treat(Patient(nn.Conv2d(3, 3, 3), seen(16)))
    same = nn.Sequential(nn.Conv2d(3, 3, 3, 2, 1), nn.Conv2d(3, 3, 3, padding="same"))
    with pytest.raises(SettingError, match="1 cannot be spread"):
        DenseStride().treat(Patient(same, seen(16)))
