"""``eyechart prescribe``, as a user gives it."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

Command = Any


def test_of_a_proof_the_treated_net_alone_and_by_its_file(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "treated.safetensors"
    treat = (
        "treat",
        "demo",
        "--with",
        "kernel_smoothing",
        "--images",
        "demo",
        "--classes",
        "sorted",
        "--out",
        str(out),
    )
    treat = (*treat, "--set", "kernel_smoothing.rho=0.05", "--exams", "shift", "--set", "shift.protocols=crop")
    treat = (*treat, "--limit", "60", "--workers", "0")
    monkeypatch.setattr(sys, "argv", ["eyechart", *treat])  # what the record keeps
    assert command(*treat).code == 0
    told = command("prescribe", tmp_path / "treated-proof", "--json")
    assert told.code == 0, told.err
    found = json.loads(told.out)["prescribed"]
    assert {one["model"] for one in found} == {"demo + kernel_smoothing"}
    proof = json.loads((tmp_path / "treated-proof" / "run.json").read_text())
    specs = {model["name"]: model["source"]["spec"] for model in proof["models"]}
    assert specs == {"demo": "demo", "demo + kernel_smoothing": str(out)}
    plain = command("prescribe", tmp_path / "treated-proof")
    assert "nothing is prescribed for the models that its net is compared with" in " ".join(plain.out.split())
    commands = [remedy["command"] for one in found for remedy in one["remedies"]]
    assert commands
    for line in commands:
        assert line.startswith(f"eyechart treat {shlex.quote(str(out))} --with ")
        assert "--images demo --classes sorted " in line


def test_a_training_points_to_its_proof(command: Command, tmp_path: Path) -> None:
    (tmp_path / "net" / "proof").mkdir(parents=True)
    (tmp_path / "net" / "proof" / "run.json").write_text("{}")
    told = command("prescribe", "net")
    assert told.code == 2
    assert "eyechart prescribe net/proof" in " ".join(told.err.split())
