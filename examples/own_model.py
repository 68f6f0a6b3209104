"""Examine a module of your own on arrays of your own, from a plain script."""

import tempfile
from pathlib import Path

import numpy as np
from torch import nn

import eyechart


def main() -> None:
    """A random net on random pictures: replace both."""
    rng = np.random.default_rng(0)
    folder = Path(tempfile.mkdtemp())
    pictures = rng.integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    np.savez(folder / "pictures.npz", images=pictures, labels=rng.integers(0, 3, 64))

    net = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    preprocessing = eyechart.Preprocessing(size=(32, 32), mean=(0.5,) * 3, std=(0.25,) * 3)
    model = eyechart.wrap(net, preprocessing=preprocessing, class_names=("0", "1", "2"), name="my net")

    run = eyechart.examine(model, eyechart.load_images(f"npz:{folder / 'pictures.npz'}"), out=folder / "run")
    for estimate in run.estimates.of("p_top1_change", given="all"):
        print(estimate.at, estimate.value, (estimate.low, estimate.high))
    print(eyechart.write_report(run))


main()
