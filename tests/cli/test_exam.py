"""``eyechart exam`` end to end: what is written where, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file

import small_nets
from eyechart.cli.summary import print_summary
from eyechart.store.run_folder import Run
from numbered import SIDE

Command = Any
Four = tuple[object, ...]
NAMES = ("ant", "bee", "cat", "dog")


def test_json_is_alone_on_stdout(command: Command, four: Four, tmp_path: Path) -> None:
    said = command("exam", *four, "--out", "run", "--exams", "clean,bands", "--json")
    assert said.code == 0
    summary = said.json
    assert summary["run"] == "run"
    assert summary["report"] == "run/report.html"
    assert summary["complete"] is True
    assert {e["exam"] for e in summary["estimates"]} == {"clean", "bands"}
    assert {f["exam"] for f in summary["findings"]} == {"clean", "bands"}
    assert summary["estimates"] == json.loads((tmp_path / "run/results.json").read_text())["estimates"]
    assert said.err
    assert "Traceback" not in said.err
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "kept",
        "page.json",
        "report.html",
        "results.json",
        "rows",
        "run.json",
        "shards",
    ]


def test_people_get_a_table_and_the_report(command: Command, four: Four, tmp_path: Path) -> None:
    said = command("exam", *four, "--out", "run", "--exams", "clean", "--limit", 20)
    assert said.code == 0
    assert "accuracy" in said.out
    assert "PREVIEW: 20 of 48 images" in said.err
    assert "Report: run/report.html" in said.err
    assert "PREVIEW: 20 of 48 images" in (tmp_path / "run/report.html").read_text()


def test_people_are_told_a_handful_of_many_findings(
    command: Command, four: Four, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("exam", *four, "--out", "run", "--exams", "clean", "--limit", 20)
    page = json.loads((tmp_path / "run/page.json").read_text())
    notes = [{"verdict": "note", "sentence": f"Found {k}.", "advice": ""} for k in range(8)]
    weak = {"verdict": "weak", "sentence": "Found wanting.", "advice": ""}
    one = page["sections"][0]
    page["sections"] = [{**one, "title": f"Exam {k}", "findings": [note]} for k, note in enumerate(notes)]
    page["sections"].append({**one, "title": "Last", "findings": [weak]})
    (tmp_path / "run/page.json").write_text(json.dumps(page))
    capsys.readouterr()
    print_summary(Run("run"), as_json=False)
    told = capsys.readouterr().err
    found = [line.split(maxsplit=1)[1] for line in told.splitlines() if "Found" in line]
    assert found == ["Found wanting.", *(f"Found {k}." for k in range(5))]
    assert "And 3 more exams found nothing weak: Exam 5, Exam 6, Exam 7." in told


def test_without_out_a_new_folder_is_made_each_time(command: Command, four: Four, tmp_path: Path) -> None:
    for number in (1, 2):
        said = command("exam", *four, "--exams", "clean", "--json")
        assert said.json["run"] == f"eyechart-small_nets-four-{number}"
    assert {p.name for p in tmp_path.iterdir()} == {"eyechart-small_nets-four-1", "eyechart-small_nets-four-2"}


def test_without_out_several_processes_are_refused(
    command: Command, four: Four, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = command("exam", *four)
    assert said.code == 2
    assert "--out" in said.paragraph
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("json_too", [True, False])
@pytest.mark.parametrize("out", ["run", None])
def test_a_dry_run_writes_nothing(
    command: Command, four: Four, tmp_path: Path, json_too: bool, out: str | None
) -> None:
    more = [*(["--out", out] if out else []), *(["--json"] if json_too else [])]
    radii = ["--set", "bands.radii=[2,4]", "--exams", "clean,bands"]
    said = command("exam", *four, *radii, "--dry-run", *more)
    assert said.code == 0
    assert list(tmp_path.iterdir()) == []
    if json_too:
        (model,) = said.json["models"]
        assert said.json["images"] == 48
        assert (model["queries_asked"], model["queries_distinct"]) == (6, 5)
        assert model["forwards_per_image"] == 5
        assert model["forwards_left"] == 48 * 5
    else:
        assert "240 forwards" in said.out


def test_a_dry_run_of_a_begun_run_tells_what_is_left(command: Command, four: Four) -> None:
    command("exam", *four, "--out", "run", "--exams", "clean", "--limit", 16)
    said = command("exam", *four, "--out", "run", "--exams", "clean", "--dry-run", "--json")
    assert said.json["models"][0]["forwards_left"] == 32


def test_models_and_options_in_any_order(command: Command, archive: str, known: Four) -> None:
    found = []
    for number, arguments in enumerate(
        (
            ["small_nets:four", "--images", archive, *known, "--exams", "clean"],
            ["--images", archive, *known, "small_nets:four", "--exams", "clean"],
            ["--exams=clean", f"--images={archive}", *known, "small_nets:four"],
        )
    ):
        said = command("exam", *arguments, "--json", "--out", f"run{number}")
        assert said.code == 0, said.err
        found.append(said.json["estimates"])
    assert found[0] == found[1] == found[2]


def test_two_models(command: Command, archive: str, known: Four) -> None:
    common = ["--images", archive, *known, "--exams", "clean", "--json"]
    said = command("exam", "small_nets:four", *common, "small_nets:another_four", "--out", "run")
    assert said.code == 0, said.err
    assert {e["model"] for e in said.json["estimates"]} == {"small_nets:four", "small_nets:another_four"}


def test_architectures_of_several_files(command: Command, archive: str, known: Four, tmp_path: Path) -> None:
    for name, factory in (("one", small_nets.convolutional), ("two", small_nets.convolutional)):
        save_file(factory().state_dict(), tmp_path / f"{name}.safetensors")
    common = ["--images", archive, *known, "--exams", "clean", "--dry-run", "--json"]
    files, net = ["one.safetensors", "two.safetensors"], "small_nets:convolutional"
    for models, nets in ((files, [net]), (files, [net, net]), ([*files, "small_nets:four"], [net])):
        said = command("exam", *models, *(f"--arch={one}" for one in nets), *common)
        assert said.code == 0, said.err
        assert [model["model"] for model in said.json["models"]] == models
    wrong = command("exam", *files, *[f"--arch={net}"] * 3, *common)
    assert wrong.code == 2
    assert "3 architectures are given for 2 weights files" in wrong.paragraph
    other = command("exam", *files, f"--arch={net}", "--arch=small_nets:another_four", *common)
    assert "two.safetensors" in other.paragraph  # the second is for the second


def test_settings_reach_the_exam(command: Command, four: Four) -> None:
    settings = ["--set", "bands.radii=[2,4]", "--set", "clean.ece_bins=5"]
    said = command("exam", *four, "--exams", "clean,bands", *settings, "--out", "run", "--json")
    assert {e["at"]["radius"] for e in said.json["estimates"] if e["measure"] == "high_not_low"} == {2, 4}
    record = json.loads(Path("run/run.json").read_text())
    assert record["exams"]["clean"]["settings"]["ece_bins"] == 5


def test_too_many_bad_answers_fail_after_all_is_written(
    command: Command, archive: str, known: Four, tmp_path: Path
) -> None:
    nan = ("exam", "small_nets:sometimes_nan", "--images", archive, *known, "--exams", "clean,bands")
    said = command(*nan, "--out", "run", "--json")
    assert said.code == 3
    assert said.json["complete"] is False
    assert "Error: 3 of 48 images could not be examined" in said.err
    assert "--max-bad 3" in said.err
    assert "Traceback" not in said.err
    assert (tmp_path / "run/report.html").exists()
    allowed = command(*nan, "--out", "run", "--json", "--max-bad", 3)
    assert allowed.code == 0
    assert allowed.json["complete"] is True
    assert allowed.json["estimates"] == said.json["estimates"]


def test_where_no_exam_fits_nothing_was_measured(command: Command, four: Four, tmp_path: Path) -> None:
    asked = ("exam", *four, "--exams", "shape_bias,human_likeness", "--out", "run")
    said = command(*asked)
    assert said.code == 3
    told = " ".join(said.err.split())
    assert "Nothing was measured: shape_bias on small_nets:four: " in told
    assert "human_likeness on small_nets:four: it compares with people" in told
    for misleading in ("was examined", "were examined", "Careful", "PREVIEW"):
        assert misleading not in told
    page = (tmp_path / "run/report.html").read_text()
    assert "Nothing was measured: every exam that was asked for was skipped" in page
    assert "images were examined" not in page
    as_json = command(*asked, "--json")
    assert (as_json.code, as_json.json["complete"], as_json.json["estimates"]) == (3, False, [])
    assert {one["exam"] for one in as_json.json["skipped"]} == {"shape_bias", "human_likeness"}
    more = command("exam", *four, "--exams", "clean", "--out", "run", "--json")
    assert (more.code, more.json["complete"]) == (0, True)


def test_of_images_none_of_which_could_be_examined_no_others_are_told(command: Command, known: Four) -> None:
    np.savez("dark.npz", images=np.full((8, SIDE, SIDE, 3), 255, np.uint8), labels=np.arange(8) % 4, class_names=NAMES)
    said = command("exam", "small_nets:sometimes_nan", "--images", "npz:dark.npz", *known, "--exams", "clean")
    assert said.code == 3
    told = " ".join(said.err.split())
    assert "8 of 8 images could not be examined" in told
    assert "other images" not in told
    assert "only 8 images" not in told


def test_a_conflict_names_the_difference(command: Command, four: Four) -> None:
    command("exam", *four, "--exams", "clean", "--out", "run")
    said = command("exam", *four, "--exams", "clean", "--out", "run", "--seed", 3)
    assert said.code == 2
    assert "other seed: 0 there, 3 now" in said.paragraph


def test_demo_by_the_exam_command(command: Command) -> None:
    said = command("exam", "demo", "--images", "demo", "--exams", "clean", "--limit", 100, "--out", "run", "--json")
    assert said.code == 0, said.err
    (accuracy,) = [e for e in said.json["estimates"] if e["measure"] == "accuracy"]
    assert accuracy["n"] == 100
    assert accuracy["value"] > 0.8
    assert "10 classes of the images matched with 10 outputs" in said.err


@pytest.mark.slow
def test_demo(command: Command, tmp_path: Path) -> None:
    said = command("demo", "--out", "run", "--json")
    assert said.code == 0
    assert {e["exam"] for e in said.json["estimates"]} == {"clean", "bands", "shift"}
    assert (tmp_path / "run/report.html").stat().st_size < 5e6
