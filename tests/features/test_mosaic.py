"""Grids and atlases show, cell by cell, what a layer says there."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from eyechart.errors import SettingError
from eyechart.features import mosaic
from eyechart.features.mosaic import CELL, activation_grid, atlas, layout_of
from eyes import image_set
from features.rigged import SIDE, Rigged, model_of


def test_a_grid_is_red_where_the_image_is() -> None:
    image = np.full((1, SIDE, SIDE, 3), 60, np.uint8)
    image[0, :, : SIDE // 2, 0] = 255
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        net[0].weight[:] = torch.tensor([[1.0, -0.5, -0.5], [-0.5, 1.0, -0.5]])[..., None, None]
        net[0].bias.zero_()
    found = activation_grid(model_of(net), "1", image_set(image), "0000", steps=40)
    assert found.strength.shape == (8, 8)
    assert found.strength[:, :3].min() > 2 * found.strength[:, 5:].max()
    cell = found.picture[:CELL, :CELL].astype(float).mean((0, 1))
    assert cell[0] > cell[1] + 8


def test_an_atlas_of_few_images_has_empty_cells() -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, SIDE, SIDE, 3)).astype(np.uint8)
    found = atlas(model_of(Rigged()), "relu", image_set(images), [f"{i:04d}" for i in range(12)], steps=4)
    empty = np.isnan(found.strength)
    assert empty.any()
    assert not empty.all()
    row, column = np.argwhere(empty)[0]
    assert (found.picture[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] == 128).all()
    assert "principal" in found.told or "UMAP" in found.told


def test_the_same_seed_gives_the_same_atlas() -> None:
    images = image_set(np.random.default_rng(0).integers(0, 256, (6, SIDE, SIDE, 3)).astype(np.uint8))
    model, ids = model_of(Rigged()), [f"{i:04d}" for i in range(6)]
    one, two = (atlas(model, "relu", images, ids, steps=2) for _ in range(2))
    np.testing.assert_array_equal(one.picture, two.picture)
    assert np.nanmax(one.strength) == pytest.approx(np.nanmax(two.strength))


def test_a_layer_of_one_channel_has_an_atlas() -> None:
    images = image_set(np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3)).astype(np.uint8))
    net = nn.Sequential(nn.Conv2d(3, 1, 3), nn.Flatten(), nn.LazyLinear(3))
    net(torch.zeros(1, 3, SIDE, SIDE))
    found = atlas(model_of(net), "0", images, images.ids, steps=1)
    assert np.isfinite(found.strength).any()


LAYOUTS = [
    "components",
    pytest.param("umap", marks=pytest.mark.skipif(find_spec("umap") is None, reason="umap-learn is not installed")),
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_alike_lies_together_whatever_its_length(layout: mosaic.Layout) -> None:
    chance = np.random.default_rng(0)
    kinds = np.repeat([0, 1], 60)
    directions = np.eye(2, 12)[kinds] + 0.05 * chance.normal(size=(120, 12))
    state = np.random.get_state()[1].copy()
    plane, by = mosaic._laid_out(directions * chance.uniform(0.1, 10, (120, 1)), 0, layout)
    assert ("UMAP" if layout == "umap" else "principal") in by
    middles = np.stack([plane[kinds == kind].mean(0) for kind in (0, 1)])
    apart = np.linalg.norm(plane[:, None] - middles, axis=2)
    assert (apart.argmin(1) == kinds).all()
    np.testing.assert_array_equal(state, np.random.get_state()[1])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_silent_places_are_laid_out_too(layout: mosaic.Layout) -> None:
    vectors = np.abs(np.random.default_rng(0).normal(size=(40, 6)))
    vectors[:5] = 0
    assert np.isfinite(mosaic._laid_out(vectors, 0, layout)[0]).all()


def test_umap_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mosaic, "find_spec", lambda name: None)
    assert layout_of("auto") == "components"
    with pytest.raises(SettingError, match=r"eyechart\[umap\]"):
        layout_of("umap")
