"""Further small nets for 32x32 pictures, to be trained: those that the papers trained, from their descriptions."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PreActBlock(nn.Module):
    """BatchNorm and ReLU before each 3x3 convolution (He et al., ECCV 2016); where the shape changes a 1x1 as the shortcut."""

    def __init__(self, inside: int, outside: int, stride: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(inside), nn.BatchNorm2d(outside)
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.drop = nn.Dropout(dropout)
        self.shortcut = nn.Conv2d(inside, outside, 1, stride, bias=False) if stride > 1 or inside != outside else None

    def forward(self, x: Tensor) -> Tensor:
        """(n, inside, h, w) to (n, outside, h / stride, w / stride)."""
        before = F.relu(self.bn1(x))
        short = x if self.shortcut is None else self.shortcut(before)
        out: Tensor = self.conv2(self.drop(F.relu(self.bn2(self.conv1(before)))))
        return out + short


class PreActResNet(nn.Module):
    """Stages of pre-activation blocks, the first at full size, each later one at half (PreActResNet-18, wide ResNets).

    Args:
        widths: channels of the first convolution and of each stage.
        blocks: of each stage.
        num_classes: of the answer.
        dropout: within blocks.
    """

    def __init__(self, widths: tuple[int, ...], blocks: int, num_classes: int = 10, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        stages = []
        for number, (inside, outside) in enumerate(pairwise(widths)):
            first = PreActBlock(inside, outside, 1 if number == 0 else 2, dropout)
            stages.append(nn.Sequential(first, *(PreActBlock(outside, outside, 1, dropout) for _ in range(blocks - 1))))
        self.stages = nn.Sequential(*stages)
        self.bn = nn.BatchNorm2d(widths[-1])
        self.linear = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, num_classes) of normalised frames (n, 3, h, w)."""
        x = F.relu(self.bn(self.stages(self.conv1(x))))
        logits: Tensor = self.linear(x.mean((2, 3)))
        return logits


def preact_resnet18(num_classes: int = 10) -> PreActResNet:
    """PreActResNet-18, 64 to 512 channels."""
    return PreActResNet((64, 64, 128, 256, 512), 2, num_classes)


def wide_resnet(depth: int, widen: int, num_classes: int = 10, dropout: float = 0.0) -> PreActResNet:
    """Wide ResNet (Zagoruyko & Komodakis, BMVC 2016). Raises ValueError unless depth is 6n + 4."""
    if depth % 6 != 4:
        raise ValueError(f"the depth of a wide ResNet is 6n + 4: {depth}")
    return PreActResNet((16, 16 * widen, 32 * widen, 64 * widen), (depth - 4) // 6, num_classes, dropout)


def wrn_16_4(num_classes: int = 10) -> PreActResNet:
    """WRN-16-4."""
    return wide_resnet(16, 4, num_classes)


def wrn_28_10(num_classes: int = 10) -> PreActResNet:
    """WRN-28-10."""
    return wide_resnet(28, 10, num_classes)


def wrn_34_10(num_classes: int = 10) -> PreActResNet:
    """WRN-34-10."""
    return wide_resnet(34, 10, num_classes)


def wrn_40_2(num_classes: int = 10) -> PreActResNet:
    """WRN-40-2."""
    return wide_resnet(40, 2, num_classes)


class HfcBlock(nn.Module):
    """Two 3x3 convolutions after ReLUs, with or without BatchNorm; the shortcut is a mean over 2x2, with zero channels.

    The ``first`` of a net is given what was rectified already.
    """

    def __init__(self, inside: int, outside: int, stride: int, bn: bool, first: bool = False) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.BatchNorm2d(c) if bn else nn.Identity() for c in (inside, outside))
        if first:
            self.norm1 = nn.Identity()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.stride, self.pad, self.first = stride, (outside - inside) // 2, first

    def forward(self, x: Tensor) -> Tensor:
        """(n, inside, h, w) to (n, outside, h / stride, w / stride)."""
        begin = x if self.first else F.relu(self.norm1(x))
        out: Tensor = self.conv2(F.relu(self.norm2(self.conv1(begin))))
        if self.stride > 1:
            x = F.pad(F.avg_pool2d(x, self.stride), (0, 0, 0, 0, self.pad, self.pad))
        return out + x


