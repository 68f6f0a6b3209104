"""Cyclic shifts and shifts by shares of a pixel, on the device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eyechart.core.chance import generator
from eyechart.core.view import Pixels
from eyechart.views.rolls import RandomRoll, Rolled, usual_reach
from eyechart.views.subpixel import FourierShift


def batch(n: int, height: int = 12, width: int = 10, seed: int = 0) -> Pixels:
    pixels = torch.rand((n, 3, height, width), generator=torch.Generator().manual_seed(seed))
    return Pixels(pixels.contiguous(memory_format=torch.channels_last), tuple(f"image {i}" for i in range(n)), 0)


def test_the_reach_is_as_published() -> None:
    assert [usual_reach(n) for n in (32, 224, 64, 16)] == [3, 32, 6, 2]


@pytest.mark.parametrize(
    "view", [Rolled(3, -2), RandomRoll(1, 0, 3), FourierShift(0.5, 0.25), FourierShift(1, 0, True)]
)
def test_channels_last_and_the_input_as_it_was(view: Rolled | RandomRoll | FourierShift) -> None:
    given = batch(3)
    before = given.tensor.clone()
    shown = view.render(given).pixels
    assert shown.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(given.tensor, before)


def test_rolled_is_torch_s_roll() -> None:
    given = batch(2)
    assert torch.equal(Rolled(3, -2).render(given).pixels, given.tensor.roll((3, -2), (2, 3)))


def test_random_rolls_show_what_they_note() -> None:
    given = batch(40)
    for frame in (1, 2):
        shown = RandomRoll(frame, 1, 3).render(given)  # type: ignore[arg-type]
        down, right = (shown.notes[name].astype(int) for name in ("down", "right"))
        assert set(down) == set(right) == set(range(-3, 3))
        for k in range(40):
            assert torch.equal(shown.pixels[k], given.tensor[k].roll((int(down[k]), int(right[k])), (1, 2)))
        rng = generator(0, "consistency.roll.1", "image 7")
        place = [int(rng.integers(36)), int(rng.integers(36))][frame - 1]
        assert (down[7], right[7]) == (place // 6 - 3, place % 6 - 3)


def test_distinct_rolls_never_meet() -> None:
    given = batch(300, 4, 4)
    pairs = [[RandomRoll(f, 0, 1, distinct).render(given).notes for f in (1, 2)] for distinct in (False, True)]  # type: ignore[arg-type]
    met = [((a["down"] == b["down"]) & (a["right"] == b["right"])).mean() for a, b in pairs]
    assert met[0] > 0.15
    assert met[1] == 0


def test_a_fourier_shift_notes_what_leaves_the_range() -> None:
    given = batch(2)
    edge = torch.zeros_like(given.tensor)
    edge[0, :, :, 5:] = 1.0  # a step from black to white; the second image is black
    shown = FourierShift(0, 0.5).render(Pixels(edge, given.ids, 0))
    outside = (shown.pixels < -0.5 / 255) | (shown.pixels > 1 + 0.5 / 255)
    np.testing.assert_allclose(shown.notes["outside"], outside.flatten(1).double().mean(1))
    assert shown.notes["outside"][0] > 0.3
    assert shown.notes["outside"][1] == 0
    most = max(float(-shown.pixels.min()), float(shown.pixels.max()) - 1)
    assert shown.notes["outside_most"][0] == pytest.approx(most, rel=1e-5)
    clipped = FourierShift(0, 0.5, clip=True).render(Pixels(edge, given.ids, 0))
    assert torch.equal(clipped.pixels, shown.pixels.clamp(0, 1))
    np.testing.assert_array_equal(clipped.notes["outside"], shown.notes["outside"])
