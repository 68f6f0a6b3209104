"""Small nets of our own for 32x32 pictures. State-dict keys are those of the published weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch.nn.functional as F
from torch import Tensor, nn

from eyechart.models import nets_small
from eyechart.models.preprocessing import Preprocessing

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class CifarBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters (He et al. 2016, option A)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.stride, self.pad = stride, (outside - inside) // 2

    def forward(self, x: Tensor) -> Tensor:
        """(n, inside, h, w) to (n, outside, h / stride, w / stride)."""
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(out + x)


class CifarResNet(nn.Module):
    """ResNet of 6n+2 layers with 16, 32 and 64 filters (He et al. 2016, section 4.2)."""

    def __init__(self, n: int, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._stage(n, 16, 16, 1)
        self.layer2 = self._stage(n, 16, 32, 2)
        self.layer3 = self._stage(n, 32, 64, 2)
        self.linear = nn.Linear(64, num_classes)

    @staticmethod
    def _stage(n: int, inside: int, outside: int, stride: int) -> nn.Sequential:
        rest = [CifarBlock(outside, outside, 1) for _ in range(n - 1)]
        return nn.Sequential(CifarBlock(inside, outside, stride), *rest)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, num_classes) of normalised frames (n, 3, h, w)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.linear(x.mean((2, 3)))
        return logits


class PlainBlock(nn.Module):
    """Two 3x3 convolutions with biases and, where the stride asks for it, a 1x1 convolution as the shortcut."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1)
        self.shortcut = nn.Sequential()
        if stride != 1 or inside != outside:
            self.shortcut.append(nn.Conv2d(inside, outside, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        """(n, inside, h, w) to (n, outside, h / stride, w / stride)."""
        return F.relu(self.conv2(F.relu(self.conv1(x))) + self.shortcut(x))


class ResNet4b(nn.Module):
    """Four blocks without BatchNorm, as used in the verification of adversarially trained nets."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 2, 1)
        self.layer1 = nn.Sequential(PlainBlock(16, 32, 2), PlainBlock(32, 32, 1))
        self.layer2 = nn.Sequential(PlainBlock(32, 32, 2), PlainBlock(32, 32, 1))
        self.linear1 = nn.Linear(512, 100)
        self.linear2 = nn.Linear(100, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, num_classes) of normalised frames (n, 3, 32, 32)."""
        x = self.layer2(self.layer1(F.relu(self.conv1(x))))
        logits: Tensor = self.linear2(F.relu(self.linear1(x.flatten(1))))
        return logits


def cifar_resnet8(num_classes: int = 10) -> CifarResNet:
    """ResNet-8 for CIFAR: minutes of training on a CPU."""
    return CifarResNet(1, num_classes)


def cifar_resnet14(num_classes: int = 10) -> CifarResNet:
    """ResNet-14 for CIFAR."""
    return CifarResNet(2, num_classes)


def cifar_resnet20(num_classes: int = 10) -> CifarResNet:
    """ResNet-20 for CIFAR."""
    return CifarResNet(3, num_classes)


def cifar_resnet32(num_classes: int = 10) -> CifarResNet:
    """ResNet-32 for CIFAR."""
    return CifarResNet(5, num_classes)


def cifar_resnet44(num_classes: int = 10) -> CifarResNet:
    """ResNet-44 for CIFAR."""
    return CifarResNet(7, num_classes)


def cifar_resnet56(num_classes: int = 10) -> CifarResNet:
    """ResNet-56 for CIFAR."""
    return CifarResNet(9, num_classes)


def cifar_resnet110(num_classes: int = 10) -> CifarResNet:
    """ResNet-110 for CIFAR."""
    return CifarResNet(18, num_classes)


def cnn_a(num_classes: int = 10) -> nn.Sequential:
    """Two convolutions and two linear layers, as used in the verification of adversarially trained nets."""
    convolutions = [nn.Conv2d(3, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU()]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(2048, 100), nn.ReLU(), nn.Linear(100, num_classes))


@dataclass(frozen=True)
class OwnNet:
    """How to build one of our nets, and what its published weights were trained for."""

    build: Callable[..., nn.Module]
    preprocessing: Preprocessing
    class_names: tuple[str, ...] = CIFAR10_CLASSES


def _seen(mean: tuple[float, ...], std: tuple[float, ...]) -> Preprocessing:
    return Preprocessing(size=(32, 32), resize=32, mean=mean, std=std)


_PLAIN = _seen((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))  # adversarial training and Wang et al. do without
_HALF = _seen((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_IMAGENET = _seen((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

OWN_NETS: Mapping[str, OwnNet] = MappingProxyType(
    {
        "cifar_resnet8": OwnNet(cifar_resnet8, _IMAGENET),
        "cifar_resnet14": OwnNet(cifar_resnet14, _IMAGENET),
        "cifar_resnet20": OwnNet(cifar_resnet20, _IMAGENET),
        "cifar_resnet32": OwnNet(cifar_resnet32, _IMAGENET),
        "cifar_resnet44": OwnNet(cifar_resnet44, _IMAGENET),
        "cifar_resnet56": OwnNet(cifar_resnet56, _IMAGENET),
        "cifar_resnet110": OwnNet(cifar_resnet110, _IMAGENET),
        "preact_resnet18": OwnNet(nets_small.preact_resnet18, _PLAIN),
        "wrn_16_4": OwnNet(nets_small.wrn_16_4, _HALF),
        "wrn_28_10": OwnNet(nets_small.wrn_28_10, _HALF),
        "wrn_34_10": OwnNet(nets_small.wrn_34_10, _PLAIN),
        "wrn_40_2": OwnNet(nets_small.wrn_40_2, _HALF),
        "hfc_resnet32": OwnNet(nets_small.hfc_resnet32, _PLAIN),
        "hfc_resnet32_bn": OwnNet(nets_small.hfc_resnet32_bn, _PLAIN),
        "all_conv": OwnNet(nets_small.all_conv, _HALF),
        "small_vgg": OwnNet(nets_small.small_vgg, _HALF),
        "lenet": OwnNet(nets_small.lenet, _HALF),
        "small_vit": OwnNet(nets_small.small_vit, _HALF),
        "resnet4b": OwnNet(ResNet4b, _seen((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616))),
        "cnn_a": OwnNet(cnn_a, _seen((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))),
    }
)
