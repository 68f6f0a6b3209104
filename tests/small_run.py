"""A small run: as a function, and as a program (``python -m small_run OUT``) that can be killed on its way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from torch import Tensor

import numbered
from eyechart.core.exam import Exam
from eyechart.examination import examine
from eyechart.exams.bands import Bands
from eyechart.exams.clean import Clean
from eyechart.exams.shift import Shift
from eyechart.models.image_model import ImageModel
from eyechart.run.engine import Engine
from eyechart.run.reporter import Silent
from eyechart.store.run_folder import Run
from eyes import LowPassEye, seen_by

EXAMS: tuple[Exam, ...] = (
    Clean(),
    Bands(radii=(2, 5)),
    Shift(protocols=("crop", "embed_black"), pairs_per_image=1, short_side=150),
)
QUERIES = 1 + 4 + 4
IMAGES, SHARD = 192, 16
PAUSE = float(os.environ.get("SMALL_RUN_PAUSE", "0"))
SECONDS = 60  # until a program counts as hanging


class Counting(Silent):
    """Counts forwards."""

    def __init__(self) -> None:
        super().__init__()
        self.forwards = self.announced = 0

    def begin(self, what: str, total: int) -> None:
        self.announced += total

    def advance(self, forwards: int) -> None:
        self.forwards += forwards


class TiredEye(LowPassEye):
    """Rests before each answer."""

    def forward(self, x: Tensor) -> Tensor:
        sleep(PAUSE)
        return super().forward(x)


def eye() -> ImageModel:
    return seen_by(TiredEye(5, numbered.SIDE), name="eye")


def small_run(out: str | Path, images: Any = None, exams: Any = EXAMS, **more: Any) -> Run:
    """Examine the eye in shards of 16 images."""
    usual, Engine.shard_size = Engine.shard_size, lambda *_: SHARD
    try:
        images = numbered.numbered(IMAGES) if images is None else images
        return examine(more.pop("model", None) or eye(), images, exams, out=out, **{"workers": 0, **more})
    finally:
        Engine.shard_size = usual


def started(out: Path, pause: float = 0.0, **environment: str) -> subprocess.Popen[str]:
    """The same as a program."""
    tests = str(Path(__file__).parent)
    own = {"PYTHONPATH": tests, "SMALL_RUN_PAUSE": str(pause), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "small_run", str(out)]
    return subprocess.Popen(
        command, env={**os.environ, **own, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_shards(out: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Until so many manifests lie in the run folder."""
    began = monotonic()
    while len(manifests(out)) < count:
        if process.poll() is not None:
            raise AssertionError(f"it ended with {process.returncode}: {process.communicate()[1]}")
        if monotonic() - began > SECONDS:
            process.kill()
            raise AssertionError(f"{len(manifests(out))} shards after {SECONDS} s")
        sleep(0.01)


def manifests(out: Path) -> list[Path]:
    """Manifests of all shards."""
    return sorted(path for path in out.glob("shards/*/*/*.manifest.json") if not path.name.startswith("."))


if __name__ == "__main__":
    small_run(sys.argv[1])
