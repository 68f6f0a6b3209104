"""Treated nets as programs: read back, they give the same answers and know their pictures and classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from eyechart.core.catalogue import REMEDIES, make_remedies
from eyechart.errors import TrustError
from eyechart.models.cost import multiply_adds
from eyechart.models.image_model import ImageModel
from eyechart.models.load import load_model, wrap
from eyechart.models.nets import CifarResNet
from eyechart.models.preprocessing import Preprocessing
from eyechart.remedies.exported import export
from eyechart.remedies.treatment import Treatment, treat

SEEN = Preprocessing(size=(16, 16), mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))


def small() -> ImageModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return wrap(CifarResNet(1), preprocessing=SEEN, class_names=tuple("abcdefghij"), device="cpu")


def treated(name: str) -> Treatment:
    return treat(small(), make_remedies([name], {"low_pass": {"radius": 5.0}} if name == "low_pass" else {}))


def test_an_exported_program_is_the_treated_net(tmp_path: Path) -> None:
    exports("antialias", tmp_path / "net.pt2")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(REMEDIES) - {"antialias"}))
def test_other_remedies_are_exported(name: str, tmp_path: Path) -> None:
    exports(name, tmp_path / "net.pt2")


def exports(name: str, path: Path) -> None:
    found = treated(name)
    assert export(found, path) == ""
    with pytest.raises(TrustError):
        load_model(str(path), device="cpu")
    again = load_model(str(path), trust="code", device="cpu")
    x = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    normal = (x - torch.tensor(SEEN.mean).view(3, 1, 1)) / torch.tensor(SEEN.std).view(3, 1, 1)
    with torch.no_grad():
        wanted = found.net(normal)
    torch.testing.assert_close(again(x), wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))
    assert again.preprocessing == SEEN
    assert again.class_names == tuple("abcdefghij")


def test_a_file_that_was_there_stays_if_nothing_is_exported(tmp_path: Path) -> None:
    class Looks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3)) if x.sum() > 0 else x.amax((2, 3))

    looks = replace(treated("antialias"), net=nn.Sequential(nn.Conv2d(3, 3, 1), Looks()).eval())
    path = tmp_path / "mine.pt2"
    path.write_text("precious")
    assert "cannot follow" in export(looks, path)
    assert path.read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["mine.pt2"]
    assert export(treated("antialias"), tmp_path / "new" / "net.pt2") == ""


def test_what_cannot_be_exported_is_told(tmp_path: Path) -> None:
    class Looks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3)) if x.mean() > 0 else x.amax((2, 3))

    recipe = {"preprocessing": SEEN.to_dict()}
    path = tmp_path / "net.pt2"
    assert "torch.export cannot follow it" in export(Treatment(Looks(), recipe, {}, {}), path)
    assert not path.exists()


def test_the_cost_is_that_of_the_layers() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 5))
    assert multiply_adds(net, torch.zeros(1, 3, 16, 16)) == 64 * 8 * 27 + 8 * 64 * 5
    found = treated("dense_stride")
    before, after = found.cost
    assert before == multiply_adds(small().plain.net, torch.zeros(1, 3, 16, 16))
    assert (
        1.5 < after / before < 2.5
    )  # the last of three stages, each of a third of the work, is done at four times the places
    assert f"{after / before:.2f} times" in found.costs()
