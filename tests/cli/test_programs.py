"""The command line as a program of its own: how it starts, how it is interrupted, what it loads."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

import psutil
import pytest

from alike import assert_alike, marks
from eyechart.examination import write_report
from eyechart.store.run_folder import Run
from small_run import EXAMS, manifests, small_run

Command = Any
Program = Callable[..., subprocess.Popen[str]]
HEAVY = {"torch", "torchvision", "timm", "scipy", "pyarrow", "pandas"}
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}


def loaded(*arguments: str) -> tuple[set[str], str]:
    """Modules that a command loads, and what it prints."""
    code = (
        "import sys, atexit; atexit.register(lambda: print('\\n'.join(sys.modules), file=sys.stderr))\n"
        f"from eyechart.cli.app import main; main({list(arguments)!r})"
    )
    ran = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in ran.stderr.split()}, ran.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["exam", "--help"], ["--version"], ["list", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    modules, out = loaded(*arguments)
    assert "eyechart" in modules
    assert not HEAVY & modules
    assert out.strip()


def test_the_public_face_is_light_and_whole() -> None:
    code = "import sys, eyechart; print('torch' in sys.modules, 'pydantic' in sys.modules); print(*eyechart.__all__)"
    ran = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    heavy, names = ran.stdout.splitlines()
    assert heavy == "False False"
    code = f"import eyechart; [getattr(eyechart, n) for n in {names.split()!r}]; from eyechart import *"
    subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=True)


def test_the_report_needs_no_torch(tmp_path: Path) -> None:
    run = small_run(tmp_path / "run", exams=EXAMS[:2], limit=40)
    write_report(run)
    page = (tmp_path / "run/report.html").read_bytes()
    (tmp_path / "run/report.html").unlink()
    modules, out = loaded("report", str(tmp_path / "run"))
    assert out.strip() == f"{tmp_path / 'run'}/report.html"
    assert not {"torch", "torchvision", "timm"} & modules
    assert (tmp_path / "run/report.html").read_bytes() == page
    assert len(page) <= 5 * 2**20


def test_stdout_is_one_document_and_stderr_the_rest(program: Program, four: tuple[object, ...], tmp_path: Path) -> None:
    process = program("exam", *four, "--out", tmp_path / "run", "--exams", "clean", "--json", "--seed", 2)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.count("\n") == 1
    assert json.loads(out)["complete"] is True
    assert "4 classes of the images matched with 4 outputs" in err
    given = Run(tmp_path / "run").record["provenance"]["command"]
    assert given.endswith("--exams clean --json --seed 2")
    assert f"--out {tmp_path / 'run'}" in given


LAUNCH = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it, and hands that down
from eyechart.run.engine import Engine
Engine.shard_size = lambda *_: 16
from eyechart.cli.app import main
main(sys.argv[1:])
"""


def launched(arguments: list[object], pause: float) -> subprocess.Popen[str]:
    """The exam command with small shards and a slow net, in a session of its own, as in a terminal."""
    environment = {**ENVIRONMENT, "SMALL_RUN_PAUSE": str(pause)}
    command = [sys.executable, "-c", LAUNCH, "exam", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(
    command: Command, archive: str, known: tuple[object, ...], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    common = ["small_nets:tired", "--images", archive, *known[:-1], 2]
    arguments = [*common, "--exams", "clean,bands", "--batch-size", 4]
    process = launched([*arguments, "--out", out], pause=0.05)
    while not manifests(out):
        assert process.poll() is None, process.communicate()[1]
        sleep(0.01)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said[0] == ""
    assert f"with --out {out}" in said[1]
    assert "Traceback" not in said[1]
    assert "KeyboardInterrupt" not in said[1]
    assert len(workers) == 2
    assert psutil.wait_procs(workers, timeout=5)[1] == []
    marked = marks(manifests(out))
    assert 0 < len(marked) < 6
    assert not (out / "results.json").exists()

    for name in ("run", "whole"):
        assert command("exam", *arguments, "--out", tmp_path / name).code == 0
    assert marked.items() <= marks(manifests(out)).items()
    assert_alike(Run(out), Run(tmp_path / "whole"))


def test_a_killed_run_leaves_no_workers(archive: str, known: tuple[object, ...], tmp_path: Path) -> None:
    common = ["small_nets:tired", "--images", archive, *known[:-1], 2]
    process = launched([*common, "--exams", "clean,bands", "--batch-size", 4, "--out", tmp_path / "run"], pause=0.05)
    while not manifests(tmp_path / "run"):
        assert process.poll() is None, process.communicate()[1]
        sleep(0.01)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()  # closes the pipes, too
    assert len(workers) == 2
    assert psutil.wait_procs(workers, timeout=5)[1] == []


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    shell = shutil.which("bash") or shutil.which("sh")
    assert shell
    line = f"{sys.executable} -m eyechart.cli.app list models | true; echo ${{PIPESTATUS[0]:-0}}"
    ran = subprocess.run([shell, "-c", line], env=ENVIRONMENT, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "Traceback" not in ran.stderr
    assert ran.stderr == ""
