"""The net stops at the layer, says there what it says in full, and is left as it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from eyechart.errors import SettingError, UnknownNameError
from eyechart.exams.channels_layers import looked_at
from eyechart.features.reach import OUTPUTS, Reach
from eyechart.run.subject import subject_of
from features.rigged import SIDE, Rigged, model_of


class Awkward(nn.Module):
    """In-place steps, a tuple, a function as a step, a module that is called twice, and a step behind that fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.twice = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6, 5)
        self.ran = 0

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.first(x)), inplace=True)
        x = self.twice(x)
        x = x + self.twice(x)
        self.ran += 1
        return self.head(x.mean((2, 3)))


@pytest.fixture
def awkward() -> Any:
    torch.manual_seed(1)
    net = Awkward()
    with torch.no_grad():
        net.norm.running_mean.normal_()
        net.norm.running_var.uniform_(0.5, 2)
    return net.eval()


def by_hand(net: Awkward, frames: Tensor) -> dict[str, Tensor]:
    first = net.first(frames)
    norm = net.norm(first)
    once = net.twice(functional.relu(norm))
    return {"first": first, "norm": norm, "relu()": functional.relu(norm), "twice": once, "twice:2": net.twice(once)}


@pytest.mark.parametrize("layer", ["first", "norm", "relu()", "twice", "twice:2"])
def test_values_and_gradients_are_those_of_the_whole_net(awkward: Awkward, layer: str) -> None:
    reach = Reach(model_of(awkward), [layer])
    pixels = torch.rand(2, 3, SIDE, SIDE, requires_grad=True)
    before = reach.net.ran
    found = reach(pixels)[layer]
    assert reach.net.ran == before  # it stopped on the way
    wanted = by_hand(awkward, (pixels - 0.5) / 0.25)[layer]
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    slopes = [torch.autograd.grad(maps.square().sum(), pixels, retain_graph=True)[0] for maps in (found, wanted)]
    torch.testing.assert_close(*slopes, atol=1e-3, rtol=1e-3)


def test_several_layers_and_the_outputs(awkward: Awkward) -> None:
    found = Reach(model_of(awkward), ["first", "twice", OUTPUTS])(torch.rand(2, 3, SIDE, SIDE))
    assert [tuple(maps.shape) for maps in found.values()] == [(2, 6, SIDE, SIDE), (2, 6, SIDE, SIDE), (2, 5, 1, 1)]


def test_the_users_net_is_left_as_it_was(awkward: Awkward) -> None:
    awkward.train()
    before = {name: tensor.clone() for name, tensor in awkward.state_dict().items()}
    reach = Reach(model_of(awkward), ["twice"])
    with pytest.raises(RuntimeError):
        reach(torch.rand(2, 5, SIDE, SIDE))  # too many channels: the hook is removed all the same
    for net in (awkward, reach.net):
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert awkward.training
    assert all(parameter.requires_grad for parameter in awkward.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in awkward.state_dict().items())


class Pair(nn.Module):
    """A step that gives a tuple."""

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        return x * 2, 7


def test_the_first_of_a_tuple_is_read() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.pair = nn.Conv2d(3, 4, 3), Pair()

        def forward(self, x: Tensor) -> Tensor:
            return self.pair(self.conv(x))[0].mean((2, 3))

    net = Net().eval()
    pixels = torch.rand(1, 3, SIDE, SIDE)
    torch.testing.assert_close(Reach(model_of(net), ["pair"])(pixels)["pair"], net.conv((pixels - 0.5) / 0.25) * 2)


def test_names_that_are_none_get_suggestions() -> None:
    with pytest.raises(UnknownNameError, match="detect"):
        Reach(model_of(Rigged()), ["detct"])


def test_nets_that_take_one_size_say_so() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.mix = nn.Conv2d(3, 8, 8, 8), nn.Parameter(torch.randn((SIDE // 8) ** 2, 8))

        def forward(self, x: Tensor) -> Tensor:
            return (self.embed(x).flatten(2).mT + self.mix).mean(1)

    reach = Reach(model_of(Fixed()), [OUTPUTS])
    assert reach.bears((SIDE, SIDE))
    assert not reach.bears((96, 96))
    assert Reach(model_of(Fixed()), ["embed"]).bears((96, 96))


def test_tokens_are_maps() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.block = nn.Conv2d(3, 8, 8, 8), nn.Linear(8, 10)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.embed(x).flatten(2).mT
            tokens = torch.cat([torch.zeros(len(x), 1, 8), tokens], 1)  # a class token before them
            return self.block(tokens)[:, 0]

    found = Reach(model_of(Tokens()), ["block"])(torch.rand(2, 3, SIDE, SIDE))["block"]
    assert found.shape == (2, 10, SIDE // 8, SIDE // 8)


def test_a_layer_that_is_not_reached() -> None:
    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.extra = nn.Conv2d(3, 4, 3), nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return (self.extra(x) if x.shape[2] > 40 else x).mean((2, 3))

    reach = Reach(model_of(Sometimes()), ["extra"])
    with pytest.raises(SettingError, match="not reached"):
        reach(torch.rand(1, 3, 16, 16))


class Named(nn.Module):
    """A step that gives a mapping whose first tensor comes second."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> dict[str, Any]:
        return {"about": "maps", "out": functional.relu(self.conv(x), inplace=True), "hidden": None}


class OfNamed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = Named(), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.body(x)["out"].mean((2, 3)))}


def test_the_first_tensor_of_a_mapping_is_read() -> None:
    net = OfNamed().eval()
    pixels = torch.rand(2, 3, SIDE, SIDE)
    for layers in (["body"], ["body", OUTPUTS]):
        found = Reach(model_of(net), layers)(pixels)
        torch.testing.assert_close(found["body"], net.body((pixels - 0.5) / 0.25)["out"])
    torch.testing.assert_close(found[OUTPUTS][:, :, 0, 0], net((pixels - 0.5) / 0.25)["logits"])


class Last(nn.Module):
    """Maps of 2 x 2 places whose channels lie last, of as many channels as places a side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.embed, self.mix, self.head = (
            nn.Conv2d(3, channels, 32, 32),
            nn.Linear(channels, channels),
            nn.Linear(channels, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mix(self.embed(x).permute(0, 2, 3, 1)).mean((1, 2)))


@pytest.mark.parametrize("channels", [5, 2])
def test_a_channel_is_what_the_exam_takes_for_one(channels: int) -> None:
    net = Last(channels).eval()
    model = model_of(net)
    assert model.plain is not None
    reach = Reach(model, ["mix"])
    subject = subject_of(model, labelled=False)
    (read,) = looked_at(["mix"], subject)
    assert reach.held["mix"].map == read.held
    assert reach.held["mix"].channels == read.channels == channels
    for side in (SIDE, 96):
        pixels = torch.rand(2, 3, side, side)
        wanted = net.mix(net.embed((pixels - 0.5) / 0.25).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        torch.testing.assert_close(reach(pixels)["mix"], wanted)


def test_layers_that_are_never_used_are_told_from_names_that_are_none() -> None:
    net = Rigged()
    net.spare = nn.Conv2d(3, 3, 1)
    with pytest.raises(SettingError, match="does not use it"):
        Reach(model_of(net), ["spare"])
