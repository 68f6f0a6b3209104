"""``eyechart train``, as a user gives it."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from eyechart.store.folder import Folder
from eyechart.store.run_folder import Run
from eyechart.train.checkpoint import digest
from eyechart.train.log import read
from eyechart.train.recipe import recipe_of
from numbered import CLASSES, Numbered

Command = Any
Program = Any
CHANGES = ("epochs=2", "batch_size=8", "precision=float32")
SMALL = ("train", "--arch", "eyechart:lenet", *(part for change in CHANGES for part in ("--change", change)))


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> str:
    """``npz:FILE`` of the classes of ``archive``, without an image of it."""
    pictures = [np.asarray(Numbered(i, bright=False).open().picture) for i in range(48, 64)]
    file = tmp_path_factory.mktemp("others") / "others.npz"
    np.savez(file, images=np.stack(pictures), labels=np.arange(16) % CLASSES, class_names=("ant", "bee", "cat", "dog"))
    return f"npz:{file}"


def test_trained_and_proved_and_done_already(command: Command, archive: str, others: str, tmp_path: Path) -> None:
    how = (*SMALL, "--images", archive, "--test-images", others, "--test-limit", 10, "--exams", "clean", "--workers", 0)
    said = command(*how, "--out", tmp_path / "net")
    assert said.code == 0, said.err
    assert "epoch 2" in said.err
    assert Run(tmp_path / "net" / "proof").estimates.one("accuracy") is not None
    again = command(*how, "--watch", "clean", "--out", tmp_path / "net")
    assert again.code == 0
    assert "epoch 2" not in again.err
    assert "finished already, so it is not watched" in again.err


OWN = ["--arch", "eyechart:lenet", "--images", "demo", "--out", "x"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--images", "demo", "--out", "x"], "--arch"),
        (["--arch", "eyechart:lenet", "--out", "x"], "--images"),
        ([*OWN, "--recipe", "standard_smal"], "standard_small"),
        ([*OWN, "--change", "epoch=2"], "(--change = epoch) Did you mean epochs"),
        ([*OWN, "--change", "lr=-1"], "above 0"),
        ([*OWN, "--change", "=3"], "(--change = =3) Write field=value"),
        ([*OWN, "--batch-size", 8], "--change batch_size=8"),
        ([*OWN, "--precision", "bfloat16"], "--change precision=bfloat16"),
        ([*OWN, "--limit", 3], "--train-limit 3"),
        ([*OWN, "--train-images", "demo"], "Give --images demo"),
        ([*OWN, "--classes", "imagenet"], "The classes are those of the images"),
        ([*OWN, "--test-images", "nosuch"], "(--test-images = nosuch)"),
        ([*OWN, "--test-images", "demo", "--test-labels", "nosuch.csv"], "(--test-labels = nosuch.csv)"),
        ([*OWN, "--test-images", "demo"], "those it is trained on"),
        (["--arch", "my/net.py:small", *OWN[2:]], "Run from the folder my and give the module and"),
        ([*OWN, "--exams", "clean"], "of the proof, and there is none. (--exams = clean)"),
        ([*OWN, "--test-limit", 5], "--test-limit = 5"),
        ([*OWN, "--every", 2], "Give --watch"),
        ([*OWN, "--arch", "eyechart:cifar_resnet8"], "One net is trained at a time"),
        ([*OWN, "--json"], "There is no proof"),
        ([*OWN, "--device", "gpu"], "there is no such kind. (--device = gpu) Use cuda"),
    ],
    ids=lambda value: " ".join(map(str, value[-2:])) if isinstance(value, list) else "",
)
def test_mistakes(command: Command, tmp_path: Path, arguments: list[object], told: str) -> None:
    said = command("train", *arguments)
    assert said.code == 2
    assert told in said.err
    assert len(said.err) < 600
    assert not (tmp_path / "x").exists()


def test_a_loss_that_is_not_finite(command: Command, tmp_path: Path) -> None:
    said = command(*SMALL, "--images", "demo", "--change", "lr=1e30", "--out", tmp_path / "net")
    assert said.code == 2
    assert "The loss became nan" in said.paragraph or "The loss became inf" in said.paragraph
    assert "Lower the learning rate" in said.paragraph


def test_weights_of_another_architecture(command: Command, tmp_path: Path) -> None:
    first = command(*SMALL, "--images", "demo", "--change", "epochs=1", "--out", tmp_path / "lenet")
    assert first.code == 0, first.err
    state = load_file(tmp_path / "lenet" / "model.safetensors")
    save_file(state, tmp_path / "bare.safetensors")
    start = ("--start", tmp_path / "bare.safetensors", "--arch", "eyechart:cifar_resnet8")
    said = command("train", *start, "--images", "demo", "--out", tmp_path / "on")
    assert said.code == 2
    assert "Traceback" not in said.err
    assert "cifar_resnet8" in said.err


def test_another_recipe_in_the_same_folder(command: Command, tmp_path: Path) -> None:
    """A finished training is not lost by a typo; the way out is named."""
    how = (*SMALL, "--images", "demo", "--out", tmp_path / "net")
    first = command(*how)
    assert first.code == 0, first.err
    before = {path: path.read_bytes() for path in (tmp_path / "net").rglob("*") if path.is_file()}
    for change in ("lr=0.01", "epochs=1"):
        said = command(*how, "--change", change)
        assert said.code == 2
        assert "The folder holds another training" in said.err
        assert "Choose another folder with --out" in said.err
    assert command(*how, "--seed", 1).code == 2
    assert {path: path.read_bytes() for path in (tmp_path / "net").rglob("*") if path.is_file()} == before


def test_a_batch_larger_than_the_set(command: Command, tmp_path: Path) -> None:
    said = command(*SMALL, "--images", "demo", "--change", "epochs=1", "--train-limit", 6, "--out", tmp_path / "net")
    assert said.code == 0
    assert "A batch of 8 is more than the 6 images there are" in said.err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of six pictures each, three of them damaged; and a folder without images."""
    for k in range(12):
        place = tmp_path / "photos" / ("ant", "bee")[k % 2] / f"{k:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Numbered(k, bright=False).open().picture.save(place)
    (tmp_path / "photos" / "nothing").mkdir()
    for name, content in (("ant/00.png", b"junk"), ("bee/01.png", b""), ("bee/11.png", place.read_bytes()[:60])):
        (tmp_path / "photos" / name).write_bytes(content)
    return tmp_path / "photos"


