"""Folding: equal answers, and the net's own code left in charge."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from eyechart.models.fold import find_pairs, folded
from eyechart.models.load import wrap
from eyechart.models.preprocessing import Preprocessing

Shake = Callable[[nn.Module], nn.Module]
SEEN = Preprocessing(size=(64, 64), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25))
NETS = [
    ("torchvision:resnet18", 20),
    ("torchvision:mobilenet_v2", 52),
    ("torchvision:squeezenet1_1", 0),
    ("timm:resnet18", 20),
    ("timm:efficientnet_b0", 49),
    ("timm:convnext_atto", 0),
    ("timm:resnetv2_50", 32),
    ("timm:mobilevit_xxs", 32),
]


def build(spec: str) -> nn.Module:
    library, _, name = spec.partition(":")
    torch.manual_seed(0)
    return timm.create_model(name) if library == "timm" else getattr(torchvision.models, name)(weights=None)


def norms(net: nn.Module) -> int:
    return sum(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in net.modules())


@pytest.mark.parametrize(("spec", "count"), NETS)
def test_folded_answers_are_equal(spec: str, count: int, shake: Shake) -> None:
    net = shake(build(spec)).eval()
    model = wrap(net, preprocessing=SEEN, outputs="logits")
    assert norms(net) - norms(model.net) == count, model.remarks
    frames = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        wanted = net(frames)
        got = model.forward(frames.contiguous(memory_format=torch.channels_last))
    assert float((got - wanted).abs().max()) < 1e-5 * float(wanted.abs().max())


class Small(nn.Module):
    """conv, bn, conv2, bn2 and a head; ``forward`` decides what may be folded."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.conv, self.bn = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 6, 3, groups=2, bias=False), nn.BatchNorm2d(6, affine=how != "plain_norm")
        self.fc, self.bn3 = nn.Linear(6, 5), nn.BatchNorm1d(5)
        if how == "tied":
            self.other = nn.Conv2d(3, 6, 3, padding=1)
            self.other.weight = self.conv.weight

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        z = self.bn(y)
        if self.how == "read_twice":
            z = z + y
        if self.how == "called_twice":
            z = self.bn(self.conv(x * 0.5)) + z
        if self.how == "weights_read":
            z = z + self.conv.weight.mean()
        if self.how == "tied":
            z = z + self.other(x)
        if self.how == "data_dependent" and bool(z.mean() > 100):
            z = z * 2
        if self.how == "asks_for_norm":
            z = z + self.bn.running_mean.mean()
        z = self.bn2(self.conv2(F.relu(z))).mean((2, 3))
        return self.bn3(self.fc(z))


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ("", 0),
        ("plain_norm", 0),
        ("read_twice", 1),
        ("called_twice", 1),
        ("weights_read", 1),
        ("tied", 1),
        ("data_dependent", 3),
        ("asks_for_norm", 3),
    ],
)
def test_only_what_is_safe_is_folded(how: str, left: int, shake: Shake) -> None:
    torch.manual_seed(0)
    net = Small(how)
    if how != "plain_norm":
        shake(net)
    net.eval()
    model = wrap(net, preprocessing=SEEN)
    assert norms(model.net) == left, model.remarks
    assert any("folded" in remark for remark in model.remarks)
    frames = torch.randn(4, 3, 64, 64)
    torch.testing.assert_close(model.forward(frames), net(frames).detach(), rtol=1e-4, atol=1e-5)


def test_parts_of_an_untraceable_net_are_folded(shake: Shake) -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            return x.mean((2, 3)) if float(x.mean()) < 1e9 else x.amax((2, 3))

    net = shake(Branching())
    assert [(p.layer, p.norm) for p in find_pairs(net.eval())] == [("stem.0", "stem.1")]
    assert norms(wrap(net, preprocessing=SEEN).net) == 0


def test_weight_standardisation_is_not_folded(shake: Shake) -> None:
    from timm.layers import StdConv2d

    net = shake(nn.Sequential(StdConv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())).eval()
    assert find_pairs(net) == []


def test_a_fold_that_changes_answers_is_given_up(shake: Shake) -> None:
    class Sly(nn.Module):
        """Hides a second use of its convolution from tracing."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x: Tensor) -> Tensor:
            z = self.bn(self.conv(x)).mean((2, 3))
            return z if isinstance(z, torch.fx.Proxy) else z + self.conv(x).mean((2, 3))

    net = shake(Sly()).eval()
    frames = torch.randn(2, 3, 16, 16)
    kept, _, remarks = folded(net, lambda n: n(frames).detach())
    assert kept is net
    assert "not folded: the answers would move" in remarks[0]


def test_a_net_that_needs_its_norm_keeps_it(shake: Shake) -> None:
    class Asking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x: Tensor) -> Tensor:
            return self.bn(self.conv(x)).mean((2, 3)) * self.bn.momentum

    model = wrap(shake(Asking()), preprocessing=SEEN)
    assert norms(model.net) == 1
    assert "not folded: AttributeError" in model.remarks[0]
