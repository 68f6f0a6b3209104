"""The Python interface: a user's own program and module stay as they were."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import eyechart
from eyechart.errors import SettingError, UnknownNameError
from eyechart.exams.bands import Bands
from eyes import image_set, noise_images
from small_run import Counting

FRAME = eyechart.Preprocessing(size=(16, 16), resize=(16, 16))
IMAGES = image_set(noise_images(40), np.arange(40) % 4)


class Own(nn.Module):
    """A module with all that evaluation may disturb: statistics, dropout, hooks, gradients."""

    def __init__(self) -> None:
        super().__init__()
        chance = torch.Generator().manual_seed(0)
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.drop, self.head = nn.Dropout(), nn.Linear(4, 4)
        for parameter in self.parameters():
            parameter.data.copy_(torch.randn(parameter.shape, generator=chance))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.norm(self.conv(x)).relu().mean((2, 3))))


def states() -> tuple[object, ...]:
    numpy_state = np.random.get_state(legacy=True)
    return torch.get_rng_state().tolist(), numpy_state[1].tolist(), numpy_state[2], random.getstate()


def test_nothing_of_the_users_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    net = Own().train()
    calls: list[int] = []
    net.norm.eval()
    net.conv.weight.requires_grad_(False)
    net.head.register_forward_hook(lambda *_: calls.append(1))
    net(torch.rand(2, 3, 16, 16)).sum().backward()
    calls.clear()
    assert net.head.weight.grad is not None
    kept = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    gradients = {name: None if p.grad is None else p.grad.clone() for name, p in net.named_parameters()}
    needs = {name: p.requires_grad for name, p in net.named_parameters()}
    modes = {name: module.training for name, module in net.named_modules()}
    before, threads, grad = states(), torch.get_num_threads(), torch.is_grad_enabled()

    model = eyechart.wrap(net, preprocessing=FRAME, device="cpu")
    run = eyechart.examine(model, IMAGES, ["clean", "bands", "shift"], out=tmp_path / "run", workers=0)

    assert len(run.estimates) > 30
    assert states() == before
    assert (torch.get_num_threads(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == (
        threads,
        grad,
        False,
    )
    assert all(torch.equal(kept[name], tensor) for name, tensor in net.state_dict().items())
    for name, p in net.named_parameters():
        there = gradients[name]
        assert (p.grad is None) == (there is None), name
        assert there is None or torch.equal(p.grad, there), name  # type: ignore[arg-type]
        assert not p.is_inference()
    assert {name: p.requires_grad for name, p in net.named_parameters()} == needs
    assert {name: module.training for name, module in net.named_modules()} == modes
    assert len(net.head._forward_hooks) == 1
    assert all(not m._forward_pre_hooks and not m._backward_hooks for m in net.modules())
    net(torch.rand(2, 3, 16, 16)).sum().backward()  # still trains
    assert sorted(os.listdir(tmp_path)) == ["mine.txt", "run"]


def test_without_out_the_working_folder_stays_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = eyechart.examine(eyechart.wrap(Own(), preprocessing=FRAME), IMAGES, ["clean"], workers=0)
    assert os.listdir(tmp_path) == []
    assert not Path(run.path).is_relative_to(tmp_path)


SCRIPT = """
import numpy as np
import torch
from torch import nn
import eyechart
from eyechart.images.arrays import array_set

print("once")
pixels = np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), dtype=np.uint8)
images = array_set("mine", pixels, tuple(f"{i:02d}" for i in range(24)), {"label": np.arange(24) % 3}, ())
net = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))
model = eyechart.wrap(net, preprocessing=eyechart.Preprocessing(size=(16, 16), resize=(16, 16)))
run = eyechart.examine(model, images, ["clean", "shift"], out="run", workers=1)
print(run.rows("shift").num_rows, eyechart.write_report(run))
"""

OWN_SOURCE = """
import numpy as np
from PIL import Image
from torch import nn
import eyechart
from eyechart.errors import ImagesError
from eyechart.images.image_set import ImageSet, Source
from eyechart.images.original import Original

class Mine(Source):
    def open(self):
        return Original(Image.new("RGB", (16, 16)))

class Images(ImageSet):
    def source(self, index):
        return Mine()

images = Images("mine", [str(i) for i in range(8)], {"label": np.zeros(8, int)}, (), "mine")
net = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))
model = eyechart.wrap(net, preprocessing=eyechart.Preprocessing(size=(16, 16), resize=(16, 16)))
try:
    eyechart.examine(model, images, ["clean"], out="workers", workers=1)
except ImagesError as error:
    print(error.way_out)
print(eyechart.examine(model, images, ["clean"], out="none", workers=0).rows("clean").num_rows)
"""


def ran(script: str, folder: Path) -> str:
    (folder / "mine.py").write_text(script)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "mine.py"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_plain_script_without_a_main_guard(tmp_path: Path) -> None:
    assert ran(SCRIPT, tmp_path) == "once\n24 run/report.html\n"


def test_images_defined_in_a_script(tmp_path: Path) -> None:
    way_out, rows = ran(OWN_SOURCE, tmp_path).splitlines()
    assert "workers=0" in way_out
    assert rows == "8"


def test_suites_names_and_settings(tmp_path: Path) -> None:
    model = eyechart.wrap(Own(), preprocessing=FRAME)
    quick = eyechart.examine(model, IMAGES, "quick", settings={"bands": {"radii": [3]}}, out=tmp_path / "a", workers=0)
    assert quick.exams == ("clean", "bands")
    assert {e.at["radius"] for e in quick.estimates.of("nll", band="low")} == {3}
    one = eyechart.examine(model, IMAGES, "clean", out=tmp_path / "b", workers=0)
    assert one.exams == ("clean",)
    counting = Counting()
    mixed = eyechart.examine(
        model, IMAGES, [Bands(radii=(3,)), "clean"], out=tmp_path / "c", workers=0, reporter=counting
    )
    assert mixed.exams == ("clean", "bands")
    assert counting.forwards == 40 * 3


@pytest.mark.parametrize(
    ("exams", "settings", "kind", "told"),
    [
        ("clen", {}, UnknownNameError, "Did you mean clean"),
        ([], {}, SettingError, "No exam is asked for"),
        (["clean"], {"clean": {"bins": 3}}, UnknownNameError, "clean.ece_bins"),
        (["clean"], {"clean": {"ece_bins": 0}}, SettingError, "clean.ece_bins"),
    ],
)
def test_what_is_asked_wrongly(
    tmp_path: Path, exams: object, settings: dict[str, dict[str, object]], kind: type[Exception], told: str
) -> None:
    model = eyechart.wrap(Own(), preprocessing=FRAME)
    with pytest.raises(kind, match=told):
        eyechart.examine(model, IMAGES, exams, settings=settings, out=tmp_path / "run")  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"seed": -1}, {"batch_size": 0}, {"workers": -1}, {"max_bad": -1}])
def test_options_out_of_range(tmp_path: Path, wrong: dict[str, int]) -> None:
    model = eyechart.wrap(Own(), preprocessing=FRAME)
    with pytest.raises(SettingError, match=next(iter(wrong))):
        eyechart.examine(model, IMAGES, "quick", out=tmp_path / "run", **wrong)  # type: ignore[arg-type]
