"""Several processes on one run folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alike import assert_alike
from eyechart.errors import SettingError
from eyechart.run.spread import Rank
from eyechart.store.run_folder import Run
from small_run import IMAGES, SECONDS, Counting, manifests, small_run, started, wait_for_shards


def rank(number: int) -> dict[str, str]:
    return {"RANK": str(number), "WORLD_SIZE": "2", "LOCAL_RANK": str(number)}


def test_two_processes_give_the_rows_of_one(tmp_path: Path, undisturbed: Run) -> None:
    processes = [started(tmp_path / "run", pause=0.01, **rank(number)) for number in (0, 1)]
    for process in processes:
        said = process.communicate(timeout=SECONDS)[1]
        # the one that does not write results finds none if it is the first to end
        assert process.returncode == 0, said
    run = Run(tmp_path / "run")
    assert len(set(run.rows("clean")["id"].to_pylist())) == IMAGES
    assert_alike(run, undisturbed)


def test_the_living_take_over_from_the_dead(tmp_path: Path, undisturbed: Run) -> None:
    out = tmp_path / "run"
    first, second = (started(out, pause=0.02, **rank(number)) for number in (0, 1))
    wait_for_shards(out, 4, first)
    first.kill()
    first.communicate()
    second.communicate(timeout=SECONDS)
    assert second.returncode == 0
    counting = Counting()
    assert_alike(small_run(out, reporter=counting), undisturbed)
    assert counting.forwards == 0  # the second left nothing to do but the joining


@pytest.mark.slow
def test_torchrun_by_the_command_line(tmp_path: Path) -> None:
    common = ["exam", "demo", "--images", "demo", "--exams", "clean,bands", "--limit", "200", "--batch-size", "32"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    for name, command in {"two": launcher, "one": [sys.executable]}.items():
        full = [*command, "-m", "eyechart.cli.app", *common, "--out", str(tmp_path / name)]
        ran = subprocess.run(full, env=env, check=False, capture_output=True, text=True, timeout=4 * SECONDS)
        assert ran.returncode == 0, ran.stderr
    assert_alike(Run(tmp_path / "two"), Run(tmp_path / "one"))
    assert (tmp_path / "two" / "report.html").exists()


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_each_rank_starts_elsewhere_and_walks_everything(of: int) -> None:
    items = list(range(12))
    walks = [Rank(number, of).rotated(items) for number in range(of)]
    assert all(sorted(walk) == items for walk in walks)
    assert len({walk[0] for walk in walks}) == of


@pytest.mark.parametrize("wrong", [{"RANK": "one"}, {"WORLD_SIZE": "0"}, {"RANK": "2", "WORLD_SIZE": "2"}])
def test_a_launcher_that_sets_nonsense(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match="RANK"):
        Rank.from_environment()


def test_a_kill_leaves_manifests_only_of_whole_shards(tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = started(out, pause=0.01)
    wait_for_shards(out, 2, process)
    process.kill()
    process.communicate()
    said = Counting()
    small_run(out, reporter=said)
    assert not [text for text in said.said if "does not verify" in text]
    assert len(manifests(out)) == 3 * IMAGES // 16