class HfcResNet(nn.Module):
    """The net of the code of Wang et al. (CVPR 2020): pre-activation, 3 stages of 16, 32 and 64 filters, 6n + 2 layers.

    Departures: strided convolutions pad by 1 on both sides (theirs behind alone), and weights start as PyTorch's do (recipes
    may say ``start = "xavier"``, as theirs but for the last layer).

    Args:
        n: blocks of each stage.
        bn: with BatchNorm; their vanilla net has none.
        num_classes: of the answer.
    """

    def __init__(self, n: int = 5, bn: bool = False, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(16) if bn else nn.Identity()
        widths = (16, 16, 32, 64)
        blocks = [
            HfcBlock(
                inside if k == 0 else outside,
                outside,
                2 if k == 0 and outside > 16 else 1,
                bn,
                k == 0 and outside == 16,
            )
            for inside, outside in pairwise(widths)
            for k in range(n)
        ]
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.BatchNorm2d(64) if bn else nn.Identity()
        self.linear = nn.Linear(64, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, num_classes) of normalised frames (n, 3, h, w)."""
        x = F.relu(self.norm(self.blocks(F.relu(self.norm1(self.conv1(x))))))
        logits: Tensor = self.linear(x.mean((2, 3)))
        return logits


def hfc_resnet32(num_classes: int = 10) -> HfcResNet:
    """32 layers without BatchNorm."""
    return HfcResNet(5, False, num_classes)


def hfc_resnet32_bn(num_classes: int = 10) -> HfcResNet:
    """32 layers with BatchNorm."""
    return HfcResNet(5, True, num_classes)


def all_conv(num_classes: int = 10) -> nn.Sequential:
    """All-CNN-C (Springenberg et al., ICLR workshop 2015), with BatchNorm and GELU, padded throughout.

    AugMix's AllConv is another: max pools instead of strides, two 1x1 convolutions, He's initialisation.
    """
    layers: list[nn.Module] = []
    inside = 3
    pairs = ((96, 3, 1), (96, 3, 1), (96, 3, 2), (192, 3, 1), (192, 3, 1), (192, 3, 2), (192, 3, 1), (192, 1, 1))
    for outside, size, stride in pairs:
        layers += [nn.Conv2d(inside, outside, size, stride, size // 2), nn.BatchNorm2d(outside), nn.GELU()]
        inside = outside
        if stride == 2:
            layers.append(nn.Dropout(0.5))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(192, num_classes))


def small_vgg(num_classes: int = 10) -> nn.Sequential:
    """Six 3x3 convolutions in three pairs, a max pool after each: VGG's plan at 32x32, with BatchNorm."""
    layers: list[nn.Module] = []
    for inside, outside in ((3, 64), (64, 128), (128, 256)):
        for c in (inside, outside):
            layers += [nn.Conv2d(c, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, num_classes))


def lenet(num_classes: int = 10) -> nn.Sequential:
    """LeNet-5 on colour pictures of 32x32 (LeCun et al. 1998), with ReLU and max pools as usual today."""
    convolutions = [nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    head = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes)]
    return nn.Sequential(*convolutions, nn.Flatten(), *head)


class SmallViT(nn.Module):
    """A vision transformer for 32x32 pictures: patches of 4, pre-norm blocks, mean of the tokens (Beyer et al. 2022's plan).

    Args:
        width, depth, heads: of the blocks.
        patch: side of a patch in pixels.
        side: of the picture.
        num_classes: of the answer.
    """

    def __init__(
        self, width: int = 192, depth: int = 6, heads: int = 3, patch: int = 4, side: int = 32, num_classes: int = 10
    ) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, patch, patch)
        self.place = nn.Parameter(torch.zeros(1, (side // patch) ** 2, width))
        nn.init.trunc_normal_(self.place, std=0.02)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(depth)
        )
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, num_classes) of normalised frames (n, 3, side, side)."""
        tokens = self.patch(x).flatten(2).transpose(1, 2) + self.place
        for block in self.blocks:
            tokens = block(tokens)
        logits: Tensor = self.linear(self.norm(tokens).mean(1))
        return logits


def small_vit(num_classes: int = 10) -> SmallViT:
    """Width 192, six blocks, three heads."""
    return SmallViT(num_classes=num_classes)
