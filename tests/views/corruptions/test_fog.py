"""Fog against a transcription of the published landscape, with the same chance, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eyechart.core.chance import generator
from eyechart.views.corruptions.fog import KINDS, fractal
from views.corruptions.frames import SIDES, Array, frames, levels


def plasma(chance: Array, decay: float) -> Array:
    """Diamond-square on one map, as published, but for where chance comes from."""
    side = len(chance)
    land, step, wibble = np.zeros((side, side)), side, 100.0
    while step >= 2:
        half = step // 2
        for y in range(half, side, step):
            for x in range(half, side, step):
                corners = [land[(y + a) % side, (x + b) % side] for a in (-half, half) for b in (-half, half)]
                land[y, x] = sum(corners) / 4 + wibble * wibble * chance[y, x]
        for y in range(0, side, half):
            for x in range((y + half) % step, side, step):
                around = [
                    land[(y + a) % side, (x + b) % side] for a, b in ((-half, 0), (half, 0), (0, -half), (0, half))
                ]
                land[y, x] = sum(around) / 4 + wibble * wibble * chance[y, x]
        step //= 2
        wibble /= decay
    land -= land.min()
    return land / land.max()


@pytest.mark.parametrize("side", [2, 4, 32, 64])
@pytest.mark.parametrize("decay", [1.4, 3])
def test_landscapes_are_those_published(side: int, decay: float) -> None:
    chance = np.random.default_rng(side).uniform(-1, 1, (2, side, side)).astype(np.float32)
    found = fractal(torch.from_numpy(chance), decay).numpy()
    np.testing.assert_allclose(found, [plasma(one.astype(float), decay) for one in chance], atol=1e-6)


@pytest.mark.parametrize(("column", "severity"), [("cifar", 1), ("tiny", 4), ("imagenet", 5)])
@pytest.mark.parametrize(("height", "width", "side"), [(32, 32, 32), (20, 33, 64), (1, 1, 2)])
def test_fog_is_the_published_sum(column: str, severity: int, height: int, width: int, side: int) -> None:
    x = frames(height, width)
    weight, decay = KINDS["fog"].levels[column][severity - 1]  # type: ignore[index]
    found = levels(x, "fog", severity, column=column, rounding="none")
    for number, (image, shown) in enumerate(zip(x / 255.0, found, strict=True)):
        chance = 2 * generator(5, f"corruption/fog/{side}", f"image {number}").random((side, side), np.float32) - 1
        land = plasma(chance.astype(float), decay)[:height, :width, None]
        expected = np.clip((image + weight * land) * image.max() / (image.max() + weight), 0, 1)
        np.testing.assert_allclose(shown, 255 * expected, atol=1e-3)


def test_landscapes_go_on_where_they_end() -> None:
    chance = torch.rand((20, 64, 64), generator=torch.Generator().manual_seed(0)) * 2 - 1
    land = fractal(chance, 2)
    steps = [(land - land.roll(1, axis)).abs() for axis in (1, 2)]
    for axis, step in zip((1, 2), steps, strict=True):
        across = step.select(axis, 0).mean()
        assert 0.7 < across / step.mean() < 1.4


def test_slower_decay_is_rougher() -> None:
    chance = torch.rand((20, 64, 64), generator=torch.Generator().manual_seed(1)) * 2 - 1
    rough = [(one - one.roll(1, 1)).abs().mean().item() for one in (fractal(chance, decay) for decay in (1.4, 2, 3))]
    assert rough[0] > 1.5 * rough[1]
    assert rough[1] > 1.1 * rough[2]


def test_fog_stays_in_the_range_of_the_image() -> None:
    x = (frames(32, 32)[:2] * 0.6).astype(np.uint8)
    for column in SIDES:
        for severity in range(1, 6):
            shown = levels(x, "fog", severity, column=column, rounding="none")
            assert (shown.max((1, 2, 3)) <= x.max((1, 2, 3)) + 1e-3).all()
    assert (levels(np.zeros((1, 16, 16, 3), np.uint8), "fog", 5) == 0).all()  # black stays black