def test_unreadable_training_images(command: Command, folder: Path, tmp_path: Path) -> None:
    """Counted, named, and more than --max-bad are refused, as in an exam."""
    how = (*SMALL, "--images", folder, "--out", tmp_path / "net")
    said = command(*how)
    assert said.code == 3
    assert "3 of 12 training images cannot be decoded; the first is ant/00.png" in said.err
    assert "--max-bad 3" in said.err
    assert "1 folders without images" in said.err
    assert not (tmp_path / "net").exists()
    said = command(*how, "--max-bad", 3)
    assert said.code == 0, said.err
    assert "3 training images cannot be decoded and have no part (ant/00.png: " in said.err
    assert "3 training images cannot be decoded" in (tmp_path / "net" / "report.html").read_text()


def test_stopped_by_the_keyboard(command: Command, program: Program, archive: str, tmp_path: Path) -> None:
    """One plain line, the exit code of an interrupted exam, and the same command goes on."""
    how = (*SMALL, "--images", archive, "--change", "epochs=4000", "--out", tmp_path / "net")
    running = program(*how)
    first = next(line for line in running.stderr if "epoch 2" in line)
    os.killpg(running.pid, signal.SIGINT)
    err = first + running.stderr.read()
    running.stdout.close(), running.stderr.close()
    assert running.wait() == 130, err
    assert "Traceback" not in err
    assert "finished epochs are kept. Give the same command again" in " ".join(err.split())


