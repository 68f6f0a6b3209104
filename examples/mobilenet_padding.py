"""Does it matter to shifts how a MobileNet pads? The same weights with TensorFlow's padding and with symmetric padding.

    python examples/mobilenet_padding.py WEIGHTS IMAGES LABELS OUT

WEIGHTS: torchvision's names, of a net trained with TensorFlow's SAME padding: before a 3x3 convolution of stride 2 an even side
gets one row or column of zeros at its far end, none at the near one. torchvision puts one at either end, which moves the grid
that every later layer samples by half of its step.
"""

import sys
from dataclasses import replace

import numpy as np
import torchvision
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

import eyechart
from eyechart.stats.intervals import differences

FRAME = eyechart.Preprocessing(size=(224, 224), resize=256, mean=(0.5,) * 3, std=(0.5,) * 3)
NAMES = ("TensorFlow padding", "symmetric padding")
PROTOCOLS = ("crop", "embed_black", "embed_inpaint", "scale")


def tensorflow_padding() -> nn.Module:
    """torchvision's MobileNet v2, padded as TensorFlow pads."""
    net = torchvision.models.mobilenet_v2(weights=None)
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            module.__class__ = Conv2dSame  # the same weights, under the same names
            module.padding = (0, 0)
    return net


def paired(run: eyechart.Run, protocol: str) -> str:
    """Share of changed answers with symmetric padding minus that with TensorFlow's, over the same pairs of frames."""
    table = run.rows("shift")
    names, valid = table["model"].to_pylist(), np.array(table[f"{protocol}_valid"].to_pylist())
    top1 = [np.array(table[f"{protocol}_top1_{frame}"].to_pylist()) for frame in (1, 2)]
    changed = np.where(valid, top1[0] != top1[1], np.nan)
    (gap,) = differences(*(changed[np.array(names) == name] for name in reversed(NAMES)))
    return f"{protocol}: {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}], n = {gap.n}"


def main(weights: str, images: str, labels: str, out: str) -> None:
    """Examine both and print how often a one-pixel shift changes the answer, one pair an image as in the paper."""
    common = {"preprocess": FRAME, "classes": "imagenet"}
    arch = f"{__name__}:tensorflow_padding" if __name__ != "__main__" else "mobilenet_padding:tensorflow_padding"
    models = [
        eyechart.load_model(weights, arch=arch, trust="code", **common),
        eyechart.load_model(weights, arch="torchvision:mobilenet_v2", **common),
    ]
    run = eyechart.examine(
        [replace(model, name=name) for model, name in zip(models, NAMES, strict=True)],
        eyechart.load_images(images, labels=labels),
        ["clean", "shift"],
        settings={"shift": {"pairs_per_image": 1}},
        out=out,
    )
    for e in (*run.estimates.of("accuracy"), *run.estimates.of("p_top1_change")):
        print(e.model, e.exam, e.measure, dict(e.at), f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}], n = {e.n}")
    for protocol in PROTOCOLS:
        print("symmetric minus TensorFlow,", paired(run, protocol))


if __name__ == "__main__":
    main(*sys.argv[1:])
