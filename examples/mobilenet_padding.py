"""Does it matter to shifts how a MobileNet pads? The same weights with TensorFlow's padding and with symmetric padding.

    python examples/mobilenet_padding.py WEIGHTS IMAGES LABELS OUT

WEIGHTS: torchvision's names, of a net trained with TensorFlow's SAME padding: before a 3x3 convolution of stride 2 an even side
gets one row or column of zeros at its far end, none at the near one. torchvision puts one at either end, which moves the grid
that every later layer samples by half of its step.
"""

import sys

import torchvision
from torch import Tensor, nn
from torch.nn.functional import pad

import eyechart

FRAME = eyechart.Preprocessing(size=(224, 224), resize=256, mean=(0.5,) * 3, std=(0.5,) * 3)


class SamePadded(nn.Conv2d):
    """A 3x3 convolution of stride 2 that pads an even side by (0, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Pad at the far ends, then convolve without padding."""
        odd = [side % 2 for side in x.shape[-2:]]
        return super().forward(pad(x, (odd[1], 1, odd[0], 1)))


def tensorflow_padding() -> nn.Module:
    """torchvision's MobileNet v2, padded as TensorFlow pads."""
    net = torchvision.models.mobilenet_v2(weights=None)
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            module.__class__ = SamePadded  # the same weights, under the same names
            module.padding = (0, 0)
    return net


def main(weights: str, images: str, labels: str, out: str) -> None:
    """Examine both and print how often a one-pixel shift changes the answer."""
    arch = f"{__name__}:tensorflow_padding" if __name__ != "__main__" else "mobilenet_padding:tensorflow_padding"
    models = [
        eyechart.load_model(weights, arch=arch, preprocess=FRAME, classes="imagenet", trust="code"),
        eyechart.load_model(weights, arch="torchvision:mobilenet_v2", preprocess=FRAME, classes="imagenet"),
    ]
    run = eyechart.examine(models, eyechart.load_images(images, labels=labels), ["clean", "shift"], out=out)
    for estimate in (*run.estimates.of("accuracy"), *run.estimates.of("p_top1_change")):
        print(estimate.model, estimate.measure, estimate.at, estimate.value, (estimate.low, estimate.high), estimate.n)


if __name__ == "__main__":
    main(*sys.argv[1:])
