"""The small commands: list, show, doctor, report."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
from PIL import Image

from eyechart.core.catalogue import SUITES, exam_class, exam_table
from eyechart.images.load import load_images
from eyechart.models.nets import OWN_NETS
from eyechart.run.frame import frame_of
from numbered import numbered
from small_run import EXAMS, small_run

Command = Any
Four = tuple[object, ...]


def test_list(command: Command) -> None:
    exams, suites, models = (command("list", what) for what in ("exams", "suites", "models"))
    assert command("list").out == exams.out
    for name in exam_table():
        assert f"{name} " in exams.out
        assert exam_class(name).title in exams.out
    assert [line.split()[0] for line in suites.out.splitlines()] == list(SUITES)
    for name in (*OWN_NETS, "torchvision:NAME", "timm:NAME", "demo"):
        assert name in models.out
    assert {said.code for said in (exams, suites, models)} == {0}
    assert {said.err for said in (exams, suites, models)} == {""}


@pytest.mark.parametrize("name", sorted(exam_table()))
def test_show(command: Command, name: str) -> None:
    said = command("show", name)
    exam = exam_class(name)
    assert said.code == 0
    assert exam.title in said.out
    assert "Rows:" in said.out
    for field, about in exam.model_fields.items():
        assert f"{field} = {about.default!r}: {about.description}" in said.out


def test_doctor(command: Command) -> None:
    said = command("doctor")
    assert said.code == 0
    for word in ("Python 3.", "torch ", "cores", "Accelerators:", "libjpeg_turbo"):
        assert word in said.out


def test_doctor_with_images_and_a_model(command: Command) -> None:
    said = command("doctor", "demo", "--images", "demo")
    assert said.code == 0
    assert "Images: 1,000 in demo, 10 classes" in said.out
    assert "Decoded: 1,000 ok" in said.out
    assert "Model: demo: 10 logits" in said.out
    assert "Classes: airplane -> 0 airplane" in said.out


def test_doctor_and_a_net_of_ones_own(command: Command, four: Four) -> None:
    model, images = four[0], four[2]
    preprocess, classes = four[4], four[6]
    said = command("doctor", model, "--images", images, "--preprocess", preprocess, "--classes", classes)
    assert said.code == 0
    assert "Decoded: 48 ok" in said.out
    assert "Classes: dog -> 3 dog" in said.out


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "run"
    small_run(out, numbered(24), EXAMS[:2])
    return out


def test_report(command: Command, finished: Path) -> None:
    run = Path(shutil.copytree(finished, "run"))
    said = command("report", "run")
    assert (said.code, said.out, said.err) == (0, "run/report.html\n", "")
    assert "Eye exam of eye" in (run / "report.html").read_text()


@pytest.mark.parametrize("lost", ["results.json", "page.json", "run.json"])
def test_report_of_a_damaged_run(command: Command, finished: Path, lost: str) -> None:
    run = Path(shutil.copytree(finished, "run"))
    (run / lost).unlink()
    said = command("report", "run")
    assert said.code == 2
    assert "run" in said.paragraph


def test_version(command: Command) -> None:
    from eyechart import __version__

    assert command("--version").out.strip() == f"eyechart {__version__}"


def test_spectrum_needs_no_model(command: Command, tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    said = command("spectrum", "demo", "--limit", "200", "--out", out)
    assert said.code == 0
    assert "Frame: 32 x 32 pixels." in said.err
    assert "head_radius (of pooled)" in " ".join(said.out.split())
    page = Path(out, "report.html").read_text(encoding="utf-8")
    assert "no model" not in page.split("<main")[0]
    larger = command("spectrum", "demo", "--limit", "200", "--size", "48", "--out", out)
    assert larger.code == 2
    assert "preprocessing" in larger.err
    assert command("spectrum", "demo", "--set", "spectrum.share=2", "--out", str(tmp_path / "b")).code == 2


def test_spectrum_tells_what_people_see_if_asked(command: Command, tmp_path: Path) -> None:
    both = ("--exams", "spectrum,visibility", "--set", "visibility.distance_cm=90")
    said = command("spectrum", "demo", "--limit", "20", *both, "--out", str(tmp_path / "run"), "--json")
    assert said.code == 0
    assert {e["exam"] for e in said.json["estimates"]} == {"spectrum", "visibility"}
    assert any("seen from 90 cm" in f["sentence"] for f in said.json["findings"])
    assert command("spectrum", "demo", "--exams", "spectrm", "--out", str(tmp_path / "b")).code == 2
    wrong = command("spectrum", "demo", *both, "--set", 'visibility.views=["lwo:3"]', "--out", str(tmp_path / "c"))
    assert wrong.code == 2
    assert "write low:R" in wrong.err


@pytest.mark.parametrize(
    ("sizes", "frame"),
    [
        ([(60, 40), (60, 40)], (40, 40)),
        ([(60, 40), (40, 60)], (40, 40)),
        ([(60, 40), (90, 30)], (30, 30)),
        ([(900, 700)], (512, 512)),
    ],
)
def test_the_frame_of_a_spectrum_has_no_black_bars(
    tmp_path: Path, sizes: list[tuple[int, int]], frame: tuple[int, int]
) -> None:
    for i, size in enumerate(sizes):
        Image.new("RGB", size, (200, 200, 200)).save(tmp_path / f"{i}.png")
    images = load_images(str(tmp_path), labels="{label}.png")
    found = frame_of(images, None)
    assert found.size == frame
    for i in range(len(sizes)):
        assert np.asarray(found.frame(images.source(i).open().picture)).min() == 200


def test_layers_are_listed_by_the_names_that_exams_take(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    build = timm.create_model
    monkeypatch.setattr(
        timm, "create_model", lambda name, pretrained: build(name, pretrained={False: False}[pretrained])
    )
    found = command("layers", "demo", "--json").json
    names = [layer["name"] for layer in found]
    assert {"conv1", "relu()", "layer1.0.add()", "linear"} <= set(names)
    told = command("layers", "demo", "--kind", "norm")
    lines = [line.split() for line in told.out.splitlines()]
    assert lines[0] == ["layer", "kind", "output", "input", "from", "stride", "receptive", "field"]
    assert lines[1] == ["bn1", "norm", "16", "x", "32", "x", "32", "conv1", "1", "3"]
    assert len(lines) == 20
    places = {layer["name"]: (layer["stride"], layer["receptive_field"]) for layer in found}
    assert places["layer2.0.conv1"] == ([2, 2], [17, 17])
    assert places["linear"] == (None, None)
    bare = command("layers", "timm:test_resnet", "--json")
    assert bare.code == 0, bare.err
    assert bare.json[0]["kind"] == "convolution"
    wrong = command("layers", "demo", "--kind", "nrm")
    assert wrong.code == 2
    assert "norm" in wrong.paragraph
