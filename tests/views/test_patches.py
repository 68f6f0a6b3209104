"""Tiles that change places or turn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eyechart.core.chance import generator
from eyechart.core.view import Pixels
from eyechart.views.patches import PatchRotation, PatchShuffle, another_order, shuffled


def batch(n: int, height: int = 12, width: int = 12, seed: int = 0) -> Pixels:
    pixels = torch.rand((n, 3, height, width), generator=torch.Generator().manual_seed(seed))
    return Pixels(pixels.contiguous(memory_format=torch.channels_last), tuple(f"image {i}" for i in range(n)), 0)


@pytest.mark.parametrize("grid", [1, 2, 3, 6, 12])
@pytest.mark.parametrize("height", [12, 24])
def test_shuffled_tiles_are_those_of_a_plain_loop(grid: int, height: int) -> None:
    given = batch(5, height)
    shown = PatchShuffle(grid, 2).render(given).pixels
    assert shown.is_contiguous(memory_format=torch.channels_last)
    tall, wide = height // grid, 12 // grid
    for k, image in enumerate(given.tensor):
        rng = generator(0, "patch_shuffle.2", f"image {k}")
        order = rng.permutation(grid * grid)
        while grid > 1 and list(order) == sorted(order):
            order = rng.permutation(grid * grid)
        for place, tile in enumerate(order):
            (y, x), (v, u) = divmod(place, grid), divmod(int(tile), grid)
            there = image[:, v * tall : (v + 1) * tall, u * wide : (u + 1) * wide]
            assert torch.equal(shown[k, :, y * tall : (y + 1) * tall, x * wide : (x + 1) * wide], there)


def test_what_lies_beyond_the_last_whole_tile_stays() -> None:
    given = batch(3, 17, 14).tensor
    orders = np.stack([np.random.default_rng(k).permutation(9) for k in range(3)])
    found = shuffled(given, 3, torch.from_numpy(orders))
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(found.flatten(2).sort(-1).values, given.flatten(2).sort(-1).values)
    assert torch.equal(found[:, :, 15:], given[:, :, 15:])
    assert torch.equal(found[..., 12:], given[..., 12:])
    y, x = divmod(int(orders[1, 5]), 3)
    assert torch.equal(found[1, :, 5:10, 8:12], given[1, :, 5 * y : 5 * y + 5, 4 * x : 4 * x + 4])
    assert torch.equal(shuffled(given, 3, torch.arange(9).expand(3, 9)), given)


@pytest.mark.parametrize("grid", [1, 2, 4])
def test_turned_tiles_are_those_of_a_plain_loop(grid: int) -> None:
    given = batch(6)
    shown, side, turns = PatchRotation(grid).render(given).pixels, 12 // grid, set()
    assert shown.is_contiguous(memory_format=torch.channels_last)
    for k, image in enumerate(given.tensor):
        drawn = generator(0, "patch_rotation.0", f"image {k}").integers(4, size=grid * grid)
        for place, quarters in enumerate(drawn):
            y, x = (side * part for part in divmod(place, grid))
            tile = np.rot90(image[:, y : y + side, x : x + side].numpy(), quarters, (1, 2))
            np.testing.assert_array_equal(shown[k, :, y : y + side, x : x + side], tile)
            turns.add(int(quarters))
    assert len(turns) > 2


@pytest.mark.parametrize("view", [PatchShuffle(3), PatchRotation(3)])
def test_every_pixel_is_still_there(view: PatchShuffle | PatchRotation) -> None:
    given = batch(4)
    before = given.tensor.clone()
    shown = view.render(given).pixels
    assert torch.equal(given.tensor, before)
    assert not torch.equal(shown, before)
    assert torch.equal(sorted_pixels(shown), sorted_pixels(before))


def sorted_pixels(images: torch.Tensor) -> torch.Tensor:
    """(n, pixels, 3) in the order of red: colours stay whole."""
    rows = images.permute(0, 2, 3, 1).flatten(1, 2)
    return torch.stack([row[row[:, 0].argsort(stable=True)] for row in rows])


@pytest.mark.parametrize("view", [PatchShuffle(4, 1), PatchRotation(4, 1)])
def test_an_image_is_shown_alike_whatever_comes_with_it(view: PatchShuffle | PatchRotation) -> None:
    given = batch(7)
    whole = view.render(given).pixels
    for k in range(7):
        alone = Pixels(given.tensor[k : k + 1], given.ids[k : k + 1], 0)
        assert torch.equal(view.render(alone).pixels[0], whole[k])
    empty = Pixels(given.tensor[:0], (), 0)
    assert view.render(empty).pixels.shape == (0, 3, 12, 12)


def test_orders_are_never_the_first_and_all_others_as_likely() -> None:
    rng = np.random.default_rng(0)
    drawn = [tuple(another_order(rng, 3)) for _ in range(3000)]
    counts = {order: drawn.count(order) for order in set(drawn)}
    assert len(counts) == 5
    assert (0, 1, 2) not in counts
    assert max(abs(count - 600) for count in counts.values()) < 110  # five standard deviations
    assert list(another_order(rng, 1)) == [0]


def test_grids_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="5 x 5 tiles does not divide"):
        PatchShuffle(5).render(batch(1))
    with pytest.raises(ValueError, match="6 x 3 pixels"):
        PatchRotation(4).render(batch(1, 24))
