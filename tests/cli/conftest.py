"""The command line in this process, and small things to examine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import small_nets
from eyechart.cli.app import main
from numbered import CLASSES, SIDE, Numbered

NAMES = ("ant", "bee", "cat", "dog")


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def paragraph(self) -> str:
        """Stderr, for errors that must be one paragraph."""
        assert "Traceback" not in self.err
        assert self.out == ""
        lines = self.err.strip().splitlines()
        assert lines, "nothing was said"
        assert lines[-1].startswith("Error: "), self.err
        assert not any(line.startswith("Error") for line in lines[:-1])
        return lines[-1]


Command = Callable[..., Said]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code: object = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as stopped:
            code = stopped.code or 0
        captured = capsys.readouterr()
        assert isinstance(code, int)
        return Said(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """``npz:FILE`` with 48 pictures of four classes; three pictures are bright."""
    bright = (5, 17, 40)
    pictures = [np.asarray(Numbered(i, bright=i in bright).open().picture) for i in range(48)]
    file = tmp_path_factory.mktemp("images") / "numbered.npz"
    np.savez(file, images=np.stack(pictures), labels=np.arange(48) % CLASSES, class_names=NAMES)
    assert pictures[0].shape == (SIDE, SIDE, 3)
    return f"npz:{file}"


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """What small nets do not say themselves: frame and class names."""
    folder = tmp_path_factory.mktemp("known")
    (folder / "frame.toml").write_text(small_nets.FRAME)
    (folder / "classes.txt").write_text("\n".join(NAMES))
    return ("--preprocess", folder / "frame.toml", "--classes", folder / "classes.txt", "--workers", 0)


@pytest.fixture
def four(archive: str, known: tuple[object, ...]) -> tuple[object, ...]:
    """A model and its images, for the exam command."""
    return ("small_nets:four", "--images", archive, *known)


# As python -m eyechart.cli.app; a test run in the background ignores Ctrl-C, and would hand that down.
HEARING = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("eyechart.cli.app", run_name="__main__", alter_sys=True)
"""


def program(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    """The command line as a program of its own."""
    tests = Path(__file__).parents[1]
    path = os.pathsep.join(map(str, (tests, tests.parent / "src")))  # this checkout, not the one that is installed
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **environment}
    full = [sys.executable, "-c", HEARING, *map(str, arguments)]
    return subprocess.Popen(
        full, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.fixture(name="program")
def _program() -> Callable[..., subprocess.Popen[str]]:
    return program
