"""How images are batched and decoded decides nothing; memory that runs out is worked around."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from alike import assert_alike
from eyechart.store.run_folder import Run
from eyes import LowPassEye, seen_by
from numbered import SIDE, numbered
from small_run import EXAMS, small_run

IMAGES = numbered(70)
COMBINATIONS = [c for c in product((1, 7, 256, "auto"), (0, 1, 2)) if c[1] in (0, 1) or c[0] == 7]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_run(tmp_path_factory.mktemp("plain"), IMAGES, batch_size=64)


@pytest.mark.parametrize(("batch_size", "workers"), COMBINATIONS)
def test_batch_size_and_workers_decide_nothing(tmp_path: Path, plain: Run, batch_size: int | str, workers: int) -> None:
    assert_alike(small_run(tmp_path, IMAGES, batch_size=batch_size, workers=workers), plain)


class SmallMemory(LowPassEye):
    """Can hold ``most`` frames at a time."""

    def __init__(self, most: int, error: RuntimeError) -> None:
        super().__init__(5, SIDE)
        self.most, self.error, self.largest = most, error, 0

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise self.error
        return super().forward(x)


CUDA = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
CPU = RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to")


@pytest.mark.parametrize(("most", "error", "batch_size"), [(20, CUDA, 64), (6, CPU, "auto"), (4, CUDA, 7)])
def test_memory_that_runs_out_is_worked_around(
    tmp_path: Path, most: int, error: RuntimeError, batch_size: int | str
) -> None:
    model = seen_by(SmallMemory(most, error), name="eye")
    run = small_run(tmp_path / "small", IMAGES, EXAMS[:2], model=model, batch_size=batch_size)
    enough = seen_by(LowPassEye(5, SIDE), name="eye")
    assert_alike(run, small_run(tmp_path / "enough", IMAGES, EXAMS[:2], model=enough))


class OtherError(LowPassEye):
    """Fails on full batches, but not for want of memory."""

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 4:
            raise RuntimeError("expected scalar type Half")
        return super().forward(x)


def test_other_failures_of_a_model_are_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="scalar type Half"):
        small_run(tmp_path, IMAGES, EXAMS[:1], model=seen_by(OtherError(5, SIDE)))


def test_the_seed_moves_the_pairs_and_nothing_else_does(tmp_path: Path, plain: Run) -> None:
    other = small_run(tmp_path, IMAGES, batch_size=64, seed=1)
    ids = [np.array(run.rows("shift")["id"].to_pylist()) for run in (plain, other)]
    assert sorted(ids[0]) == sorted(ids[1])
    changes = [
        dict(zip(i, run.rows("shift")["crop_absolute_change"].to_pylist(), strict=True))
        for i, run in zip(ids, (plain, other), strict=True)
    ]
    assert sum(changes[0][i] != changes[1][i] for i in ids[0]) > len(IMAGES) / 2
