"""What training costs beside the textbook loop, and what views and objectives cost beside their bare forwards and backwards.

``textbook``: ResNet-20 on frames of 32 x 32, a data set over arrays with torchvision's RandomCrop(32, padding=4), flip,
ToTensor and Normalize image by image, a DataLoader with two workers, float32, default layout, SGD with Nesterov momentum: what
tutorials show. Ours is the loop of ``eyechart train`` with ``crop_flip`` and the same optimiser, in bfloat16 and in float32.
``times`` is how many times as many images a second.

``bass``: the safe form at p = 0.5 as a share of a float32 channels_last step. ``augmix_jsd``: a step over a forward and a
backward of three batches together. ``pgd_at``: a step over 10 input gradients, a forward and a backward. ``trades``: the same,
with the clean answer computed once and the three forwards of the published loss. These in float32, steps of the loop itself,
with its draws, its optimiser and its bookkeeping; the bare ones are forwards and backwards alone.

    python benchmarks/training.py                        # all
    python benchmarks/training.py loop --batches 10      # quick
    OMP_NUM_THREADS=1 python benchmarks/training.py costs --clock cpu    # where others use the machine: processor time

All take turns; the fastest turn of each counts. Prints one JSON object on stdout.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from eyechart.models.nets import CifarResNet
from eyechart.models.preprocessing import Preprocessing
from eyechart.store.folder import Folder
from eyechart.train.loop import Trainer
from eyechart.train.recipe import Recipe
from eyechart.train.resident import Resident

SEEN = Preprocessing(size=(32, 32), mean=(0.491, 0.482, 0.447), std=(0.247, 0.243, 0.262))
BATCH = 128
SGD = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}
COSTS: dict[str, dict[str, Any]] = {
    "bass": {"augment": [{"name": "bass", "p": 0.5}]},
    "augmix_jsd": {"objective": {"name": "augmix_jsd"}},
    "pgd_at": {"objective": {"name": "adversarial"}},
    "trades": {"objective": {"name": "trades"}},
}


class Arrays(Dataset):
    """As torchvision's CIFAR10 has it: an array becomes a picture, and transforms make a tensor of it."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels
        self.transform = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(SEEN.mean, SEEN.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, k: int) -> tuple[Tensor, int]:
        return self.transform(self.images[k]), int(self.labels[k])


def pictures(n: int) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    return chance.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), np.arange(n) % 10


def net() -> nn.Module:
    torch.manual_seed(0)
    return CifarResNet(3)


def textbook(n: int) -> Callable[[], object]:
    """An epoch."""
    images = Arrays(*pictures(n))
    model = net()
    optimiser = torch.optim.SGD(model.parameters(), **SGD)
    criterion = nn.CrossEntropyLoss()

    def epoch() -> None:
        loader = DataLoader(images, BATCH, shuffle=True, num_workers=2, drop_last=True)
        for inputs, labels in loader:
            optimiser.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimiser.step()
            loss.item()

    return epoch


def ours(n: int, **changes: Any) -> Callable[[], object]:
    """An epoch of the loop, its checkpoint included."""
    images, labels = pictures(n)
    data = Resident(torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(labels), tuple(map(str, range(n))))
    count = iter(range(10**6))
    model = net()

    def epoch() -> None:
        # Each turn is a training of one epoch, so that its log and checkpoint are counted too.
        with tempfile.TemporaryDirectory() as folder:
            recipe = Recipe(epochs=1, batch_size=BATCH, **{**SGD, **changes})
            Trainer(model, recipe, data, SEEN, Folder(Path(folder)), seed=next(count)).run()

    return epoch


def bare(n: int, kind: str) -> Callable[[], object]:
    """Forwards and backwards alone, as many as an epoch of ``kind`` takes."""
    model = net().to(memory_format=torch.channels_last)
    many = 3 * BATCH if kind == "augmix_jsd" else BATCH
    inputs = torch.randn(many, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(many) % 10

    def step() -> None:
        if kind in ("pgd_at", "trades"):
            model.eval().requires_grad_(False)
            if kind == "trades":
                with torch.no_grad():
                    model(inputs)
            for _ in range(10):
                leaf = inputs.detach().requires_grad_()
                torch.autograd.grad(F.cross_entropy(model(leaf), labels), leaf)
            model.train().requires_grad_(True)
        model.zero_grad(set_to_none=True)
        forwards = 3 if kind == "trades" else 1
        torch.stack([F.cross_entropy(model(inputs), labels) for _ in range(forwards)]).sum().backward()

    def epoch() -> None:
        for _ in range(n // BATCH):
            step()

    return epoch


def fastest(runs: dict[str, Callable[[], object]], turns: int, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds of each: the least over the turns."""
    found = dict.fromkeys(runs, float("inf"))
    for _ in range(turns):
        for name, run in runs.items():
            began = clock()
            run()
            found[name] = min(found[name], clock() - began)
    return found


def loop(batches: int, turns: int) -> dict[str, Any]:
    """Against the textbook; wall clock, since its workers are processes of their own."""
    n = batches * BATCH
    crop = {"augment": [{"name": "crop_flip"}]}
    runs = {
        "textbook": textbook(n),
        "bfloat16": ours(n, precision="bfloat16", **crop),
        "float32": ours(n, **crop),
    }
    took = fastest(runs, turns, perf_counter)
    return {
        "images_per_second": {name: round(n / seconds) for name, seconds in took.items()},
        "times": {name: round(took["textbook"] / took[name], 2) for name in ("bfloat16", "float32")},
    }


def costs(batches: int, turns: int, clock: Callable[[], float]) -> dict[str, Any]:
    """Steps over what they are made of."""
    found: dict[str, Any] = {}
    plain = fastest({"plain": ours(batches * BATCH), "bass": ours(batches * BATCH, **COSTS["bass"])}, turns, clock)
    found["bass_share"] = round(plain["bass"] / plain["plain"] - 1, 4)
    for kind in ("augmix_jsd", "pgd_at", "trades"):
        n = batches * BATCH if kind == "augmix_jsd" else max(batches // 4, 1) * BATCH
        took = fastest({"bare": bare(n, kind), "step": ours(n, **COSTS[kind])}, turns, clock)
        found[f"{kind}_over_bare"] = round(took["step"] / took["bare"], 3)
    return found


def main() -> None:
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("parts", nargs="*", default=[], help="loop, costs; both if none is given")
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    given = parser.parse_args()
    clock = perf_counter if given.clock == "wall" else process_time
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "loop": partial(loop, given.batches, given.turns),
        "costs": partial(costs, given.batches, given.turns, clock),
    }
    found: dict[str, Any] = {"threads": torch.get_num_threads(), "clock": given.clock, "torch": torch.__version__}
    for name in given.parts or parts:
        found[name] = parts[name]()
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
