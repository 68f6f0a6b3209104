"""Moved weights: a transcription of filter normalisation, and the laws of directions."""

from __future__ import annotations

from copy import deepcopy
from hashlib import blake2b

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.run.altered import altered, can_alter
from eyechart.views import directions
from eyechart.views.directions import Moved, Normalise
from eyes import LinearEye, seen_by

SIZE = 8


class Net(nn.Module):
    """Kernels of three shapes, BatchNorm, biases, and a buffer with two axes; positive homogeneous in each kernel."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.second = nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.Conv2d(5, 4, 1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3)
        self.register_buffer("mix", torch.randn(3, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.einsum("nchw,cd->ndhw", x, self.mix)
        return self.head(self.norm(self.second(self.first(x).relu())).relu().mean((2, 3)))


def noise(name: str, shape: tuple[int, ...], seed: int, number: int) -> np.ndarray:
    """The numbers of one parameter, drawn by itself."""
    key = blake2b(f"{seed}\0direction {number}\0{name}".encode(), digest_size=16).digest()
    rng = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
    return rng.standard_normal(shape, np.float32).astype(np.float64)


def slowly_normalised(weights: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Filter by filter, as section 4 of the paper and its code have it."""
    found = np.zeros_like(drawn)
    for f in range(len(weights)):
        length = np.sqrt((weights[f] ** 2).sum())
        found[f] = drawn[f] * length / (np.sqrt((drawn[f] ** 2).sum()) + 1e-10)
    return found


def own(net: nn.Module) -> dict[str, Tensor]:
    return dict(net.named_parameters()) | dict(net.named_buffers())


@pytest.mark.parametrize("normalise", ["filter", "none"])
def test_weights_are_moved_as_the_paper_says(normalise: Normalise) -> None:
    net = Net()
    with torch.no_grad():
        moved = Moved(0.3, -0.7, seed=5, normalise=normalise).changed(own(net), ())
    assert set(moved) == {"first.weight", "second.weight", "head.weight"}  # no biases, no norms, no buffers
    for name, got in moved.items():
        weights = own(net)[name].detach().double().numpy()
        both = [noise(name, weights.shape, 5, number) for number in (1, 2)]
        if normalise == "filter":
            both = [slowly_normalised(weights, one) for one in both]
        np.testing.assert_allclose(got.numpy(), weights + 0.3 * both[0] - 0.7 * both[1], rtol=1e-5, atol=1e-6)


def test_at_a_distance_of_one_each_filter_is_moved_by_its_own_norm() -> None:
    net = Net(3)
    with torch.no_grad():
        for name, got in Moved(1.0, 0.0).changed(own(net), ()).items():
            weights = own(net)[name]
            torch.testing.assert_close((got - weights).flatten(1).norm(dim=1), weights.flatten(1).norm(dim=1))


class Scaled(nn.Module):
    """Scales of layers and norms of several axes, beside kernels of few weights that do have extent."""

    def __init__(self) -> None:
        super().__init__()
        shapes = {"scale": (4, 1, 1), "norm": (1, 4, 1, 1), "token": (1, 1, 4), "one": (1, 1), "single": (1, 4)}
        kernels = {"depthwise": (4, 1, 3, 3), "linear": (3, 4), "transposed": (4, 2, 1, 1)}
        for name, shape in {**shapes, **kernels}.items():
            setattr(self, name, nn.Parameter(torch.ones(shape)))


@pytest.mark.parametrize("normalise", ["filter", "none"])
def test_scales_and_norms_stay_whatever_their_axes(normalise: Normalise) -> None:
    with torch.no_grad():
        moved = Moved(1.0, 0.0, normalise=normalise).changed(own(Scaled()), ())
    assert set(moved) == {"depthwise", "linear", "transposed"}
    assert not Moved(1.0, 0.0).suits({"scale": Scaled().scale, "norm": Scaled().norm}, ())


def test_a_filter_of_zeros_stays() -> None:
    net = Net()
    with torch.no_grad():
        net.first.weight[2] = 0
        moved = Moved(1.0, 1.0).changed(own(net), ())["first.weight"]
    assert (moved[2] == 0).all()
    assert (moved[1] != 0).all()


def test_swapping_directions_and_steps_is_the_same_place() -> None:
    net = Net()
    with torch.no_grad():
        there = Moved(0.25, -0.5, directions=(1, 2)).changed(own(net), ())
        again = Moved(-0.5, 0.25, directions=(2, 1)).changed(own(net), ())
    for name in there:
        torch.testing.assert_close(there[name], again[name], rtol=1e-6, atol=1e-6)


def test_numbers_depend_on_seed_direction_and_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Net()
    tensors = own(net)
    with torch.no_grad():
        usual = Moved(1.0, 0.0).changed(tensors, ())
        backwards = Moved(1.0, 0.0).changed(dict(reversed(tensors.items())), ())
        alone = Moved(1.0, 0.0).changed({"head.weight": tensors["head.weight"]}, ())
        monkeypatch.setattr(directions, "MOST_REMEMBERED", 0)
        afresh = Moved(1.0, 0.0).changed(tensors, ())
        others = [Moved(1.0, 0.0, seed=1), Moved(0.0, 1.0), Moved(1.0, 0.0, directions=(3, 2))]
        different = [one.changed(tensors, ())["head.weight"] for one in others]
    for name, value in usual.items():
        assert torch.equal(value, backwards[name])
        assert torch.equal(value, afresh[name])
    assert torch.equal(usual["head.weight"], alone["head.weight"])
    assert not any(torch.allclose(usual["head.weight"], one, atol=1e-3) for one in different)


def test_directions_of_one_net_are_not_taken_for_anothers() -> None:
    for seed in (0, 1):
        net = Net(seed)
        with torch.no_grad():
            got = Moved(0.5, 0.0).changed(own(net), ())["first.weight"]
        weights = net.first.weight.detach().double().numpy()
        step = slowly_normalised(weights, noise("first.weight", weights.shape, 0, 1))
        np.testing.assert_allclose(got.numpy(), weights + 0.5 * step, rtol=1e-5, atol=1e-6)


def test_kernels_scaled_up_and_down_leave_the_landscape_as_it_is() -> None:
    net = Net(2).eval()
    other = deepcopy(net)
    with torch.no_grad():
        other.first.weight *= 7.0
        other.second.weight /= 7.0
    pixels = torch.rand(6, 3, SIZE, SIZE)
    for a, b in ((0.4, 0.0), (-0.3, 0.9)):
        one, two = (altered(seen_by(eye, SIZE), Moved(a, b))(pixels) for eye in (net, other))
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
        raw = [altered(seen_by(eye, SIZE), Moved(a, b, normalise="none"))(pixels) for eye in (net, other)]
        assert not torch.allclose(*raw, rtol=1e-2, atol=1e-3)


def test_what_has_no_kernels_cannot_be_moved() -> None:
    eye = LinearEye(torch.randn(3, 3 * SIZE * SIZE))
    assert not can_alter(seen_by(eye, SIZE), Moved(0.1, 0.1))  # its weights are a buffer
    assert can_alter(seen_by(Net().eval(), SIZE), Moved(0.1, 0.1))
