"""What surgery is worth on trained nets: accuracy and shifts before and after, paired by image, nothing trained.

Each arm is treated twice: statistics are taken on one half of the images and the other half is examined, then the other way
round, so that no image is judged by a net that was settled on it, and all count. ``before`` is the net as it is.

    python benchmarks/surgery.py squeezenet
    python benchmarks/surgery.py mobilenet
    python benchmarks/surgery.py resnet20 --limit 1000

Prints one JSON object a line and arm: shares of 1 with 95 % intervals over images [value, low, high]; ``gain`` is after minus
before, paired by image.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import eyechart
from eyechart.core.catalogue import make_remedies
from eyechart.images.image_set import ImageSet
from eyechart.images.order import seeded_order
from eyechart.images.part import part_of
from eyechart.models.image_model import ImageModel
from eyechart.stats.intervals import differences, means
from eyechart.treating import model_of, treatment

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
CENTRED = eyechart.Preprocessing(size=(224, 224), resize=256, mean=(0.5,) * 3, std=(0.5,) * 3)
Arms = dict[str, tuple[str, dict[str, Any]]]
ARMS: Arms = {
    "antialias": ("antialias", {}),
    "antialias, stem too": ("antialias", {"stem": "full"}),
    "polyphase": ("polyphase", {}),
    "dense_stride, 1 step": ("dense_stride", {}),
    "dense_stride, 2 steps": ("dense_stride", {"steps": 2}),
}
LEFT: Arms = {
    "antialias, statistics left": ("antialias", {"statistics": False}),
    "polyphase, statistics left": ("polyphase", {"statistics": False}),
}
SETTINGS = {
    "shift": {"protocols": ("crop",), "pairs_per_image": 1},
    "consistency": {"modes": ("crop", "roll"), "passes": 1},
}


def opened(name: str) -> tuple[ImageModel, ImageSet, Arms]:
    """The net, its images, and the arms that suit it."""
    if name == "resnet20":
        model = eyechart.load_model(str(DATA / "cifar10_nets/resnet20.safetensors"), arch="eyechart:cifar_resnet20")
        return model, eyechart.load_images(f"cifar10:{DATA / 'cifar10'}"), {**ARMS, **LEFT}
    images = eyechart.load_images(str(DATA / "imagenet_samples"), labels="{label}.jpg")
    file = str(DATA / f"imagenet_nets/{'squeezenet1_1' if name == 'squeezenet' else 'mobilenet_v2'}.safetensors")
    if name == "squeezenet":
        return eyechart.load_model(file, arch="torchvision:squeezenet1_1"), images, ARMS
    sys.path.insert(0, str(ROOT / "examples"))
    arch, trust = "mobilenet_padding:tensorflow_padding", "code"
    model = eyechart.load_model(file, arch=arch, trust=trust, preprocess=CENTRED, classes="imagenet")
    return model, images, {**ARMS, **LEFT}


def halves(images: ImageSet, limit: int | None) -> tuple[ImageSet, ImageSet]:
    """Two stratified halves."""
    order = seeded_order(images.ids, images.labels, 0)[:limit]
    middle = len(order) // 2
    return part_of(images, order[:middle]), part_of(images, order[middle:])


def examined(model: ImageModel, images: ImageSet, folder: str) -> dict[str, np.ndarray[Any, Any]]:
    """By measure, one number an image in the order of its id."""
    run = eyechart.examine(model, images, ["clean", "shift", "consistency"], settings=SETTINGS, out=folder)
    table = {exam: run.rows(exam).sort_by("id") for exam in ("clean", "shift", "consistency")}
    found = {"accuracy": np.array([rank == 0 for rank in table["clean"]["rank"].to_pylist()], float)}
    for exam, name in (("shift", "crop"), ("consistency", "crop"), ("consistency", "roll")):
        first, second, valid = (
            np.array(table[exam][f"{name}_{part}"].to_pylist()) for part in ("top1_1", "top1_2", "valid")
        )
        if exam == "shift":
            found[f"change_{name}"] = np.where(valid, first != second, np.nan).mean(1)
        else:
            found[f"consistency_{name}"] = np.where(valid, first == second, np.nan).mean(1)
    return found


def arm(
    model: ImageModel, parts: tuple[ImageSet, ImageSet], step: tuple[str, dict[str, Any]] | None
) -> dict[str, np.ndarray[Any, Any]]:
    """All images, each examined by the net that was treated on the other half."""
    found = []
    for calibrating, proving in (parts, parts[::-1]):
        treated = model
        if step is not None:
            (remedy,) = make_remedies([step[0]], {step[0]: step[1]})
            treated = replace(model_of(model, treatment(model, [remedy], calibrating)), name="treated")
        with tempfile.TemporaryDirectory() as folder:
            found.append(examined(treated, proving, folder))
    return {name: np.concatenate([half[name] for half in found]) for name in found[0]}


def told(values: np.ndarray[Any, Any], before: np.ndarray[Any, Any] | None) -> dict[str, Any]:
    """A share with its interval, and what was gained."""
    (own,) = means(values[:, None], share=True)
    said: dict[str, Any] = {"is": [round(x, 4) for x in (own.value, own.low, own.high) if x is not None], "n": own.n}
    if before is not None:
        (gap,) = differences(values[:, None], before[:, None])
        said["gain"] = [round(x, 4) for x in (gap.value, gap.low, gap.high) if x is not None]
    return said


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("net", choices=("squeezenet", "mobilenet", "resnet20"))
    parser.add_argument("--limit", type=int, help="images, of all")
    parser.add_argument("--arms", help="some of the arms, with semicolons; default all")
    given = parser.parse_args()
    model, images, arms = opened(given.net)
    parts = halves(images, given.limit)
    before = arm(model, parts, None)
    print(json.dumps({"net": given.net, "arm": "before", **{k: told(v, None) for k, v in before.items()}}), flush=True)
    for name in given.arms.split(";") if given.arms else arms:
        step = arms[name]
        after = arm(model, parts, step)
        rows = {k: told(v, before[k]) for k, v in after.items()}
        print(json.dumps({"net": given.net, "arm": name, **rows}), flush=True)


if __name__ == "__main__":
    main()
