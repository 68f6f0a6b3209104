"""Accuracy under corruption, ours beside imagecorruptions 1.1.2: the same nets, images and parameters, paired by image.

ResNet-20 on CIFAR-10 test images (32 pixels) and SqueezeNet 1.1 on the shared ImageNet samples (the middle 224 pixels), under
each of the nineteen corruptions, at severities 1, 3 and 5. imagecorruptions has the parameters of 224 pixels alone and takes
them at any size, so ours takes them at 32 pixels, too: they are hard there, and say nothing about CIFAR-10-C.

Of each cell: both accuracies, and their difference (ours less theirs) with an exact interval of 95 %. Given how many images
only one of the two leaves right, which one is a fair coin if both corrupt alike (McNemar); the interval is Clopper and
Pearson's of the coin's share, times those images' share of all. Then by how many levels each changes images on average, and
that difference with its interval. Ours draws one set of numbers for all severities of an image, so that the three cells of a
corruption are not independent.

``beyond`` counts the intervals that leave 0 out. ``expected`` is how many would by chance alone: less than 5 % of them, since
coins are discrete; it is summed from the coins' own distributions. Corruptions that draw nothing (fewer than one level in
10,000 differs) take no part in either.

Where theirs turns frames black (spatter without a drop divides 0 by 0) the cell is told once more without these images.
``elastic_as_theirs`` is our elastic transform with their parameters and without the affine map, which theirs does not have.

    python benchmarks/corruption_parity.py                              # both sets; needs the extra ``bench``
    python benchmarks/corruption_parity.py --sets cifar --images 200 --only snow spatter --severities 4

Their glass blur takes a second for an image of 224 pixels: what ``--slow`` names is asked of fewer images there, at severity 3
alone. The rest takes about a quarter of an hour of one core. Prints a table on stderr as it goes and one JSON object on stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from corruptions import corrupt_of_imagecorruptions
from PIL import Image
from scipy.stats import beta, binom

import eyechart
from eyechart.core.view import Pixels
from eyechart.images.load import load_images
from eyechart.models.image_model import ImageModel
from eyechart.run.render import show, unit
from eyechart.views.corruptions.corrupted import CORRUPTIONS, Corrupted
from eyechart.views.corruptions.elastic import elastic_transform
from eyechart.views.corruptions.kind import Given, cut

Array = np.ndarray[Any, Any]
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
AS_THEIRS = "elastic_as_theirs"
BATCH = 50
NETS = {
    "cifar": ("cifar10_nets/resnet20", "eyechart:cifar_resnet20"),
    "imagenet": ("imagenet_nets/squeezenet1_1", "torchvision:squeezenet1_1"),
}


@dataclass(frozen=True)
class Asked:
    """Frames (n, side, side, 3) uint8 with their labels, and who is asked."""

    model: ImageModel
    frames: Array
    labels: Array

    def right(self, shown: Array) -> Array:
        """(n,) bool: which of the first n frames are named right, as they are shown."""
        parts = torch.from_numpy(shown).permute(0, 3, 1, 2).split(BATCH)  # type: ignore[no-untyped-call]
        answers = [self.model(unit(part).contiguous(memory_format=torch.channels_last)).argmax(1) for part in parts]
        return np.asarray(torch.cat(answers).numpy() == self.labels[: len(shown)])

    def first(self, n: int) -> Asked:
        """Fewer frames."""
        return Asked(self.model, self.frames[:n], self.labels[:n])


def asked(name: str, data: Path, n: int) -> Asked:
    """The first n images of a set, whole where n is more."""
    weights, arch = NETS[name]
    model = eyechart.load_model(str(data / f"{weights}.safetensors"), arch=arch, device="cpu")
    if name == "cifar":
        images = load_images(f"cifar10:{data / 'cifar10'}")
        pictures = [np.asarray(images.source(i).open().picture) for i in range(min(n, len(images.ids)))]
        return Asked(model, np.stack(pictures), np.asarray(images.labels)[:n])
    classes = (data / "imagenet_samples/wnids.txt").read_text(encoding="utf-8").split()
    files = sorted((data / "imagenet_samples").glob("*.jpg"))[:n]
    return Asked(
        model, np.stack([middle(file, 224) for file in files]), np.array([classes.index(f.stem) for f in files])
    )


def middle(file: Path, side: int) -> Array:
    """The square in the middle."""
    picture = Image.open(file).convert("RGB")
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return np.asarray(picture.crop((left, top, left + side, top + side)))


def ours(frames: Array, name: str, severity: int, seed: int) -> Array:
    """Batch by batch, with the parameters of 224 pixels."""
    shown = []
    for start in range(0, len(frames), BATCH):
        part = unit(torch.from_numpy(frames[start : start + BATCH]).permute(0, 3, 1, 2))
        batch = Pixels(part, tuple(map(str, range(start, start + len(part)))), seed)
        if name == AS_THEIRS:
            factor, side = (12.5, 16.25, 21.25, 25, 30)[severity - 1], 224 / 244  # ours are shares of 244/224 of a side
            given = Given(part, batch, f"corruption/{name}", "imagenet")
            levels = cut(elastic_transform(given, 0.005 * factor * side, 0.01 * side, 0))
        else:
            levels = show(Corrupted(name, severity, column="imagenet"), batch)[0].mul(255).round_()
        shown.append(levels.to(torch.uint8).permute(0, 2, 3, 1).numpy())
    return np.concatenate(shown)


def theirs(frames: Array, name: str, severity: int, seed: int, corrupt: Callable[..., Array]) -> Array:
    """Image by image; their stream of chance is numpy's global one, started anew for each cell."""
    known = "elastic_transform" if name == AS_THEIRS else name
    np.random.seed([seed, severity, list(CORRUPTIONS).index(known), name == AS_THEIRS])
    with np.errstate(all="ignore"):
        return np.stack([corrupt(frame, corruption_name=known, severity=severity) for frame in frames])


