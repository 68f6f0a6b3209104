"""Weights for style transfer, random and narrow, in files as users have them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

WIDTHS = (4, 6, 8, 10, 10)  # of VGG-19's blocks, instead of 64 to 512
BLOCKS = (2, 2, 4, 4, 4)
TORCHVISION = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
CAFFE = tuple(f"conv{b}_{i}" for b, count in enumerate(BLOCKS, 1) for i in range(1, count + 1))
ENCODER = (0, 2, 5, 9, 12, 16, 19, 22, 25, 29)
ENCODER_WIDTHS = (3, 4, 4, 6, 6, 8, 8, 8, 8, 10)
DECODER = (1, 5, 8, 11, 14, 18, 21, 25, 28)
DECODER_WIDTHS = (8, 8, 8, 8, 6, 6, 4, 4, 3)

State = dict[str, torch.Tensor]


def chain(names: tuple[object, ...], widths: tuple[int, ...], channels: int, first: int = 3) -> State:
    """Kernels of 3 x 3 (the first of ``first`` x ``first``) that keep the strength of what they are shown."""
    chance, state = torch.Generator().manual_seed(7), {}
    for place, (name, width) in enumerate(zip(names, widths, strict=True)):
        side = first if place == 0 else 3
        scale = (2 / (channels * side**2)) ** 0.5
        state[f"{name}.weight"] = scale * torch.randn(width, channels, side, side, generator=chance)
        state[f"{name}.bias"] = 0.1 * torch.rand(width, generator=chance)
        channels = width
    return state


def vgg19(folder: Path, caffe: bool = False) -> Path:
    """torchvision's names, with a classifier that is not needed; or Caffe's, in a pickle of tensors."""
    widths = tuple(width for width, count in zip(WIDTHS, BLOCKS, strict=True) for _ in range(count))
    if caffe:
        torch.save(chain(CAFFE, widths, 3), folder / "vgg_conv.pth")
        return folder / "vgg_conv.pth"
    state = chain(tuple(f"features.{place}" for place in TORCHVISION), widths, 3)
    save_file({**state, "classifier.0.weight": torch.zeros(2, 2)}, folder / "vgg19.safetensors")
    return folder / "vgg19.safetensors"


def adain(folder: Path) -> tuple[Path, Path]:
    """An encoder, with layers beyond those needed, and a decoder."""
    encoder = chain((*ENCODER, 32), (*ENCODER_WIDTHS, 10), 3, first=1)
    torch.save(encoder, folder / "vgg_normalised.pth")
    torch.save(chain(DECODER, DECODER_WIDTHS, 10), folder / "decoder.pth")
    return folder / "vgg_normalised.pth", folder / "decoder.pth"
