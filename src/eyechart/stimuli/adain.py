"""Style transfer in one pass (Huang & Belongie, ICCV 2017, arXiv 1703.06868), as Stylized-ImageNet was made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from eyechart.core.view import Shown
from eyechart.errors import CheckpointError, SettingError
from eyechart.models.checkpoint import State, Trust
from eyechart.models.preprocessing import Preprocessing
from eyechart.stimuli.transfer import Paint, Transfer
from eyechart.stimuli.weights import convolutions, state_of

EPS = 1e-5
# Places of the convolutions in the sequences that the published files were saved from (naoto0804/pytorch-AdaIN): the first
# 31 layers of a VGG-19 whose activations were scaled to a mean of one, and the decoder that mirrors them.
ENCODER = (0, 2, 5, 9, 12, 16, 19, 22, 25, 29)
POOLED_BEFORE = (9, 16, 29)
DECODER = (1, 5, 8, 11, 14, 18, 21, 25, 28)
ENLARGED_BEFORE = (5, 18, 25)
DEEPEST = 8  # pixels of the image an activation of relu4_1


def encoder(state: State, path: Path, setting: str = "weights") -> nn.Sequential:
    """Normalised VGG-19 up to relu4_1, from tensors named by their place (``0.weight``, ``2.weight`` ...); reads RGB in [0, 1].

    Raises:
        CheckpointError: other weights.
    """
    found = convolutions(state, [str(k) for k in ENCODER], channels=3, path=path, setting=setting, padding=0)
    layers: list[nn.Module] = []
    for place, layer in zip(ENCODER, found, strict=True):
        if place in POOLED_BEFORE:
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        layers += [layer] if place == 0 else [nn.ReflectionPad2d(1), layer, nn.ReLU()]
    return nn.Sequential(*layers).eval()


def decoder(state: State, path: Path, channels: int, setting: str = "decoder") -> nn.Sequential:
    """From relu4_1 (of ``channels``) back to RGB, from tensors named by their place (``1.weight``, ``5.weight`` ...).

    Raises:
        CheckpointError: other weights.
    """
    found = convolutions(state, [str(k) for k in DECODER], channels=channels, path=path, setting=setting, padding=0)
    layers: list[nn.Module] = []
    for place, layer in zip(DECODER, found, strict=True):
        if place in ENLARGED_BEFORE:
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
        layers += [nn.ReflectionPad2d(1), layer, nn.ReLU()]
    if found[-1].out_channels != 3:
        problem = f"The decoder ends with {found[-1].out_channels} channels, not 3."
        raise CheckpointError(problem, setting=setting, value=path, way_out="Give a decoder from relu4_1 to RGB.")
    return nn.Sequential(*layers[:-1]).eval()


def adain(content: Tensor, style: Tensor) -> Tensor:
    """Features (n, c, h, w) of the content with each channel's mean and standard deviation over space those of the style's.

    Law: of the content itself, the content; EPS is added to the (unbiased) variances.
    """
    (content_mean, content_std), (style_mean, style_std) = moments(content), moments(style)
    return style_std * ((content - content_mean) / content_std) + style_mean


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over space, (n, c, 1, 1) each."""
    return features.mean((2, 3), keepdim=True), (features.var((2, 3), keepdim=True) + EPS).sqrt()


@dataclass(frozen=True)
class AdaIN(Transfer):
    """The content's features at relu4_1 with the style's moments, decoded; clipped.

    Attributes:
        weights: file of the encoder, see ``encoder``.
        decoder: file of the decoder, see ``decoder``.
        alpha: share of the style's moments; 0 decodes the content's own features.
        batch: images at once.
    """

    weights: Path
    decoder: Path
    alpha: Annotated[float, Field(ge=0, le=1)] = 1.0
    batch: Annotated[int, Field(ge=1)] = 8

    @property
    def together(self) -> int:
        """``batch``."""
        return self.batch

    @property
    def side(self) -> int:
        """As Stylized-ImageNet."""
        return 224

    def frames(self, side: int) -> tuple[Preprocessing, Preprocessing]:
        """Contents: the middle 7/8 (resize 256, crop 224). Styles: the largest square in the middle.

        Raises:
            SettingError: the decoder cannot give a picture of that side.
        """
        if side % DEEPEST or side < 2 * DEEPEST:
            raise SettingError(
                "The decoder gives pictures of 16, 24, 32, ... pixels.",
                setting="--size",
                value=side,
                way_out=f"Give {max(2, round(side / DEEPEST)) * DEEPEST}.",
            )
        content = Preprocessing(size=(side, side), resize=side * 8 // 7, interpolation="bilinear")
        return content, Preprocessing(size=(side, side), resize=side, interpolation="bilinear")

    def opened(self, device: torch.device, trust: Trust) -> Paint:
        """Load both nets."""
        encode = encoder(state_of(self.weights, trust, "weights"), self.weights).to(device)
        depth = [layer for layer in encode if isinstance(layer, nn.Conv2d)][-1].out_channels
        decode = decoder(state_of(self.decoder, trust, "decoder"), self.decoder, depth).to(device)
        return lambda content, style: Shown(self.painted(encode, decode, content, style))

    @torch.no_grad()
    def painted(self, encode: nn.Module, decode: nn.Module, content: Tensor, style: Tensor) -> Tensor:
        """Paint a batch: contents and styles (n, 3, h, w) in [0, 1]; not clipped."""
        own = encode(content)
        mixed = torch.lerp(own, adain(own, encode(style)), self.alpha)
        picture: Tensor = decode(mixed)
        return picture