def paired(mine: Array, their: Array) -> dict[str, Any]:
    """Difference of two accuracies on the same images: exact interval, p of McNemar's exact test, how often chance rejects."""
    n, only_mine, only_their = len(mine), int((mine & ~their).sum()), int((their & ~mine).sum())
    coins = only_mine + only_their
    low = beta.ppf(0.025, only_mine, only_their + 1) if only_mine else 0.0
    high = beta.ppf(0.975, only_mine + 1, only_their) if only_their else 1.0
    p = [min(1.0, 2 * float(binom.cdf(min(k, coins - k), coins, 0.5))) for k in range(coins + 1)]
    size = sum(float(binom.pmf(k, coins, 0.5)) for k in range(coins + 1) if p[k] < 0.05)
    interval = [float((2 * end - 1) * coins / n) for end in (low, high)] if coins else [0.0, 0.0]
    return {
        "n": n,
        "ours": float(mine.mean()),
        "theirs": float(their.mean()),
        "difference": (only_mine - only_their) / n,
        "interval": interval,
        "only_ours": only_mine,
        "only_theirs": only_their,
        "p": p[only_mine],
        "chance": size,
        "holds_zero": p[only_mine] >= 0.05,
    }


def changed(mine: Array, their: Array) -> dict[str, Any]:
    """Levels changed, the mean over images of each, and the paired difference with its interval (normal)."""
    apart = mine - their
    half = 1.96 * float(apart.std(ddof=1)) / len(apart) ** 0.5
    middle = float(apart.mean())
    return {
        "ours": float(mine.mean()),
        "theirs": float(their.mean()),
        "difference": middle,
        "interval": [middle - half, middle + half],
        "holds_zero": abs(middle) <= half,
    }


def cell(who: Asked, name: str, severity: int, seed: int, corrupt: Callable[..., Array]) -> dict[str, Any]:
    """One corruption at one severity."""
    shown = ours(who.frames, name, severity, seed), theirs(who.frames, name, severity, seed, corrupt)
    right = tuple(who.right(each) for each in shown)
    moved = tuple(np.abs(each.astype(np.int16) - who.frames).mean((1, 2, 3), dtype=np.float64) for each in shown)
    found = {
        "corruption": name,
        "severity": severity,
        "levels_equal": float((shown[0] == shown[1]).mean()),
        "accuracy": paired(*right),
        "change": changed(*moved),
    }
    black = (shown[1] == 0).all((1, 2, 3)) & (shown[0] != 0).any((1, 2, 3))
    if black.any():
        left = ~black
        found["theirs_black"] = int(black.sum())
        found["without_black"] = {
            "accuracy": paired(right[0][left], right[1][left]),
            "change": changed(moved[0][left], moved[1][left]),
        }
    return found


