"""AutoAttack beside pyautoattack 0.2.0: the same images, robust accuracy after each attack, and time.

Both attack one adversarially trained net of the shared data, in float32, in batches of 250, on the threads that torch is given
(``OMP_NUM_THREADS``). They take turns; the fastest of each counts. Seconds are those of the process on its processors, which
depend less on what runs beside it than those on the wall; both are told.

    pip install --no-deps --target peers pyautoattack==0.2.0
    PYTHONPATH=peers python benchmarks/autoattack.py --images 500                 # about ten minutes on one core
    PYTHONPATH=peers python benchmarks/autoattack.py --images 100 --norm l2 --eps 0.5 --net resnet4b

``--precision bfloat16``: ours searches in it; what it reports is confirmed in float32.

Prints one JSON object on stdout.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

import eyechart
from eyechart.core.view import Attacked, Pixels, Precision
from eyechart.models.image_model import ImageModel
from eyechart.views.attacks.autoattack import AutoAttack

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BATCH = 250
Outcome = tuple[torch.Tensor, dict[str, float]]


def images(n: int) -> tuple[torch.Tensor, np.ndarray[Any, Any]]:
    """The first n CIFAR-10 test images that are there, (n, 3, 32, 32) in [0, 1], and their labels."""
    truth = np.load(DATA / "cifar10/test_labels.npz")
    sheet = np.asarray(Image.open(DATA / "cifar10/test_00.webp").convert("RGB"))
    tiles = sheet.reshape(25, 32, 40, 32, 3).swapaxes(1, 2).reshape(1000, 32, 32, 3)
    there = np.flatnonzero(truth["present"][:1000])[:n]
    pixels = torch.from_numpy(tiles[there]).permute(0, 3, 1, 2).float() / 255
    return pixels, truth["labels"][there].astype(np.int64)


def ours(
    model: ImageModel, pixels: torch.Tensor, labels: np.ndarray[Any, Any], norm: Any, eps: float, precision: Precision
) -> Outcome:
    view, shown, by, right = AutoAttack(norm, eps), [], [], []
    for start in range(0, len(pixels), BATCH):
        part = slice(start, start + BATCH)
        ids = tuple(str(start + i) for i in range(len(labels[part])))
        with torch.inference_mode():
            one = view.render(Pixels(pixels[part], ids, 0, attacked=Attacked(model, labels[part], precision)))
        shown.append(one.pixels)
        by.append(one.notes["broken_by"])
        right.append(one.notes["right"] == 1)
    broken_by, spared = np.concatenate(by), np.concatenate(right)
    standing = {
        stage.label: float((spared & ~((broken_by >= 0) & (broken_by <= k))).mean())
        for k, stage in enumerate(view.stages)
    }
    return torch.cat(shown), {"clean": float(spared.mean()), **standing}


def theirs(model: ImageModel, pixels: torch.Tensor, labels: np.ndarray[Any, Any], norm: str, eps: float) -> Outcome:
    from pyautoattack import AutoAttack as Peer  # noqa: PLC0415

    told: list[str] = []
    logger, keeper = logging.getLogger("auto-attack"), logging.Handler()
    keeper.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger.setLevel(logging.DEBUG)
    logger.addHandler(keeper)
    peer = Peer(Normalised(model), norm={"linf": "Linf", "l2": "L2"}[norm], eps=eps, seed=0)
    found, _ = peer.run_standard_evaluation(pixels.contiguous(), torch.from_numpy(labels), batch_size=BATCH)
    logger.removeHandler(keeper)
    words = [line.split() for line in told if "accuracy" in line]
    standing = {w[3].lower().rstrip(":"): float(w[4].rstrip("%")) / 100 for w in words if w[2] == "after"}
    clean = next(float(w[2].rstrip("%")) / 100 for w in words if w[0] == "initial")
    return found, {"clean": clean, **standing}


class Normalised(nn.Module):
    """The same net as others are given it: a module with its normalisation, in plain memory."""

    def __init__(self, model: ImageModel) -> None:
        super().__init__()
        self.net = copy.deepcopy(model.net).to(memory_format=torch.contiguous_format)
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(getattr(model.preprocessing, name)).view(1, -1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net((x - self.mean) / self.std)


def timed(run: Callable[[], Outcome]) -> dict[str, Any]:
    busy, wall = process_time(), perf_counter()
    _, standing = run()
    return {"cpu_seconds": process_time() - busy, "wall_seconds": perf_counter() - wall, "standing": standing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--net", choices=["cnn_a", "resnet4b"], default="cnn_a")
    parser.add_argument("--norm", choices=["linf", "l2"], default="linf")
    parser.add_argument("--eps", type=float, default=8 / 255)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help="ours searches in it")
    parser.add_argument("--turns", type=int, default=1)
    given = parser.parse_args()
    model = eyechart.load_model(
        str(DATA / f"cifar10_nets/{given.net}_robust.safetensors"), arch=f"eyechart:{given.net}", device="cpu"
    )
    pixels, labels = images(given.images)
    turns = [
        (timed(lambda: ours(model, pixels, labels, given.norm, given.eps, given.precision)),
         timed(lambda: theirs(model, pixels, labels, given.norm, given.eps)))
        for _ in range(given.turns)
    ]  # fmt: skip
    mine, peer = (min(runs, key=lambda run: run["cpu_seconds"]) for runs in zip(*turns, strict=True))
    found = {
        **vars(given),
        "threads": torch.get_num_threads(),
        "eyechart": mine,
        "pyautoattack": peer,
        "ratio_cpu": mine["cpu_seconds"] / peer["cpu_seconds"],
        "ratio_wall": mine["wall_seconds"] / peer["wall_seconds"],
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
