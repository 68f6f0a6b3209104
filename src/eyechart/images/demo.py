"""``demo``: the 1,000 images that ship with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eyechart.images.arrays import ArraySet
from eyechart.images.cifar10 import cifar_set, read_sheet

FOLDER = Path(__file__).resolve().parent.parent / "data" / "demo"
STEM = "cifar10_test_1000"


def open_demo() -> ArraySet:
    """The first 1,000 present images of the CIFAR-10 test set, ids ``test/<place in the official order>``."""
    with np.load(FOLDER / f"{STEM}.npz", allow_pickle=False) as archive:
        labels, numbers = archive["labels"], archive["numbers"]
    return cifar_set("demo", read_sheet(FOLDER / f"{STEM}.webp", len(labels)), labels, "test", numbers)