@pytest.mark.slow
def test_killed_ten_times(command: Command, program: Program, archive: str, tmp_path: Path) -> None:
    """Weights after each epoch and the log are those of a training that nobody killed."""

    def how(out: str) -> tuple[object, ...]:
        changes = ("--change", "epochs=80", "--change", "ema=0.9", "--change", 'augment=[{"name": "crop_flip"}]')
        arch = ("train", "--arch", "eyechart:cifar_resnet8", "--device", "cpu")
        return (*arch, *SMALL[3:], "--images", archive, *changes, "--out", tmp_path / out)

    whole = program(*how("whole"))
    _, told = whole.communicate()
    assert whole.returncode == 0, told
    want = columns(tmp_path / "whole")
    chance, killed = random.Random(0), 0
    while killed < 10:
        running = program(*how("parts"))
        for _ in range(chance.randint(1, 3)):
            next((line for line in running.stderr if line.startswith("epoch")), "")
        time.sleep(chance.uniform(0, 0.2))
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        assert running.returncode == -signal.SIGKILL, "it had ended already"
        killed += 1
        found = columns(tmp_path / "parts")
        assert found == want[: len(found)]
    last = program(*how("parts"))
    last.communicate()
    assert columns(tmp_path / "parts") == want
    ends = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts")]
    assert digest(ends[0]) == digest(ends[1])


def columns(folder: Path) -> list[tuple[str, ...]]:
    """Of the log, all that does not tell the time."""
    return [
        tuple(line[name] for name in ("epoch", "loss", "accuracy", "lr", "weights")) for line in read(Folder(folder))
    ]


def test_test_images_are_told_first_of_what_is_watched(
    command: Command, archive: str, others: str, tmp_path: Path
) -> None:
    how = ("--images", archive, "--test-images", others, "--watch", "clean,bands", "--exams", "clean", "--workers", 0)
    said = command(*SMALL, *how, "--out", tmp_path / "net")
    assert said.code == 0, said.err
    (line,) = (one for one in said.err.splitlines() if one.startswith("epoch 2"))
    assert "test.clean.accuracy 0." in line
    assert line.index("test.clean.accuracy") < line.index("test.bands.accuracy")
    assert "more in log.csv" in line
    page = (tmp_path / "net" / "report.html").read_text()
    assert "bands: accuracy" in page
    assert "95% interval" in page


def test_recipes_are_listed(command: Command) -> None:
    assert "standard_small" in command("list", "recipes").out


def test_recipes_are_shown_as_a_file_to_copy(command: Command, tmp_path: Path) -> None:
    shown = command("show", "pgd_at_small")
    assert shown.code == 0
    (tmp_path / "own.toml").write_text(shown.out)
    assert recipe_of(str(tmp_path / "own.toml")) == recipe_of("pgd_at_small")
    assert "a remedy" in command("show", "antialias").out
    assert "epochs" not in command("show", "antialias").out
    assert "list recipes" in command("show", "pgd_at_smal").err


def test_what_can_be_listed_is_named_in_the_help(command: Command) -> None:
    told = " ".join(command("--help").out.replace("│", " ").split())
    assert "recipes, augmentations, models or kinds of stimuli" in told


@pytest.mark.parametrize("name", ["train", "treat", "exam", "features", "decisions"])
def test_the_help_offers_no_option_that_empties_another(command: Command, name: str) -> None:
    told = command(name, "--help").out
    assert "--out" in told
    assert "--empty-" not in told


def test_augmentations_are_listed_and_shown(command: Command) -> None:
    listed = command("list", "augments").out
    assert all(name in listed for name in ("mixup", "apr_pairs", "suppress_cue", "bass"))
    shown = command("show", "mixup").out
    assert "alpha = 1.0" in shown
    assert "Zhang" in shown or "lam" in shown
    said = command("show", "mixupp")
    assert said.code == 2
    assert "mixup" in said.err.replace("mixupp", "")
