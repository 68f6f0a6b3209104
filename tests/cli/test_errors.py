"""What users get wrong: one paragraph with the setting and the way out, the right exit code, nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import small_nets
from eyechart.core.catalogue import exam_class, exam_table, make_exams
from eyechart.errors import EyechartError

Command = Any
Four = tuple[object, ...]
NAMES = ("ant", "bee", "cat", "dog")

BAD: dict[str, tuple[list[str], list[str]]] = {
    "an option that is not there": (["--exms", "clean"], ["--exms", "--exams"]),
    "an option without value": (["--limit"], ["--limit", "argument"]),
    "a limit of 0": (["--limit", "0"], ["--limit = 0", "Give 1 or more."]),
    "a limit of words": (["--limit", "ten"], ["--limit = ten", "Give a whole number."]),
    "a batch of 0": (["--batch-size", "0"], ["--batch-size = 0", "Give 1 or more or auto."]),
    "fewer workers than none": (["--workers", "-1"], ["--workers", "auto"]),
    "a seed below 0": (["--seed", "-3"], ["--seed = -3"]),
    "an unknown suite": (["--suite", "qick"], ["--suite = qick", "quick"]),
    "an unknown exam": (["--exams", "clean,bandz"], ["exam = bandz", "Did you mean bands?"]),
    "an unknown setting": (["--set", "bands.radi=[2]"], ["bands.radi", "bands.radii"]),
    "a setting of another exam": (["--exams", "clean", "--set", "bands.radii=[2]"], ["--set = bands"]),
    "a setting of the wrong type": (["--set", "bands.radii=[2,x]"], ["bands.radii = [2,x]", "eyechart show bands"]),
    "a setting out of range": (["--set", "shift.pairs_per_image=0"], ["shift.pairs_per_image = 0"]),
    "a step of half a pixel": (["--set", "shift.step=0.5"], ["shift.step = 0.5", "Give a whole number."]),
    "a step that is true": (["--set", "shift.step=true"], ["shift.step = True", "Give a number"]),
    "a share without end": (["--set", "shift.area=[0.5,Infinity]"], ["shift.area[1] = inf", "a finite number"]),
    "a share too few": (["--set", "shift.area=[0.5]"], ["shift.area = [0.5]", "one entry more"]),
    "a protocol that is none": (
        ["--set", 'shift.protocols=["krop"]'],
        ["shift.protocols[0] = krop", "Give crop, embed_black, embed_inpaint or scale."],
    ),
    "a colour that is none": (["--set", "shift.fill=red"], ["shift.fill = red", "Give black or mean or a list"]),
    "a setting that is none": (["--set", "bands"], ["--set = bands", "exam.name=value"]),
    "an unknown trust": (["--trust", "all"], ["--trust = all", "pickle"]),
    "an unknown device": (["--device", "cuda:99"], ["--device = cuda:99"]),
    "an unknown scheme of images": (["--images", "npx:file.npz"], ["--images = npx:", "npz:"]),
    "images that are not there": (["--images", "nowhere"], ["--images = nowhere"]),
    "labels that are not there": (["--labels", "nowhere.csv"], ["--labels", "nowhere.csv"]),
    "masks that are not there": (["--masks", "nowhere"], ["--masks", "nowhere", "cannot be listed"]),
    "a preprocessing that is not there": (["--preprocess", "nowhere.toml"], ["nowhere.toml"]),
    "a class file that is not there": (["--classes", "nowhere.txt"], ["--classes", "nowhere.txt"]),
    "a configuration that is not there": (["--config", "nowhere.toml"], ["--config = nowhere.toml"]),
    "a protocol that nothing speaks": (["--out", "nothing://run"], ["--out = nothing://run"]),
}


@pytest.mark.parametrize("name", sorted(exam_table()))
def test_settings_that_do_not_fit_are_told_in_plain_words(name: str) -> None:
    odd: tuple[object, ...] = ({"a": [[]]}, object(), "", -7.5, float("nan"), [], [True], [[[]]], True)
    for field in exam_class(name).model_fields:
        refused = []
        for value in odd:
            try:
                make_exams([name], {name: {field: value}})
            except EyechartError as error:
                refused.append(error)
        assert refused, field
        for error in refused:
            assert error.setting.startswith(f"{name}.{field}")
            assert error.way_out.endswith(f" See: eyechart show {name}.")
            for leaked in ("Input", "should", "valid", "another kind", "{", "type="):
                assert leaked not in error.way_out, error


@pytest.mark.parametrize("case", BAD)
def test_a_bad_option(command: Command, four: Four, tmp_path: Path, case: str) -> None:
    arguments, told = BAD[case]
    said = command("exam", *_without(four, arguments), *arguments)
    assert said.code == 2
    for part in told:
        assert part in said.paragraph
    assert list(tmp_path.iterdir()) == []


def _without(given: tuple[object, ...], replaced: list[str]) -> list[object]:
    """The usual arguments without those that the case gives."""
    kept, skip = [], False
    for argument in given:
        skip = (not skip and argument in replaced) or skip
        if not skip:
            kept.append(argument)
        elif argument not in replaced:
            skip = False
    return kept


MODELS: dict[str, tuple[list[str], int, list[str]]] = {
    "no library": (["torchvison:resnet50"], 2, ["Did you mean", "torchvision:resnet50"]),
    "no such model": (["torchvision:resnet5"], 2, ["Did you mean resnet50"]),
    "no such timm model": (["timm:resnet51"], 2, ["Did you mean", "resnet50"]),
    "no such module": (["small_netz:four"], 2, ["small_netz"]),
    "no such factory": (["small_nets:fuor"], 2, ["Did you mean four?"]),
    "not a module": (["small_nets:no_module"], 2, ["small_nets:no_module"]),
    "an architecture of ours, misspelt": (["w.safetensors", "--arch", "eyechart:resnet4c"], 2, ["resnet4b"]),
    "weights that are not there": (["none.safetensors", "--arch", "small_nets:convolutional"], 2, ["none.safetensors"]),
    "weights without architecture": (["w.safetensors"], 2, ["--arch"]),
    "weights of another net": (["other.safetensors", "--arch", "small_nets:convolutional"], 2, ["0.weight"]),
    "an exported program": (["program.pt2"], 4, ["--trust code"]),
    "a pickled module": (["module.pth"], 4, ["--trust pickle"]),
    "always NaN": (["small_nets:always_nan"], 2, ["NaN"]),
    "none": ([], 2, ["A model and images are needed"]),
}


@pytest.fixture
def files(tmp_path: Path) -> set[str]:
    """Weights of all kinds in the working folder."""
    net = small_nets.convolutional()
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    save_file({f"other.{k}": v for k, v in net.state_dict().items()}, tmp_path / "other.safetensors")
    torch.save(net, tmp_path / "module.pth")
    (tmp_path / "program.pt2").write_bytes(b"PK")
    return {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("case", MODELS)
def test_a_bad_model(command: Command, archive: str, known: Four, tmp_path: Path, files: set[str], case: str) -> None:
    arguments, code, told = MODELS[case]
    said = command("exam", *arguments, "--images", archive, *known)
    assert said.code == code
    for part in told:
        assert part in said.paragraph
    assert {path.name for path in tmp_path.iterdir()} == files


def test_a_good_checkpoint_beside_the_bad_ones(command: Command, archive: str, known: Four, files: set[str]) -> None:
    common = ["--arch", "small_nets:convolutional", "--images", archive, *known, "--exams", "clean"]
    said = command("exam", "w.safetensors", *common, "--out", "run", "--json")
    assert said.code == 0, said.err


def test_no_preprocessing(command: Command, archive: str) -> None:
    said = command("exam", "small_nets:four", "--images", archive)
    assert said.code == 2
    assert "--preprocess FILE.toml" in said.paragraph


def _empty(root: Path) -> str:
    (root / "images").mkdir()
    return str(root / "images")


def _no_pictures(root: Path) -> str:
    (root / "images/cat").mkdir(parents=True)
    (root / "images/cat/notes.txt").write_text("no picture")
    return str(root / "images")


def _labels_too_high(root: Path) -> str:
    np.savez(
        root / "high.npz", images=np.zeros((4, 8, 8, 3), np.uint8), labels=[0, 1, 2, 4], class_names=[*NAMES, "eel"]
    )
    return f"npz:{root / 'high.npz'}"


def _no_images(root: Path) -> str:
    np.savez(root / "none.npz", images=np.zeros((0, 8, 8, 3), np.uint8), labels=np.zeros(0, int))
    return f"npz:{root / 'none.npz'}"


IMAGES: dict[str, tuple[Callable[[Path], str], str]] = {
    "an empty folder": (_empty, "no images"),
    "a folder without pictures": (_no_pictures, "no images"),
    "labels out of range": (_labels_too_high, "1 of 5 image classes match no single output"),
    "an empty archive": (_no_images, "is empty"),
}


@pytest.mark.parametrize("case", IMAGES)
def test_bad_images(command: Command, known: Four, tmp_path: Path, case: str) -> None:
    make, told = IMAGES[case]
    images = make(tmp_path)
    before = set(tmp_path.iterdir())
    said = command("exam", "small_nets:four", "--images", images, *known)
    assert said.code == 2
    assert told in said.paragraph
    assert set(tmp_path.iterdir()) == before


def test_a_run_folder_below_a_file(command: Command, four: Four, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    said = command("exam", *four, "--out", "file/run")
    assert said.code == 2
    assert "--out = file/run" in said.paragraph
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["bogus"], "bogus"),
        (["list", "exms"], "exams"),
        (["show", "bandz"], "or bands"),
        (["report", "nowhere"], "no run here"),
        (["report"], "requires an argument"),
        (["doctor", "--images", "nowhere"], "--images = nowhere"),
        (["doctor", "torchvison:resnet50"], "Did you mean"),
    ],
)
def test_other_commands(command: Command, tmp_path: Path, arguments: list[str], told: str) -> None:
    said = command(*arguments)
    assert said.code == 2
    assert told in said.err
    assert "Traceback" not in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
