"""``eyechart treat``, as a user gives it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eyechart.cli.app import main
from eyechart.store.run_folder import Run


def test_treated_saved_and_proved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "better.safetensors"
    main(
        ["treat", "demo", "--with", "kernel_smoothing,phase_average", "--set", "kernel_smoothing.rho=0.1"]
        + ["--images", "demo", "--calibrate", "20", "--exams", "clean", "--workers", "0", "--out", str(out), "--json"]
    )
    told = capsys.readouterr()
    assert "phase_average" in told.err
    summary = json.loads(told.out)
    run = Run(tmp_path / "better-proof")
    names = [model["name"] for model in run.record["models"]]
    assert names == ["demo", "demo + kernel_smoothing, phase_average"]
    assert {e.model for e in run.estimates} == {*names}
    assert summary["of"] == run.results["of"]
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert recipe["remedies"][0]["settings"]["rho"] == 0.1
    main(["exam", str(out), "--images", "demo", "--limit", "8", "--exams", "clean", "--out", str(tmp_path / "run")])
    assert "treated with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--with", "antialas", "--out", "x.safetensors"], "antialias"),
        (["--with", "antialias"], "FILE.safetensors"),
        (["--with", "antialias", "--out", "x.pth"], "FILE.safetensors"),
        (["--with", "antialias", "--set", "antialias.taps=0", "--out", "x.safetensors"], "1 or more"),
        (["--with", "low_pass", "--out", "x.safetensors"], "low_pass.radius"),
    ],
)
def test_mistakes(arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["treat", "demo", *(a.replace("x.", f"{tmp_path}/x.") for a in arguments)])
    assert end.value.code == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_lists_and_shows(capsys: pytest.CaptureFixture[str]) -> None:
    main(["list", "remedies"])
    main(["show", "kernel_smoothing"])
    told = capsys.readouterr().out
    assert "dense_stride" in told
    assert "Meant to improve" in told
    assert "version" in told
