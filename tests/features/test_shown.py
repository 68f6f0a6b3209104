"""How pictures are shown while they are made: by chances of their own, drawn for all steps at once, and without aliasing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eyechart.core.chance import generator
from eyechart.features.maco import GRAIN, NOISE, _Noise
from eyechart.features.shown import (
    DEGREES,
    SCALES,
    cropped,
    draw_crops,
    draw_motions,
    motion_maps,
    moved,
    rolled,
    windows,
)

STILL = np.array([[0.0, 1.0, 0.0, 0.0]])


def draws(*keys: str) -> list[np.random.Generator]:
    return [generator(0, "features", key) for key in keys]


def checkers(side: int) -> torch.Tensor:
    """(1, 3, side, side), the finest there are."""
    at = torch.arange(side)
    return ((at[:, None] + at) % 2).float().expand(1, 3, -1, -1)


def test_motions_are_lucid_s() -> None:
    found = draw_motions(draws("a"), 20_000)[:, 0]
    turns, counts = np.unique(np.round(np.rad2deg(found[:, 0])), return_counts=True)
    np.testing.assert_array_equal(turns, np.arange(-10, 11))
    wanted = np.array([(turn == DEGREES).mean() for turn in turns])
    np.testing.assert_allclose(counts / len(found), wanted, atol=4 * np.sqrt(0.25 / len(found)))
    np.testing.assert_allclose(np.unique(found[:, 1]), SCALES)
    for shift in found[:, 2:].T:  # a sum of two uniform ones
        values, counts = np.unique(shift, return_counts=True)
        np.testing.assert_array_equal(values, np.arange(-6, 7))
        wanted = np.convolve(np.full(9, 1 / 9), np.full(5, 1 / 5))
        np.testing.assert_allclose(counts / len(found), wanted, atol=4 * np.sqrt(0.25 / len(found)))


def test_chances_depend_neither_on_the_batch_nor_on_how_many_steps_follow() -> None:
    many, few = draw_motions(draws("a", "b"), 50), draw_motions(draws("b"), 7)
    np.testing.assert_array_equal(many[:7, 1:], few)
    means = np.linspace(0.5, 0.05, 9)
    together, alone = (draw_crops(draws(*keys), 3, means) for keys in ("ab", "b"))
    np.testing.assert_array_equal(together[:, 1:], alone)


def test_crops_are_those_of_the_paper() -> None:
    found = draw_crops(draws("a"), 5000, np.array([0.5, 0.05]))
    assert found[..., :2].mean() == pytest.approx(0.5, abs=0.01)
    assert found[..., :2].std() == pytest.approx(0.15, rel=0.03)
    assert found[0, ..., 2].mean() == pytest.approx(0.5, abs=0.005)
    assert found[1, ..., 2].min() == 0.05
    assert (found[1, ..., 2] == 0.05).mean() == pytest.approx(0.5, abs=0.05)


def test_a_motion_moves_what_it_says() -> None:
    picture = torch.rand(1, 3, 24, 24)
    torch.testing.assert_close(moved(picture, motion_maps(STILL, 24), 24), picture)
    right = moved(picture, motion_maps(np.array([[0.0, 1.0, 3.0, -2.0]]), 24), 24)
    torch.testing.assert_close(right[:, :, 2:, :-3], picture[:, :, :-2, 3:])
    assert (right[:, :, :, -3:] == 0.5).all()
    quarter = moved(picture, motion_maps(np.array([[np.pi / 2, 1.0, 0.0, 0.0]]), 24), 24)
    torch.testing.assert_close(quarter, picture.rot90(1, (2, 3)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("side", [32, 20])
def test_what_a_frame_is_too_coarse_for_is_grey(side: int) -> None:
    shown = moved(checkers(128), motion_maps(STILL, 128), side)
    assert (shown - 0.5).abs().max() < 0.05
    crop = cropped(checkers(128), torch.tensor([[[0.5, 0.5, 0.9]]]), side, 0.9)
    assert (crop - 0.5).abs().max() < 0.05


def test_what_a_frame_is_fine_enough_for_stays() -> None:
    picture = torch.rand(1, 3, 64, 64)
    crop = cropped(picture, torch.tensor([[[0.5, 0.5, 0.5]]]), 32, 0.5)
    torch.testing.assert_close(crop, picture[:, :, 16:48, 16:48])


def test_crops_of_a_picture_lie_beside_each_other() -> None:
    pictures = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 1, 16, 16)
    found = cropped(pictures, torch.full((3, 4, 3), 0.5), 8, 0.5)
    assert found.mean((1, 2, 3)).tolist() == [0.0] * 4 + [1.0] * 4 + [2.0] * 4


def test_rolling_is_torch_s_and_its_gradient_rolls_back() -> None:
    pictures, shifts = torch.rand(3, 2, 5, 7, requires_grad=True), torch.tensor([[0, 0], [2, -3], [-4, 1]])
    found = rolled(pictures, shifts)
    wanted = torch.stack([p.roll(tuple(s.tolist()), (1, 2)) for p, s in zip(pictures, shifts, strict=True)])
    torch.testing.assert_close(found, wanted)
    slope = torch.rand_like(found)
    (one,) = torch.autograd.grad(found, pictures, slope)
    (other,) = torch.autograd.grad(wanted, pictures, slope)
    torch.testing.assert_close(one, other)


def test_windows_go_on_round_the_borders() -> None:
    tiles, corners = torch.rand(2, 6, 6, 3), torch.tensor([[[0, 0], [4, 5]], [[3, 1], [5, 5]]])
    found = windows(tiles, corners, 4)
    for i, (row, column) in enumerate(corners.flatten(0, 1).tolist()):
        whole = tiles[i // 2].permute(2, 0, 1).roll((-row, -column), (1, 2))
        torch.testing.assert_close(found[i], whole[:, :4, :4])


def test_noise_is_normal_and_uniform_and_each_picture_s_own() -> None:
    noise = _Noise(draws("a", "b"), (3, 2, 4), (3, 32), torch.device("cpu"))
    one, other = noise.at(0), noise.at(1)
    assert one.shape == (8, 3, 32, 32)
    assert float(one.std()) == pytest.approx((NOISE**2 + GRAIN**2 / 3) ** 0.5, rel=0.03)
    assert abs(float(one.mean())) < 0.003
    assert (one != other).any(3).any(2).all()
    alone = _Noise(draws("b"), (3, 1, 4), (3, 32), torch.device("cpu"))
    torch.testing.assert_close(noise.at(2)[4:], alone.at(2))
