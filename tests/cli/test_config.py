"""Settings from a file: below those of the command line, and never more than there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eyechart.cli.exam import ExamOptions

Command = Any
Four = tuple[object, ...]


def config(text: str, four: Four) -> str:
    """A file with the model and images of ``four``, and more."""
    named = dict(zip(four[1::2], four[2::2], strict=True))
    lines = [f"{str(name)[2:]} = {json.dumps(str(v)) if name != '--workers' else v}" for name, v in named.items()]
    Path("exam.toml").write_text("\n".join([f'models = ["{four[0]}"]', *lines, text]))
    return "exam.toml"


def options(run: str) -> Any:
    return json.loads(Path(run, "run.json").read_text())["options"]


def test_a_file_alone(command: Command, four: Four) -> None:
    file = config('exams = "clean"\nlimit = 20\nset = ["clean.ece_bins=5"]\nout = "run"', four)
    said = command("exam", "--config", file, "--json")
    assert said.code == 0, said.err
    assert said.json["run"] == "run"
    assert options("run")["limit"] == 20
    assert json.loads(Path("run/run.json").read_text())["exams"]["clean"]["settings"]["ece_bins"] == 5


@pytest.mark.parametrize(
    ("file_says", "given", "name", "expected"),
    [
        ("limit = 20", ["--limit", "16"], "limit", 16),
        ("seed = 7", ["--seed", "1"], "seed", 1),
        ("seed = 7", ["--seed", "0"], "seed", 0),  # the default, but asked for
        ("batch_size = 4\nmax_bad = 3", ["--batch-size", "auto"], "batch_size", "auto"),
        ("seed = 7", [], "seed", 7),
    ],
)
def test_the_command_line_goes_before_the_file(
    command: Command, four: Four, file_says: str, given: list[str], name: str, expected: object
) -> None:
    file = config(f'exams = "clean"\n{file_says}', four)
    assert command("exam", "--config", file, "--out", "run", *given).code == 0
    assert options("run")[name] == expected


def test_a_suite_of_the_command_line(command: Command, four: Four) -> None:
    file = config('suite = "quick"', four)
    said = command("exam", "--config", file, "--suite", "standard", "--dry-run", "--json")
    assert set(said.json["models"][0]["exams"]) == {"clean", "bands", "shift"}


def test_models_of_the_command_line(command: Command, four: Four) -> None:
    file = config('exams = "clean"', four)
    said = command("exam", "small_nets:another_four", "--config", file, "--dry-run", "--json")
    assert [model["model"] for model in said.json["models"]] == ["small_nets:another_four"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("limt = 20", "Did you mean limit"),
        ("batch-size = 4", "Did you mean batch_size"),
        ("limit = 0", "exam.toml: limit = 0"),
        ('limit = "many"', "exam.toml: limit"),
        ('suite = "qick"', "exam.toml: suite = qick"),
        ("set = 3", "exam.toml: set = 3"),
        ("limit = ", "--config = exam.toml"),
        ("exams = 3", "exam.toml: exams"),
    ],
)
def test_a_bad_file(command: Command, four: Four, tmp_path: Path, text: str, told: str) -> None:
    said = command("exam", "--config", config(text, four))
    assert said.code == 2
    assert told in said.paragraph
    assert [path.name for path in tmp_path.iterdir()] == ["exam.toml"]


@pytest.mark.parametrize("models", ["models = 3", "models = [3]", "models = [[]]"])
def test_models_that_are_no_names(command: Command, models: str) -> None:
    Path("exam.toml").write_text(f'{models}\nimages = "demo"')
    said = command("exam", "--config", "exam.toml")
    assert said.code == 2
    assert "models" in said.paragraph


def test_exams_may_be_a_list() -> None:
    assert ExamOptions(arch="timm:resnet18").arch == ExamOptions(arch=["timm:resnet18"]).arch  # type: ignore[arg-type]
    assert ExamOptions(exams=["clean", "bands"]).exams == "clean,bands"  # type: ignore[arg-type]
