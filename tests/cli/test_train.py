"""``eyechart train``, as a user gives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eyechart.store.run_folder import Run

Command = Any


def test_trained_and_proved_and_done_already(command: Command, tmp_path: Path) -> None:
    what = ("train", "--arch", "eyechart:lenet", "--images", "demo", "--test-images", "demo", "--test-limit", 10)
    how = ("--change", "epochs=2", "--change", "batch_size=8", "--change", "precision=float32", "--exams", "clean")
    said = command(*what, *how, "--workers", 0, "--out", tmp_path / "net")
    assert said.code == 0, said.err
    assert "epoch 2" in said.err
    assert Run(tmp_path / "net" / "proof").estimates.one("accuracy") is not None
    again = command(*what, *how, "--workers", 0, "--out", tmp_path / "net")
    assert again.code == 0
    assert "epoch 2" not in again.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--images", "demo", "--out", "x"], "--arch"),
        (["--arch", "eyechart:lenet", "--out", "x"], "--images"),
        (["--arch", "eyechart:lenet", "--images", "demo", "--out", "x", "--recipe", "standard_smal"], "standard_small"),
        (["--arch", "eyechart:lenet", "--images", "demo", "--out", "x", "--change", "epoch=2"], "epochs"),
        (["--arch", "eyechart:lenet", "--images", "demo", "--out", "x", "--change", "lr=-1"], "above 0"),
    ],
)
def test_mistakes(command: Command, arguments: list[str], told: str) -> None:
    said = command("train", *arguments)
    assert said.code == 2
    assert told in said.err


def test_recipes_are_listed(command: Command) -> None:
    assert "standard_small" in command("list", "recipes").out


def test_augmentations_are_listed_and_shown(command: Command) -> None:
    listed = command("list", "augments").out
    assert all(name in listed for name in ("mixup", "apr_pairs", "suppress_cue", "bass"))
    shown = command("show", "mixup").out
    assert "alpha = 1.0" in shown
    assert "Zhang" in shown or "lam" in shown
    said = command("show", "mixupp")
    assert said.code == 2
    assert "mixup" in said.err.replace("mixupp", "")
