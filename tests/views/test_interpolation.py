"""Nets between two checkpoints: both ends are exact, and what does not fit is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from eyechart.errors import CheckpointError, SettingError, TrustError
from eyechart.run.altered import altered
from eyechart.views.interpolation import Towards, _state, marked
from eyes import seen_by

SIZE = 8


class Net(nn.Module):
    def __init__(self, seed: int, width: int = 4) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv, self.norm = nn.Conv2d(3, width, 3, bias=False), nn.BatchNorm2d(width)
        self.head = nn.Linear(width, 3)
        self.register_buffer("scale", torch.tensor([[2.0]]), persistent=False)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)
        self.norm.num_batches_tracked += seed

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3))) * self.scale


def saved(net: nn.Module, path: Path) -> str:
    (torch.save if path.suffix == ".pth" else save_file)(net.state_dict(), path)
    _state.cache_clear()
    return marked(str(path))


@pytest.mark.parametrize("name", ["other.safetensors", "other.pth"])
def test_both_ends_are_exact_and_between_all_is_mixed(tmp_path: Path, name: str) -> None:
    one, two = Net(1).eval(), Net(2).eval()
    file = saved(two, tmp_path / name)
    own = dict(one.named_parameters()) | {n: b for n, b in one.named_buffers() if b.is_floating_point()}
    with torch.no_grad():
        start, middle, end = (Towards(file, t).changed(own, ()) for t in (0.0, 0.25, 1.0))
    for key, there in two.state_dict().items():
        if key == "norm.num_batches_tracked":
            continue
        here = one.state_dict()[key]
        assert torch.equal(start[key], here)
        assert torch.equal(end[key], there)
        np.testing.assert_allclose(
            middle[key].numpy(), 0.75 * here.numpy() + 0.25 * there.numpy(), rtol=1e-6, atol=1e-7
        )
    model, pixels = seen_by(one, SIZE), torch.rand(4, 3, SIZE, SIZE)
    with torch.no_grad():
        torch.testing.assert_close(
            altered(model, Towards(file, 1.0))(pixels).clone(), two(pixels), rtol=1e-5, atol=1e-5
        )


class Tied(nn.Module):
    """One kernel under two names."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.second, self.head = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Linear(3, 3)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x).relu()).mean((2, 3)))


def test_tensors_of_several_names_are_one(tmp_path: Path) -> None:
    one, two, pixels = Tied(1).eval(), Tied(2).eval(), torch.rand(4, 3, SIZE, SIZE)
    file = saved(two, tmp_path / "tied.pth")
    with torch.no_grad():
        there = altered(seen_by(one, SIZE), Towards(file, 1.0))(pixels).clone()
        torch.testing.assert_close(there, two(pixels), rtol=1e-5, atol=1e-5)
    apart = {name: t.clone() for name, t in two.state_dict().items()}
    apart["second.weight"] += 1
    save_file(apart, tmp_path / "apart.safetensors")
    assert "1 not expected (second.weight)" in str(refused(one, marked(str(tmp_path / "apart.safetensors"))))


def refused(net: nn.Module, file: str) -> Exception:
    with pytest.raises((CheckpointError, SettingError, TrustError)) as caught:
        altered(seen_by(net, SIZE), Towards(file, 0.5))
    assert caught.value.setting == "loss_landscape.towards"
    assert caught.value.way_out
    return caught.value


def test_another_architecture_is_told(tmp_path: Path) -> None:
    own = Net(1).eval()
    told = str(refused(own, saved(Net(2, width=6), tmp_path / "wide.safetensors")))
    assert "conv.weight" in told
    assert "of another shape" in told
    less = {k: v for k, v in Net(2).state_dict().items() if k not in ("head.bias", "norm.running_var")}
    save_file({**less, "more": torch.ones(2)}, tmp_path / "less.safetensors")
    told = str(refused(own, marked(str(tmp_path / "less.safetensors"))))
    assert "2 missing (head.bias, norm.running_var)" in told or "2 missing (norm.running_var, head.bias)" in told
    assert "1 not expected (more)" in told


def test_a_file_that_is_none_or_holds_code_is_told(tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(b"\0" * 20)
    assert "cannot be read" in str(refused(Net(1).eval(), marked(str(tmp_path / "cut.safetensors"))))
    torch.save(Net(2), tmp_path / "module.pth")
    error = refused(Net(1).eval(), marked(str(tmp_path / "module.pth")))
    assert isinstance(error, TrustError)
    assert "safetensors" in error.way_out
    with pytest.raises(ValueError, match="no file"):
        marked(str(tmp_path / "nothing.safetensors"))


def test_a_changed_file_has_another_name_and_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    before = saved(Net(2), path)
    assert marked(before) == before
    after = saved(Net(3), path)
    assert before != after
    assert before.partition("#")[0] == after.partition("#")[0] == str(path)
    assert "has changed" in str(refused(Net(1).eval(), before))
    altered(seen_by(Net(1).eval(), SIZE), Towards(after, 0.5))
