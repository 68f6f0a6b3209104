"""Style transfer by optimisation (Gatys, Ecker & Bethge, CVPR 2016), as Geirhos et al. (ICLR 2019) made their stimuli."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from eyechart.core.view import Shown
from eyechart.models.checkpoint import State, Trust
from eyechart.models.preprocessing import Preprocessing
from eyechart.stimuli.transfer import Paint, Transfer
from eyechart.stimuli.weights import convolutions, state_of

BLOCKS = (2, 2, 4, 4, 4)  # convolutions of VGG-19 before each pooling
STYLE_LAYERS = ("1_1", "2_1", "3_1", "4_1", "5_1")
CONTENT_LAYER = "4_2"
LAYERS = tuple(f"{b}_{i}" for b, count in enumerate(BLOCKS, 1) for i in range(1, count + 1))[:13]  # up to 5_1
STEP, HISTORY = 20, 100  # of L-BFGS: iterations a step, updates remembered
STEEP = 1e6  # least sum of a gradient's absolute values: optimisers take smaller ones, as small weights give, for the bottom

Statistics = Literal["auto", "caffe", "torchvision"]
Losses = Callable[[Tensor], Tensor]


class Scale(NamedTuple):
    """What the net was trained to see: (pixels - mean) / std, in ``order`` of the channels red, green and blue."""

    order: tuple[int, int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


SCALES: Mapping[str, Scale] = {
    "caffe": Scale((2, 1, 0), (0.40760392, 0.45795686, 0.48501961), (1 / 255, 1 / 255, 1 / 255)),
    "torchvision": Scale((0, 1, 2), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


class Vgg19(nn.Module):
    """VGG-19 up to relu5_1, with max pooling.

    Args:
        state: weights named as by torchvision (``features.0.weight``) or as in Caffe (``conv1_1.weight``); the numbers of
            channels are those of the file.
        path: of the file, for errors.
        setting: its name, for errors.

    Raises:
        CheckpointError: other weights.
    """

    def __init__(self, state: State, path: Path, setting: str = "weights") -> None:
        super().__init__()
        self.caffe = "conv1_1.weight" in state
        names = [f"conv{layer}" for layer in LAYERS] if self.caffe else _torchvision_names()
        found = convolutions(state, names, channels=3, path=path, setting=setting, padding=1)
        self.layers = nn.ModuleDict(dict(zip(LAYERS, found, strict=True)))

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Layer -> (n, c, h, w) after the ReLU, of normalised pixels."""
        found = {}
        for name, layer in self.layers.items():
            if name.endswith("_1") and name != "1_1":
                pixels = functional.max_pool2d(pixels, 2)
            pixels = functional.relu(layer(pixels))
            found[name] = pixels
        return found


def _torchvision_names() -> list[str]:
    """Places of the convolutions in torchvision's ``features``: each is followed by a ReLU, each block by a pooling."""
    names, place = [], 0
    for count in BLOCKS:
        names += [f"features.{place + 2 * i}" for i in range(count)]
        place += 2 * count + 1
    return names[: len(LAYERS)]