def line(found: dict[str, Any]) -> str:
    """A row of the table; the mark is of the accuracy, then of the change."""
    rows = []
    for told in (found, found.get("without_black")):
        if told is None:
            continue
        accuracy, change = told["accuracy"], told["change"]
        low, high = (100 * end for end in accuracy["interval"])
        marks = "".join("." if part["holds_zero"] else "*" for part in (accuracy, change))
        rows.append(
            f"{found['corruption'] if told is found else '  without black frames':24s}{found['severity']:2d}{accuracy['n']:6d}"
            f"{100 * accuracy['ours']:7.1f}{100 * accuracy['theirs']:7.1f}{100 * accuracy['difference']:+7.1f}"
            f" [{low:+6.1f},{high:+6.1f}] p {accuracy['p']:5.3f} | {change['ours']:7.2f}{change['theirs']:7.2f}"
            f" [{change['interval'][0]:+6.2f},{change['interval'][1]:+6.2f}] | {100 * found['levels_equal']:6.2f} {marks}"
        )
    return "\n".join(rows)


def summed(cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many intervals leave 0 out, and how many would by chance."""
    drawn = [c for c in cells if c["levels_equal"] < 0.9999 and c["corruption"] != AS_THEIRS]
    same = [c for c in drawn if c["corruption"] != "elastic_transform"]
    return {
        f"{title}{suffix}": value
        for suffix, some in (("", drawn), ("_without_elastic", same))
        for title, value in (
            ("cells", len(some)),
            ("beyond", sum(not c["accuracy"]["holds_zero"] for c in some)),
            ("expected", sum(c["accuracy"]["chance"] for c in some)),
            ("change_beyond", sum(not c["change"]["holds_zero"] for c in some)),
            ("change_expected", 0.05 * len(some)),
        )
    } | {"equal_in_all_levels": sum(c["levels_equal"] == 1 for c in cells)}


def main() -> None:
    """Parse arguments, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", nargs="+", choices=list(NETS), default=list(NETS))
    parser.add_argument("--images", type=int, default=1000, help="of each set, at most")
    parser.add_argument("--only", nargs="+", choices=[*CORRUPTIONS, AS_THEIRS], default=[*CORRUPTIONS, AS_THEIRS])
    parser.add_argument("--severities", nargs="+", type=int, default=[1, 3, 5])
    parser.add_argument("--slow", nargs="*", default=["glass_blur"], help="at 224 pixels: severity 3 of fewer images")
    parser.add_argument("--slow-images", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a JSON file, written after each cell")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    cv2.setNumThreads(chosen.threads)
    corrupt = corrupt_of_imagecorruptions()
    found: dict[str, Any] = {"eyechart": eyechart.__version__, "torch": torch.__version__, "opencv": cv2.__version__}
    found |= {"seed": chosen.seed, "column": "imagenet", "sets": {}}
    with torch.inference_mode():
        for name in chosen.sets:
            who = asked(name, chosen.data, chosen.images)
            clean = float(who.right(who.frames).mean())
            cells: list[dict[str, Any]] = []
            print(f"{name}: {len(who.frames)} images, {100 * clean:.1f} % right as they are", file=sys.stderr)
            for corruption in chosen.only:
                slow = name == "imagenet" and corruption in chosen.slow
                some = who.first(chosen.slow_images) if slow else who
                for severity in [3] if slow else chosen.severities:
                    cells.append(cell(some, corruption, severity, chosen.seed, corrupt))
                    print(line(cells[-1]), file=sys.stderr, flush=True)
                    found["sets"][name] = {"clean": clean, **summed(cells), "cells_of": cells}
                    if chosen.out:
                        chosen.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
