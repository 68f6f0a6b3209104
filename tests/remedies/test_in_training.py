"""What a net does in training alone is still done by the treated net, or it is told that it is not."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import densenet121, efficientnet_b0, googlenet

from eyechart.core.remedy import Patient, Remedy
from eyechart.models.preprocessing import Preprocessing
from eyechart.remedies.antialias import Antialias
from eyechart.remedies.dense_stride import DenseStride
from eyechart.remedies.in_training import LEFT
from eyechart.remedies.polyphase import Polyphase
from eyechart.remedies.surgery import operable

SEEN = Preprocessing(size=(64, 64), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


class Dropping(nn.Module):
    """Two strided convolutions and dropout that is called as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        maps = torch.relu(self.second(torch.relu(self.first(x))))
        return self.head(F.dropout(maps.mean((2, 3)), 0.5, self.training))


def restless(net: nn.Module) -> float:
    """How far two answers to the same frames lie apart in training, norms held still."""
    net.train()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()
    x = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), torch.random.fork_rng():
        first, second = net(x), net(x)
    net.eval()
    return float((first - second).abs().max() / first.abs().max())


def dropped(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = build().eval()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)  # timm begins residual paths with zero
    return net


NETS: dict[str, Callable[[], nn.Module]] = {
    "function": Dropping,
    "timm drop rate": lambda: timm.create_model("resnet18", drop_rate=0.5),
    "timm drop path": lambda: timm.create_model("resnet18", drop_path_rate=0.5),
    "stochastic depth": lambda: efficientnet_b0(weights=None, dropout=0.0, stochastic_depth_prob=0.5),
    "dense": lambda: densenet121(weights=None, drop_rate=0.3),
}


@pytest.mark.parametrize("name", NETS)
def test_what_is_dropped_in_training_still_is(name: str) -> None:
    net = dropped(NETS[name])
    found = Antialias(taps=1, average_pools=False).treat(Patient(copy.deepcopy(net), SEEN))
    own, other = restless(net), restless(found.net)
    assert own > 1e-8
    assert 0.1 * own < other < 10 * own
    assert LEFT not in found.refused
    assert not any(part.training for part in found.net.modules())
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(found.net(x), net(x), atol=1e-4, rtol=1e-4)
    again = operable(Patient(copy.deepcopy(found.net), SEEN))  # a graph of a graph
    assert restless(again) > 0.1 * own


@pytest.mark.parametrize("remedy", [Polyphase(), DenseStride()])
def test_other_surgery_keeps_it_too(remedy: Remedy) -> None:
    found = remedy.treat(Patient(dropped(Dropping), SEEN))
    assert restless(found.net) > 0.01


def test_what_cannot_be_kept_is_told() -> None:
    def build() -> nn.Module:
        return googlenet(weights=None, aux_logits=True, transform_input=False, init_weights=False)

    assert LEFT in Antialias().treat(Patient(dropped(build), SEEN)).refused
    calm = Antialias().treat(Patient(dropped(lambda: timm.create_model("resnet18")), SEEN))
    assert LEFT not in calm.refused
