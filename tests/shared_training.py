"""A small training, run by itself or by torchrun: ``python shared_training.py NAME FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn

from eyechart.models.nets import CifarResNet
from eyechart.models.preprocessing import Preprocessing
from eyechart.store.folder import Folder
from eyechart.train.loop import Trainer
from eyechart.train.recipe import Recipe
from eyechart.train.resident import Resident

SEEN = Preprocessing(size=(16, 16), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
SHORT_SEARCH = {"name": "adversarial", "steps": 2}
RECIPES = {
    "without": Recipe(epochs=4, batch_size=16, lr=0.05, augment=({"name": "crop_flip"},), clip=1.0, ema=0.9),
    "without_adversarial": Recipe(epochs=3, batch_size=16, lr=0.05, objective=SHORT_SEARCH),
    "with": Recipe(epochs=3, batch_size=16, lr=0.02, ghost_batches=2, augment=({"name": "crop_flip"},)),
    "with_adversarial": Recipe(epochs=3, batch_size=16, lr=0.02, ghost_batches=2, objective=SHORT_SEARCH),
    "with_augmix": Recipe(epochs=2, batch_size=16, lr=0.02, ghost_batches=2, objective={"name": "augmix_jsd"}),
}


class Unused(nn.Module):
    """A net without BatchNorm, and with a layer that it never asks."""

    def __init__(self) -> None:
        super().__init__()
        self.never = nn.Linear(3, 3)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.ReLU())
        self.last = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.layers(x).mean((2, 3)))


def resident(n: int = 50) -> Resident:
    chance = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 3
    images = torch.randint(0, 80, (n, 16, 16, 3), generator=chance, dtype=torch.uint8)
    images[torch.arange(n), :, :, labels] += 120
    return Resident(images.permute(0, 3, 1, 2), labels, tuple(f"{i}" for i in range(n)))


def train(name: str, folder: Path) -> nn.Module:
    torch.manual_seed(0)
    net = CifarResNet(1, 3) if not name.startswith("without") else Unused()
    return Trainer(net, RECIPES[name], resident(), SEEN, Folder(folder / name)).run()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for one in sys.argv[2:]:
        train(one, Path(sys.argv[1]))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
