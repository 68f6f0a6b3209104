"""Past silent units gradients are let through, for the pictures alone that get none otherwise; values are those of the net."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from eyechart.features.redirect import Redirected


def part_in_place(x: Tensor) -> Tensor:
    x[:, :2].relu_()
    return x


def ignored(x: Tensor) -> Tensor:
    functional.relu(x, inplace=True)
    return x


WAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "relu_": torch.relu_,
    "at most 6": nn.ReLU6(),
    "at most 6, in place": nn.ReLU6(inplace=True),
    "of a part": part_in_place,
    "by its effect alone": ignored,
}


@pytest.mark.parametrize("way", WAYS)
def test_where_gradients_pass_all_is_as_without(way: str) -> None:
    net, pixels = nn.Conv2d(3, 4, 3), torch.randn(5, 3, 9, 9, generator=torch.Generator().manual_seed(0)) * 8
    pixels.requires_grad_()
    wanted, found = WAYS[way](net(pixels)), _redirected(WAYS[way], net(pixels))
    assert torch.equal(found, wanted)
    assert torch.equal(*(torch.autograd.grad(maps.square().sum(), pixels)[0] for maps in (found, wanted)))


@pytest.mark.parametrize("in_place", [False, True])
def test_the_work_is_done_where_the_net_does_it(in_place: bool) -> None:
    before = torch.randn(2, 3, 4, 4, requires_grad=True) + 0
    after = _redirected(nn.ReLU(inplace=in_place), before)
    assert (after.data_ptr() == before.data_ptr()) == in_place


@pytest.mark.parametrize("shape", [(4, 2, 3, 3), (4, 6)])
def test_silent_pictures_alone_get_gradients_that_raise_them(shape: tuple[int, ...]) -> None:
    signs = torch.ones(shape)
    signs[0] = signs[1] = -1  # silent altogether
    signs[2] = -1
    signs[2].view(-1)[-1] = 1  # speaks at one place, in the last row
    x = signs.requires_grad_()
    slope = torch.ones(shape)
    slope[0] = -1  # what is minimised falls where the unit rises
    (found,) = torch.autograd.grad(_redirected(nn.ReLU(), x), x, slope)
    assert torch.equal(found[0], slope[0])  # raised
    assert not found[1].any()  # to be lowered: silent it is as low as can be
    assert found[2].count_nonzero() == 1
    assert torch.equal(found[3], slope[3])


def _redirected(way: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with Redirected():
        return way(x)