def gram(features: Tensor) -> Tensor:
    """F F^T / (h w) of (n, c, h, w): (n, c, c), symmetric, positive semi-definite; places may change their order."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


@dataclass(frozen=True)
class Gatys(Transfer):
    """A picture that starts as the content and is changed until its features are the content's, its Gram matrices the style's.

    Loss: content_weight x the mean squared error at relu4_2, plus style_weight / c^2 x the mean squared error of the Gram
    matrices at relu1_1, 2_1, 3_1, 4_1 and 5_1, each of c channels. Clipped at the end, then resized (bicubic, antialiased).

    Attributes:
        weights: file of VGG-19, named as by torchvision (``features.0.weight``) or as in Caffe (``conv1_1.weight``).
        pixels: what that net was trained on: ``caffe`` (blue, green, red, mean subtracted, 0 to 255) or ``torchvision``;
            ``auto`` goes by the names in the file. The published stimuli used Caffe's weights; with others, ``style_weight`` is
            to be chosen by eye.
        optimiser: ``lbfgs``, one image at a time, or ``adam``, several at once.
        steps: evaluations of the loss; L-BFGS ends with the step of 20 in which they are used up, or where nothing changes.
        learning_rate: by default 1 for L-BFGS, 0.02 (in units of [0, 1] pixels) for Adam.
        content_weight, style_weight: see above.
        work_size: side in pixels of the square that is painted.
        batch: images at once, with Adam.

    Notes: ``loss_before`` and ``loss_after``.
    """

    weights: Path
    pixels: Statistics = "auto"
    optimiser: Literal["lbfgs", "adam"] = "lbfgs"
    steps: Annotated[int, Field(ge=1)] = 500
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    content_weight: Annotated[float, Field(ge=0)] = 1.0
    style_weight: Annotated[float, Field(ge=0)] = 1e3
    work_size: Annotated[int, Field(ge=16)] = 512
    batch: Annotated[int, Field(ge=1)] = 8

    @property
    def together(self) -> int:
        """L-BFGS would join the curvature of images that have nothing to do with one another."""
        return 1 if self.optimiser == "lbfgs" else self.batch

    @property
    def side(self) -> int:
        """As the published stimuli."""
        return 224

    def frames(self, side: int) -> tuple[Preprocessing, Preprocessing]:
        """Squares of ``work_size``; the picture is resized to ``side`` when it is done."""
        frame = Preprocessing(size=(self.work_size, self.work_size), resize=self.work_size, interpolation="bicubic")
        return frame, frame

    def opened(self, device: torch.device, trust: Trust) -> Paint:
        """Load VGG-19."""
        net = Vgg19(state_of(self.weights, trust, "weights"), self.weights).to(device)
        kind = ("caffe" if net.caffe else "torchvision") if self.pixels == "auto" else self.pixels
        return lambda content, style: self.painted(net, SCALES[kind], content, style)

    def painted(self, net: Vgg19, scale: Scale, content: Tensor, style: Tensor) -> Shown:
        """Paint a batch: contents and styles (n, 3, h, w) in [0, 1], each of its own height and width."""
        start = normalised(content, scale).contiguous()
        losses = self._losses(net, start, normalised(style, scale))
        picture = start.clone().requires_grad_(True)
        with torch.enable_grad():
            self._minimise(picture, losses, sum(scale.std) / 3)
        with torch.no_grad():
            ends = {"loss_before": losses(start), "loss_after": losses(picture)}
            notes = {name: values.double().cpu().numpy() for name, values in ends.items()}
            return Shown(denormalised(picture, scale), notes)

    def _losses(self, net: Vgg19, start: Tensor, style: Tensor) -> Losses:
        """The loss (n,) of pictures (n, 3, h, w), all normalised."""
        with torch.no_grad():
            content = net(start)[CONTENT_LAYER]
            features = net(style)
            grams = {layer: gram(features[layer]) for layer in STYLE_LAYERS}

        def losses(picture: Tensor) -> Tensor:
            found = net(picture)
            away = (found[CONTENT_LAYER] - content).square().flatten(1).mean(1)
            errors = [_style_error(found[layer], grams[layer]) for layer in STYLE_LAYERS]
            loss: Tensor = self.content_weight * away + self.style_weight * torch.stack(errors).sum(0)
            return loss

        return losses

    def _minimise(self, picture: Tensor, losses: Losses, unit: float) -> None:
        """``unit``: of the net's input, in [0, 1] pixels."""
        calls = 0
        steepness = _steepness(picture, losses)
        lbfgs = self.optimiser == "lbfgs"
        optimiser = self._optimiser(picture, unit)

        def closure() -> float:
            nonlocal calls
            calls += 1
            optimiser.zero_grad()
            total = (steepness * losses(picture)).sum()
            (picture.grad,) = torch.autograd.grad(total, picture)
            return float(total.detach())

        while calls < self.steps:
            before = calls
            optimiser.step(closure)
            if lbfgs and calls == before + 1:  # its first look found nothing to change
                return

    def _optimiser(self, picture: Tensor, unit: float) -> torch.optim.Optimizer:
        if self.optimiser == "lbfgs":
            rate = 1.0 if self.learning_rate is None else self.learning_rate
            return torch.optim.LBFGS([picture], lr=rate, max_iter=STEP, history_size=HISTORY)
        rate = 0.02 if self.learning_rate is None else self.learning_rate
        return torch.optim.Adam([picture], lr=rate / unit)


def _steepness(picture: Tensor, losses: Losses) -> Tensor:
    """What each picture's loss is multiplied by (n,): the ways of L-BFGS and Adam do not depend on it, their thresholds do."""
    (slope,) = torch.autograd.grad(losses(picture).sum(), picture)
    found = STEEP / slope.abs().flatten(1).sum(1)
    return torch.where(found.isfinite(), found, torch.ones_like(found)).clamp(min=1)


def normalised(pixels: Tensor, scale: Scale) -> Tensor:
    """Pixels (n, 3, h, w) in [0, 1], red, green and blue, as the net was trained to see them."""
    mean, std = (pixels.new_tensor(values)[:, None, None] for values in (scale.mean, scale.std))
    return (pixels[:, list(scale.order)] - mean) / std


def denormalised(seen: Tensor, scale: Scale) -> Tensor:
    """The inverse of ``normalised``."""
    mean, std = (seen.new_tensor(values)[:, None, None] for values in (scale.mean, scale.std))
    return (seen * std + mean)[:, list(scale.order)]  # both orders are their own inverse


def _style_error(features: Tensor, wanted: Tensor) -> Tensor:
    errors: Tensor = (gram(features) - wanted).square().flatten(1).mean(1)
    return errors / features.shape[1] ** 2
