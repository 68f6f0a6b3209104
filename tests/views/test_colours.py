"""Views that take the colour out, or give a wrong one."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch

from eyechart.core.view import Pixels
from eyechart.views.colours import ChannelShuffle, Greyed


def batch(n: int, channels: int = 3) -> Pixels:
    pixels = torch.rand((n, channels, 6, 5), generator=torch.Generator().manual_seed(0))
    return Pixels(pixels.contiguous(memory_format=torch.channels_last), tuple(f"image {i}" for i in range(n)), 0)


@pytest.mark.parametrize("amount", [0.0, 0.4, 1.0])
def test_greyed_is_its_formula(amount: float) -> None:
    given = batch(3)
    red, green, blue = given.tensor.unbind(1)
    grey = (0.2125 * red + 0.7154 * green + 0.0721 * blue)[:, None]
    shown = Greyed(amount).render(given).pixels
    torch.testing.assert_close(shown, (1 - amount) * given.tensor + amount * grey)
    assert shown.is_contiguous(memory_format=torch.channels_last)


def test_no_amount_is_the_image_and_the_whole_is_idempotent() -> None:
    given = batch(2)
    assert torch.equal(Greyed(0.0).render(given).pixels, given.tensor)
    once = Greyed().render(given).pixels
    assert torch.equal(once[:, 0], once[:, 2])
    torch.testing.assert_close(Greyed().render(Pixels(once, given.ids, 0)).pixels, once)


def test_channels_change_places_whole_and_never_stay() -> None:
    given = batch(200)
    shown = ChannelShuffle(1).render(given).pixels
    assert shown.is_contiguous(memory_format=torch.channels_last)
    seen = {}
    for before, after in zip(given.tensor, shown, strict=True):
        (order,) = [p for p in permutations(range(3)) if torch.equal(before[list(p)], after)]
        seen[order] = seen.get(order, 0) + 1
    assert set(seen) == {*permutations(range(3))} - {(0, 1, 2)}
    assert min(seen.values()) > 15  # of 40 expected
    other = ChannelShuffle(0).render(given).pixels
    assert not torch.equal(other, shown)
    alone = Pixels(given.tensor[7:8], given.ids[7:8], 0)
    assert torch.equal(ChannelShuffle(1).render(alone).pixels[0], shown[7])


@pytest.mark.parametrize("view", [Greyed(), ChannelShuffle()])
def test_grey_images_stay_as_they_are(view: Greyed | ChannelShuffle) -> None:
    given = batch(2, channels=1)
    assert torch.equal(view.render(given).pixels, given.tensor)
    assert view.render(Pixels(given.tensor[:0], (), 0)).pixels.shape == (0, 1, 6, 5)
