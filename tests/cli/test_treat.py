"""``eyechart treat``, as a user gives it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eyechart.store.run_folder import Run

Command = Any


def test_treated_saved_and_proved(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "better.safetensors"
    remedies = ("--with", "kernel_smoothing,phase_average", "--set", "kernel_smoothing.rho=0.1")
    proof = ("--images", "demo", "--calibrate", 20, "--exams", "clean", "--workers", 0)
    said = command("treat", "demo", *remedies, *proof, "--out", out, "--json")
    assert said.code == 0
    assert "phase_average" in said.err
    assert "4.00 times" in said.err  # multiply-adds: four copies
    summary = json.loads(said.out)
    run = Run(tmp_path / "better-proof")
    names = [model["name"] for model in run.record["models"]]
    assert names == ["demo", "demo + kernel_smoothing, phase_average"]
    assert {e.model for e in run.estimates} == {*names}
    assert summary["of"] == run.results["of"]
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert recipe["remedies"][0]["settings"]["rho"] == 0.1
    again = command("exam", out, "--images", "demo", "--limit", 8, "--exams", "clean", "--out", tmp_path / "run")
    assert again.code == 0
    assert "treated with" in again.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--with", "antialas", "--out", "x.safetensors"], "antialias"),
        (["--with", "", "--out", "x.safetensors"], "No remedy is named"),
        (["--with", "antialias bass", "--out", "x.safetensors"], "--with antialias,bass"),
        (["--with", "antialias", "--epochs", "2", "--out", "x.safetensors"], "without --finetune"),
        (["--with", "antialias", "--train-images", "demo", "--out", "x.safetensors"], "without --finetune"),
        (["--with", "antialias", "--five-rows", "8", "--out", "x.safetensors"], "without --finetune"),
        (["--with", "augmix", "--finetune", "--export", "x.pt2", "--out", "x.safetensors"], "with --finetune"),
        (["--with", "augmix", "--finetune", "--five-rows", "8", "--out", "x.safetensors"], "bass"),
        (["--with", "antialias", "--images", "demo", "--test-images", "demo", "--out", "x.safetensors"], "treated on"),
        (["--with", "antialias", "--set", "low_pass.radius=4", "--out", "x.safetensors"], "Name the remedy in --with"),
        (["--with", "antialias"], "FILE.safetensors"),
        (["--with", "antialias", "--out", "x.pth"], "FILE.safetensors"),
        (["--with", "antialias", "--set", "antialias.taps=0", "--out", "x.safetensors"], "1 or more"),
        (["--with", "low_pass", "--out", "x.safetensors"], "low_pass.radius"),
        (["--with", "bass", "--out", "x.safetensors"], "--finetune"),
        (
            ["--with", "bass,pgd_at,trades", "--finetune", "--images", "demo", "--out", "x.safetensors"],
            "Two objectives",
        ),
        (["--with", "bass", "--finetune", "--out", "x.safetensors"], "--train-images"),
        (["--with", "antialias", "--out", "x.safetensors", "--export", "x.onnx"], "FILE.pt2"),
    ],
)
def test_mistakes(command: Command, arguments: list[str], told: str, tmp_path: Path) -> None:
    said = command("treat", "demo", *(a.replace("x.", f"{tmp_path}/x.") for a in arguments))
    assert said.code == 2
    assert told in said.err
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.slow
def test_nothing_of_the_users_is_overwritten(command: Command, tmp_path: Path) -> None:
    first, notes = tmp_path / "first.safetensors", tmp_path / "other.json"
    assert command("treat", "demo", "--with", "kernel_smoothing", "--out", first).code == 0
    held = first.read_bytes()
    itself = command("treat", first, "--with", "antialias", "--out", first)
    other = command("treat", "demo", "--with", "antialias", "--out", first)
    trained = command(
        "treat", "demo", "--with", "bass", "--finetune", "--recipe", "small", "--images", "demo", "--out", first
    )
    for said, told in ((itself, "model to be treated"), (other, "another model"), (trained, "another model")):
        assert said.code == 2
        assert told in said.err
    assert first.read_bytes() == held
    assert command("treat", "demo", "--with", "kernel_smoothing", "--out", first).code == 0  # the same once more
    assert first.read_bytes() == held
    notes.write_text('{"my": "notes"}')
    said = command("treat", "demo", "--with", "antialias", "--out", tmp_path / "other.safetensors")
    assert said.code == 2
    assert "something else" in said.err
    assert json.loads(notes.read_text()) == {"my": "notes"}


def test_an_exported_program_is_examined(command: Command, tmp_path: Path) -> None:
    out, program = tmp_path / "net.safetensors", tmp_path / "net.pt2"
    said = command("treat", "demo", "--with", "antialias", "--out", out, "--export", program)
    assert said.code == 0
    assert "--trust code" in said.err
    exam = ("--images", "demo", "--limit", 8, "--exams", "clean", "--workers", 0)
    assert command("exam", program, "--trust", "code", *exam, "--out", tmp_path / "run").code == 0


def test_lists_and_shows(command: Command) -> None:
    assert "dense_stride" in command("list", "remedies").out
    told = command("show", "kernel_smoothing").out
    assert "Meant to improve" in told
    assert "version" in told


def test_finetuned_beside_a_control(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "cured.safetensors"
    what = ("treat", "demo", "--with", "bass", "--set", "bass.p=1", "--finetune", "--recipe", "small", "--epochs", 1)
    where = ("--images", "demo", "--train-limit", 128, "--limit", 40, "--exams", "clean", "--workers", 0, "--out", out)
    said = command(*what, *where)
    assert said.code == 0, said.err
    assert "control: epoch 1" in said.err
    proof = json.loads((tmp_path / "cured-proof" / "proof.json").read_text())
    assert list(proof["roles"].values()) == ["before", "control", "treated"]
    assert proof["pairs"][0] == ["demo + bass", "demo (control)"]
    assert {change["n"] for change in proof["changes"]} == {40}
    run = Run(tmp_path / "cured-proof")
    assert run.results["of"] == 500
    again = command(*what, *where)
    assert again.code == 0
    assert "epoch 1" not in again.err
    told = command("prescribe", tmp_path / "cured-proof")
    assert told.code == 0
    assert "nothing is prescribed" in told.out


def test_finetuning_on_fewer_images_than_a_batch_says_so_and_what_was_done(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "cured.safetensors"
    what = (
        "treat",
        "demo",
        "--with",
        "antialias,bass",
        "--finetune",
        "--recipe",
        "small",
        "--epochs",
        1,
        "--classes",
        "sorted",
    )
    where = ("--images", "demo", "--train-limit", 40, "--limit", 20, "--exams", "clean", "--workers", 0, "--out", out)
    said = command(*what, *where)
    assert said.code == 0, said.err
    assert "A batch of 128 is more than the 40 images" in said.err
    assert "moved behind its activation" in said.err
    told = json.loads(out.with_suffix(".json").read_text())
    assert told["remedies"][0]["name"] == "antialias"
    assert told["done"]["antialias"]
