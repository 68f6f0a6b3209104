"""What each kind of layer makes of a moving picture: the invariance and equivariance errors of single layers.

    python examples/layer_kinds.py IMAGES OUT

One net with a branch a layer, on the pixels themselves; weights are seeded noise. The picture comes in again at the other side
(``mode=roll``) and the convolutions pad circularly, so that what is left is the layer's own doing, not its borders'.
"""

import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, pad

import eyechart
from eyechart.exams.layer_shift import LayerShift

SIDE = 64
SHIFTS = (1, 2, 4)


class PyramidPool(nn.Module):
    """Means over the whole map, its quarters and its sixteenths, one after another (He et al., ECCV 2014)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 21 C)."""
        return torch.cat([adaptive_avg_pool2d(x, side).flatten(1) for side in (1, 2, 4)], 1)


class BlurPool(nn.Module):
    """Binomial smoothing, then every second place (Zhang, ICML 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H / 2, W / 2)."""
        line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=x.dtype, device=x.device) / 16
        kernel = torch.outer(line, line).expand(x.shape[1], 1, 5, 5)
        return torch.conv2d(pad(x, (2, 2, 2, 2), mode="circular"), kernel, stride=2, groups=x.shape[1])


class FullyConnected(nn.Linear):
    """A linear layer over all pixels of all channels."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, out)."""
        return super().forward(x.flatten(1))


KINDS: dict[str, Callable[[], nn.Module]] = {
    "convolution": lambda: nn.Conv2d(3, 16, 3, padding=1, padding_mode="circular"),
    "convolution of stride 2": lambda: nn.Conv2d(3, 16, 3, stride=2, padding=1, padding_mode="circular"),
    "convolution of stride 4": lambda: nn.Conv2d(3, 16, 3, stride=4, padding=1, padding_mode="circular"),
    "mean pool 2": lambda: nn.AvgPool2d(2),
    "max pool 2": lambda: nn.MaxPool2d(2),
    "smooth, then every 2nd": BlurPool,
    "global mean": lambda: nn.AdaptiveAvgPool2d(1),
    "pyramid pool 1, 2, 4": PyramidPool,
    "fully connected": lambda: FullyConnected(3 * SIDE * SIDE, 16),
}


class Branches(nn.Module):
    """Every kind of layer on the same pixels; its outputs, averaged over places, one after another are the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([make() for make in KINDS.values()])

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, SIDE, SIDE) -> (N, total channels)."""
        outputs = [layer(x) for layer in self.layers]
        return torch.cat([y.flatten(2).mean(2) if y.ndim > 2 else y for y in outputs], 1)


def main(images: str, out: str) -> None:
    """Print a line a layer: errors at each shift, and of the best interpolation."""
    torch.manual_seed(0)
    frame = eyechart.Preprocessing(size=(SIDE, SIDE), resize=SIDE, mean=(0.5,) * 3, std=(0.5,) * 3)
    model = eyechart.wrap(Branches(), preprocessing=frame, name="single layers", outputs="embedding")
    names = tuple(f"layers.{i}" for i in range(len(KINDS)))
    exam = LayerShift(layers=names, mode="roll", directions=("horizontal",))
    run = eyechart.examine(model, eyechart.load_images(images), [exam], out=out)
    for kind, name in zip(KINDS, names, strict=True):
        found = [e for e in run.estimates if e.at.get("layer") == name]
        print(f"{kind:24}", *(said(found, f"{what}_error", shift=t) for what in WHAT for t in SHIFTS), end="  ")
        print(said(found, "interpolation_error", by="sinc"))


WHAT = ("invariance", "equivariance")


def said(found: list[eyechart.Estimate], measure: str, **at: object) -> str:
    """An estimate with its interval; a dash where the layer has none."""
    for e in found:
        if e.measure == measure and all(e.at.get(k) == v for k, v in at.items()) and e.value is not None:
            return f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]"
    return "-"


if __name__ == "__main__":
    main(*sys.argv[1:])
