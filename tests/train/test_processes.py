"""Two processes learn what one does with the same batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import shared_training
from eyechart.errors import SettingError
from eyechart.store.folder import Folder
from eyechart.train import checkpoint
from eyechart.train.log import read
from eyechart.train.loop import Trainer
from eyechart.train.processes import Processes


@pytest.mark.slow
def test_two_processes_learn_as_one(tmp_path: Path) -> None:
    """Without BatchNorm; and with it, where one process shows it equal ghost batches. Attacks ask it in evaluation mode too."""
    names = list(shared_training.RECIPES)
    script = [shared_training.__file__, str(tmp_path / "two"), *names]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *script]
    subprocess.run(launch, check=True, env=environment, timeout=500)
    for name in names:
        shared_training.train(name, tmp_path / "one")
        one, two = (read(Folder(tmp_path / world / name)) for world in ("one", "two"))
        assert len(one) == len(two) == shared_training.RECIPES[name].epochs
        for mine, theirs in zip(one, two, strict=True):
            assert float(theirs["loss"]) == pytest.approx(float(mine["loss"]), rel=1e-4), name
            assert theirs["accuracy"] == mine["accuracy"]
        last = checkpoint.name_of(len(one))
        ends = [load_file(tmp_path / world / name / last) for world in ("one", "two")]
        for key, value in ends[0].items():
            torch.testing.assert_close(ends[1][key], value, rtol=1e-3, atol=1e-5, msg=f"{name} {key}")


def test_shares_are_equal_and_cover_the_batch() -> None:
    shares = [Processes(rank, 3).share(torch.arange(12)) for rank in range(3)]
    assert torch.equal(torch.cat(shares), torch.arange(12))


@pytest.mark.parametrize(("world", "ghosts", "parts"), [(1, 1, 1), (1, 4, 4), (2, 4, 2), (4, 4, 1), (4, 1, 1)])
def test_ghosts_of_a_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, world: int, ghosts: int, parts: int
) -> None:
    monkeypatch.setattr(Processes, "from_environment", classmethod(lambda cls, device: cls(0, world)))
    recipe = shared_training.RECIPES["with"].model_copy(update={"ghost_batches": ghosts})
    trainer = Trainer(
        shared_training.Unused(), recipe, shared_training.resident(), shared_training.SEEN, Folder(tmp_path)
    )
    assert trainer._parts == parts


def test_ghosts_that_do_not_divide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Processes, "from_environment", classmethod(lambda cls, device: cls(0, 2)))
    recipe = shared_training.RECIPES["with"].model_copy(update={"ghost_batches": 3})
    with pytest.raises(SettingError, match="multiple of 2"):
        Trainer(shared_training.Unused(), recipe, shared_training.resident(), shared_training.SEEN, Folder(tmp_path))
